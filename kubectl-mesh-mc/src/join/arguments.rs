//! The arguments of a join, and the request made from them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use mesh_shared::cluster::connection_arguments::parse_duration;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::probe::ProbeImage;
use mesh_shared::model::istio::values;
use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::names::{ClusterName, MeshId, NetworkName};
use mesh_shared::model::pki::key::KeyAlgorithm;
use mesh_shared::model::seen::access::{AddressSource, ApiAddress};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::arguments::{ConsentArguments, ManifestFormat};
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::terminal::help;
use serde_json::Value;

use crate::join::members;
use crate::join::request::JoinRequest;
use crate::keep::values_file;

const EXAMPLES: &str = "\
# Two clusters, one mesh: shows the plan and asks once
kubectl mesh-mc join --contexts east,west

# In a pipeline: never asks, and keeps the root's key on a disk that stays
kubectl mesh-mc join --contexts east,west --yes --ca-dir /secure/mesh1

# A third cluster joins the two
kubectl mesh-mc join --contexts east,west,north

# What would be written, as manifests
kubectl mesh-mc join --contexts east,west -o yaml

# Peers reach west's API server by another address than its kubeconfig does
kubectl mesh-mc join --contexts east,west \\
    --api-server west=https://api.west.example.com:6443";

/// Bring two or more clusters into one mesh
///
/// Looks at all clusters before it writes to any, shows its plan on one screen, asks once, and proves at the end that
/// every control plane sees every other. It can be interrupted at any time and run again: it goes on from what exists.
/// On a finished mesh it changes nothing. docs/join.md describes what each phase writes.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, help::EXIT_CODES))]
pub struct JoinArguments {
    /// Contexts of the kubeconfig, two or more
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', required = true, help_heading = "Mesh")]
    pub contexts: Vec<String>,
    /// Name of the mesh
    ///
    /// By default that of an existing control plane, else mesh1.
    #[arg(long, value_name = "NAME", value_parser = named(MeshId::new), help_heading = "Mesh")]
    pub mesh_id: Option<MeshId>,
    /// Name of a cluster in the mesh
    ///
    /// By default the context's name made a DNS label. May be repeated.
    #[arg(long = "cluster-name", value_name = "CONTEXT=NAME", help_heading = "Mesh")]
    pub cluster_names: Vec<String>,
    /// Network of a cluster
    ///
    /// By default the one that it is already in, else network-NAME. May be repeated.
    #[arg(long = "network", value_name = "NAME=NETWORK", help_heading = "Mesh")]
    pub networks: Vec<String>,
    /// API server address that peers use
    ///
    /// By default found in the cluster, and proved from the others. May be repeated.
    #[arg(long = "api-server", value_name = "NAME=URL", help_heading = "Mesh")]
    pub api_servers: Vec<String>,
    /// Folder that keeps the root's key
    ///
    /// The intermediates are kept there too. By default $XDG_DATA_HOME/mesh-mc/MESH, else ~/.local/share/mesh-mc/MESH;
    /// without a terminal, a new root needs it.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Certificates")]
    pub ca_dir: Option<PathBuf>,
    /// Algorithm of the keys
    ///
    /// For the root and the intermediates: rsa-4096, rsa-2048 or ecdsa-p256.
    #[arg(long, value_name = "ALGORITHM", default_value = "rsa-4096", value_parser = ["rsa-4096", "rsa-2048", "ecdsa-p256"],
        hide_possible_values = true, help_heading = "Certificates")]
    pub key_algorithm: String,
    /// Version of Istio, as the operator names it
    ///
    /// By default the operator's own.
    #[arg(long, value_name = "VERSION", help_heading = "Istio")]
    pub istio_version: Option<String>,
    /// Value for Istio, such as pilot.replicaCount=2
    ///
    /// In the syntax of helm's --set. May be repeated; overrides --values.
    #[arg(long = "set", value_name = "PATH=VALUE", help_heading = "Istio")]
    pub set: Vec<String>,
    /// Value for Istio, always a string
    ///
    /// Such as pilot.env.KEY=true. May be repeated; overrides --set.
    #[arg(long = "set-string", value_name = "PATH=TEXT", help_heading = "Istio")]
    pub set_string: Vec<String>,
    /// File with values for Istio
    ///
    /// May be repeated: later ones win.
    #[arg(long = "values", value_name = "FILE", help_heading = "Istio")]
    pub values: Vec<PathBuf>,
    /// Annotation of the gateways' Services
    ///
    /// May be repeated.
    #[arg(long = "gateway-annotation", value_name = "KEY=VALUE", help_heading = "Gateways")]
    pub gateway_annotations: Vec<String>,
    /// Give the gateways internal addresses
    ///
    /// Adds the load balancer annotation for the cloud of the cluster's nodes.
    #[arg(long, help_heading = "Gateways")]
    pub gateway_internal: bool,
    /// Start no probe pods, prove no address
    #[arg(long, help_heading = "Probe")]
    pub no_probe: bool,
    #[arg(long, value_name = "IMAGE", default_value = ProbeImage::DEFAULT, hide_default_value = true, help_heading = "Probe",
        help = "Image of the probe pods", long_help = format!("Image of the probe pods\n\nBy default {}.", ProbeImage::DEFAULT))]
    pub probe_image: String,
    /// Pull Secret for the probe's image
    ///
    /// Given as NAMESPACE/NAME; it must exist in every cluster.
    #[arg(long, value_name = "SECRET", help_heading = "Probe")]
    pub image_pull_secret: Option<PullSecret>,
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// Print manifests instead of writing: yaml or json
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true, help_heading = "Write")]
    pub output: Option<ManifestFormat>,
    /// Print Secrets too, with their keys
    #[arg(long, requires = "output", help_heading = "Write")]
    pub show_secrets: bool,
    /// How long the join may take in total
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration, help_heading = "Write")]
    pub timeout: Duration,
}

impl JoinArguments {
    /// The request, with every name and value checked.
    ///
    /// # Errors
    /// A usage error for an invalid name or value.
    pub fn request(&self, managed_by: &'static str) -> Result<JoinRequest> {
        if self.contexts.len() < 2 {
            return Err(Error::usage("a mesh needs two clusters or more")
                .because(format!("--contexts names {}", self.contexts.join(", ")))
                .fix("name them: --contexts east,west"));
        }
        let mut merged = Value::Object(serde_json::Map::new());
        for file in &self.values {
            values::merge(&mut merged, values_file::read(file)?);
        }
        for text in &self.set {
            values::merge(&mut merged, values::parse_set(text)?);
        }
        for text in &self.set_string {
            values::merge(&mut merged, values::parse_set_string(text)?);
        }
        Ok(JoinRequest {
            managed_by,
            mesh: self.mesh_id.clone(),
            istio_version: self.istio_version.clone(),
            values: merged,
            cluster_names: pairs("--cluster-name", "CONTEXT=NAME", &self.cluster_names, |name| ClusterName::new(name))?,
            networks: pairs("--network", "NAME=NETWORK", &self.networks, |name| NetworkName::new(name))?,
            api_servers: self.given()?,
            key_algorithm: self.key_algorithm.parse::<KeyAlgorithm>()?,
            gateway_annotations: pairs("--gateway-annotation", "KEY=VALUE", &self.gateway_annotations, |value| {
                Ok(value.to_owned())
            })?,
            gateway_internal: self.gateway_internal,
            probe: !self.no_probe,
            system_namespace: "istio-system".into(),
            cni_namespace: "istio-cni".into(),
        })
    }

    fn given(&self) -> Result<BTreeMap<String, String>> {
        pairs("--api-server", "NAME=https://HOST:PORT", &self.api_servers, |url| {
            let host = url.strip_prefix("https://").unwrap_or_default().trim_end_matches('/');
            if host.is_empty() || host.contains(['/', ' ', '@', '?']) {
                return Err(Error::usage(format!("--api-server {url:?} is not the address of an API server"))
                    .fix("write it as NAME=https://HOST:PORT"));
            }
            Ok(url.trim_end_matches('/').to_owned())
        })
    }
}

/// Replaces the addresses found by the one given with `--api-server`, once with every known authority.
pub(super) fn add_given_address(request: &JoinRequest, cluster: &Cluster, seen: &mut ObservedCluster) {
    let Ok(name) = members::name(request, seen) else { return };
    let Some(url) = request.api_servers.get(name.as_str()) else { return };
    let mut authorities: Vec<String> = seen.access.api_addresses.iter().map(|address| address.ca_pem.clone()).collect();
    authorities.extend(cluster.server_ca_pem.clone());
    authorities.sort();
    authorities.dedup();
    seen.access.api_addresses = authorities
        .into_iter()
        .map(|ca_pem| ApiAddress { url: url.clone(), ca_pem, source: AddressSource::Given })
        .collect();
}

fn named<T: Clone + Send + Sync + 'static>(
    parse: fn(String) -> Result<T>,
) -> impl Fn(&str) -> Result<T> + Clone + Send + Sync {
    move |text| parse(text.to_owned())
}

/// Parses `KEY=VALUE` arguments. If the key is a context, they are split at the last `=`, since contexts may contain
/// one.
fn pairs<T>(
    flag: &str,
    form: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T>,
) -> Result<BTreeMap<String, T>> {
    let mut map = BTreeMap::new();
    for text in texts {
        let parted = if form.starts_with("CONTEXT") { text.rsplit_once('=') } else { text.split_once('=') };
        let Some((key, value)) = parted.filter(|(key, _)| !key.is_empty()) else {
            return Err(
                Error::usage(format!("{flag} {text:?} is not understood")).fix(format!("write it as {flag} {form}"))
            );
        };
        if map.insert(key.to_owned(), parse(value)?).is_some() {
            return Err(Error::usage(format!("{flag} names {key:?} twice")).fix("give it one of the two values"));
        }
    }
    Ok(map)
}
