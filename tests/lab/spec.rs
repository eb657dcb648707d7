//! What a lab is asked to be: its clusters, their names and addresses, and the knobs of each.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first address of the network between the nodes; it belongs to the side from which a person's kubectl comes.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The range of cluster addresses, the same in every cluster on purpose: only gateways connect them.
pub const SERVICES: &str = "10.96.0.0/16";
/// The range of pod addresses, the same in every cluster too.
pub const PODS: &str = "10.244.0.0/16";
/// The cluster address of CoreDNS.
pub const DNS: &str = "10.96.0.10";
/// The port of every API server inside its node.
pub const API_PORT: u16 = 6443;
/// The port of an API server's TLS front, where there is one.
pub const FRONT_PORT: u16 = 8443;

/// The version of the Sail API that a cluster serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SailVersion {
    /// The API of today.
    V1,
    /// The API of the technology previews.
    V1alpha1,
}

impl SailVersion {
    /// As written in an apiVersion.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1alpha1 => "v1alpha1",
        }
    }
}

/// The domain that clusters have unless another is given.
pub const DOMAIN: &str = "cluster.local";
/// How many addresses a cluster's load balancer gives out; those above, up to [`LAST`], lead to its node as well.
pub const BALANCED: u8 = 99;
/// The last number in a cluster's range: its node's external address.
pub const LAST: u8 = 254;

/// What a Service of type LoadBalancer gets as its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Balancer {
    /// An address of its own, as most clouds do.
    Ip,
    /// A name of its own that every cluster of the lab resolves, as AWS does.
    Hostname,
    /// Nothing, for ever: a cluster without a load balancer.
    Pending,
}

impl Balancer {
    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Hostname => "hostname",
            Self::Pending => "pending",
        }
    }
}

/// How much of a cluster there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// All of it.
    Whole,
    /// Only etcd, the API server and the controller manager: no node, no pods.
    ApiOnly,
    /// The same, with the Sail API but no operator, and no controller that would change what was recorded elsewhere.
    Recorded,
}

/// One cluster of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The name of its context. Everything else is named otherwise, so that a mix-up shows.
    pub name: String,
    /// Its place in the lab, from 1, and the third number of the addresses that are its own.
    pub index: u8,
    /// The Sail API that it serves; none: neither CRDs nor an operator.
    pub sail: Option<SailVersion>,
    /// What its load balancer does.
    pub balancer: Balancer,
    /// How much of a cluster it is.
    pub extent: Extent,
    /// Whether its node has an external address.
    pub external_ip: bool,
    /// What names of Services in it end with.
    pub domain: String,
    /// Kubeconfigs lead to a front of the API server that ends TLS, with a certificate of an authority that is not the cluster's.
    pub tls_front: bool,
    /// Kubeconfigs lead to the API server's own address, by a proxy.
    pub connect_proxy: bool,
}

impl Cluster {
    /// Whether it has a node, and with it pods.
    pub fn has_node(&self) -> bool {
        self.extent == Extent::Whole
    }

    /// The name of its only node.
    pub fn node(&self) -> String {
        format!("{}-node-1", self.name)
    }

    /// The region of its node.
    pub fn region(&self) -> String {
        format!("{}-region", self.name)
    }

    /// The zone of its node.
    pub fn zone(&self) -> String {
        format!("{}-region-a", self.name)
    }

    /// The name that a hostname balancer gives out for its address of this number, from 1.
    pub fn balancer_host(&self, number: u8) -> String {
        match number {
            1 => format!("lb.{}.test", self.name),
            more => format!("lb-{more}.{}.test", self.name),
        }
    }

    /// Where its API server is reached by those who come by its kubeconfig, inside the network between the nodes.
    pub fn api(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address(), if self.tls_front { FRONT_PORT } else { API_PORT })
    }

    /// The address of this number, from 1, in the cluster's own range, all of which leads to its node.
    pub fn own_address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, self.index, number)
    }

    /// The address of its node in the network between the nodes.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, 0, 10 + self.index)
    }
}

/// The programs, images and charts that a lab is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The folder with every program of a node.
    pub bin: PathBuf,
    /// A containerd root with all images, to be linked into each node.
    pub store: PathBuf,
    /// Istio as its release's archive unpacks: `manifests`, `samples` and `tools`.
    pub istio: PathBuf,
    /// The folder of `meshlab` and `sail-stand-in` themselves.
    pub own: PathBuf,
}

impl Parts {
    /// Istio's charts.
    pub fn charts(&self) -> PathBuf {
        self.istio.join("manifests/charts")
    }
}

/// A whole lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name on this machine.
    pub id: String,
    /// Its clusters, in the order in which they were asked for.
    pub clusters: Vec<Cluster>,
    /// What it is made of.
    pub parts: Parts,
    /// A folder with `v1/` and `v1alpha1/` of other CRDs than the stand-in's own.
    pub sail_crds: Option<PathBuf>,
    /// How long a cluster may take until it is Ready, in seconds.
    pub timeout: u64,
}

impl Spec {
    /// The cluster of a name.
    pub fn cluster(&self, name: &str) -> Result<&Cluster> {
        match self.clusters.iter().find(|cluster| cluster.name == name) {
            Some(cluster) => Ok(cluster),
            None => bail!(
                "lab {} has no cluster {name}; it has {}",
                self.id,
                self.clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

/// What names of Services end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(pub String);

impl Spec {
    /// The user as whom a cluster's control plane runs: nobody else's on this machine, since the kernel lets one user watch few files.
    pub fn user(&self, cluster: &Cluster) -> u32 {
        let digest = Sha256::digest(&self.id);
        USERS | u32::from(digest[0]) << 16 | u32::from(digest[1]) << 8 | u32::from(cluster.index)
    }
}

/// The first of the users that are the lab's: far above those of people and of containers.
const USERS: u32 = 1 << 30;

/// A knob as given: for every cluster (`pending`) or for one (`east=pending`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<T> {
    cluster: Option<String>,
    value: T,
}

impl<T: ValueEnum> FromStr for Choice<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (cluster, value) = match text.split_once('=') {
            Some((cluster, value)) => (Some(cluster.to_owned()), value),
            None => (None, text),
        };
        Ok(Self { cluster, value: T::from_str(value, false)? })
    }
}

impl FromStr for Choice<Domain> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (cluster, value) = match text.split_once('=') {
            Some((cluster, value)) => (Some(cluster.to_owned()), value),
            None => (None, text),
        };
        for label in value.split('.') {
            check_name("domain", label).map_err(|error| error.to_string())?;
        }
        Ok(Self { cluster, value: Domain(value.to_owned()) })
    }
}

impl<T: Clone> Choice<T> {
    /// The value for a cluster: the last choice that is meant for it.
    pub fn of(choices: &[Self], cluster: &str) -> Option<T> {
        choices
            .iter()
            .rev()
            .find(|choice| choice.cluster.as_deref().is_none_or(|name| name == cluster))
            .map(|choice| choice.value.clone())
    }

    /// The clusters that choices name.
    pub fn named(choices: &[Self]) -> impl Iterator<Item = &str> {
        choices.iter().filter_map(|choice| choice.cluster.as_deref())
    }
}

/// Refuses a name that cannot be a host name, a folder and a context at once.
pub fn check_name(what: impl fmt::Display, name: &str) -> Result<()> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty()
            && name.len() <= 40
            && name.chars().all(inside)
            && !name.starts_with('-')
            && !name.ends_with('-'),
        "{what} `{name}` is not a name: 1 to 40 of a-z, 0-9 and -, neither first nor last -"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_choice_that_is_meant_for_a_cluster_wins() {
        let choices: Vec<Choice<Balancer>> =
            ["ip", "east=pending", "west=hostname"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(Choice::of(&choices, "east"), Some(Balancer::Pending));
        assert_eq!(Choice::of(&choices, "west"), Some(Balancer::Hostname));
        assert_eq!(Choice::of(&choices, "north"), Some(Balancer::Ip));
    }

    #[test]
    fn a_domain_is_made_of_names() {
        let choices = ["east=corp.example", "lab.internal"].map(str::parse::<Choice<Domain>>);
        assert!(choices.iter().all(Result::is_ok));
        for bad in ["", "east=", "a..b", ".a", "a.B"] {
            assert!(bad.parse::<Choice<Domain>>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_cannot_be_host_names_are_refused() {
        for bad in ["", "-a", "a-", "East", "a_b", "a/b", &"a".repeat(41)] {
            assert!(check_name("cluster", bad).is_err(), "{bad}");
        }
        assert!(check_name("cluster", "east-2").is_ok());
    }
}
