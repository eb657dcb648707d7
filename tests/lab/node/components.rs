//! The components of a node: how each is called and with which settings it runs.

use std::fmt;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::spec::{API_PORT, Cluster, DNS, Extent, FRONT_PORT, PODS, SERVICES, SailVersion, Spec};
use crate::{audit, pki, registry};

/// One process of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Component {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
    Registry,
    Containerd,
    Kubelet,
    KubeProxy,
    Balancer,
    TlsFront,
    SailStandIn,
}

impl Component {
    /// As it is called everywhere: its program, its log, the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Registry => "registry",
            Self::Containerd => "containerd",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::Balancer => "balancer",
            Self::TlsFront => "tls-front",
            Self::SailStandIn => "sail-stand-in",
        }
    }

    /// The components of a cluster.
    pub fn of(cluster: &Cluster) -> Vec<Self> {
        Self::value_variants()
            .iter()
            .copied()
            .filter(|component| match component {
                component if component.is_of_control_plane() => true,
                Self::SailStandIn => cluster.sail.is_some(),
                Self::TlsFront => cluster.tls_front,
                _ => cluster.has_node(),
            })
            .collect()
    }

    /// Whether it runs in every cluster, as the user of that cluster's control plane.
    fn is_of_control_plane(self) -> bool {
        matches!(self, Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager)
    }

    /// The port at which others reach it from outside its node, if they can.
    pub fn outside_port(self) -> Option<u16> {
        match self {
            Self::KubeApiserver => Some(API_PORT),
            Self::TlsFront => Some(FRONT_PORT),
            Self::Kubelet => Some(10250),
            _ => None,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The controllers of a cluster that holds what was recorded elsewhere: those that namespaces, accounts and tokens come and go
/// by. None is among them that looks at workloads, nodes, endpoints or owners, or that writes a status.
const CONTROLLERS_RECORDED: [&str; 5] = [
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
];

/// Where the log of a component is in the folder of its cluster.
pub fn log_file(folder: &Path, component: Component) -> std::path::PathBuf {
    folder.join("log").join(format!("{component}.log"))
}

/// Writes the settings that the components read from files.
pub fn write_settings(spec: &Spec, cluster: &Cluster, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("log"))?;
    audit::write_policy(folder)?;
    own(folder, spec.user(cluster))?;
    if !cluster.has_node() {
        return Ok(());
    }
    let plugins = folder.join("cni-bin/bin");
    fs::create_dir_all(&plugins)?;
    for plugin in ["bridge", "host-local", "loopback", "portmap"] {
        fs::copy(spec.parts.bin.join(plugin), plugins.join(plugin)).with_context(|| format!("CNI plugin {plugin}"))?;
    }
    fs::create_dir_all(folder.join("cni-conf/net.d"))?;
    fs::write(folder.join("cni-conf/net.d/10-bridge.conflist"), pod_network())?;
    fs::write(folder.join("containerd.toml"), containerd(&spec.parts.bin, &folder.join("registries")))?;
    fs::create_dir_all(folder.join("registries/_default"))?;
    fs::write(folder.join("registries/_default/hosts.toml"), registry::hosts_file())?;
    fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
    fs::write(folder.join("kubelet.yaml"), kubelet(cluster, folder))?;
    fs::write(folder.join("kube-proxy.yaml"), kube_proxy(cluster, folder))?;
    Ok(())
}

/// Gives the user of the control plane what it reads and writes.
fn own(folder: &Path, user: u32) -> Result<()> {
    for name in ["etcd", "audit", "pki", "kubeconfig"] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        if name == "etcd" {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        }
        for entry in fs::read_dir(&folder)? {
            chown(entry?.path(), Some(user), Some(user))?;
        }
        chown(&folder, Some(user), Some(user)).with_context(|| format!("{}", folder.display()))?;
    }
    Ok(())
}

fn pod_network() -> String {
    json!({"cniVersion": "1.0.0", "name": "lab", "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam": {
            "type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": true}},
    ]})
    .to_string()
}

fn containerd(bin: &Path, registries: &Path) -> String {
    // Without CAP_SYS_RESOURCE no sandbox starts unless restrict_oom_score_adj is set.
    format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "docker.io/lab/pause:1"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = {}
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "{}"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"
"#,
        // A JSON string is a TOML string, whatever is in the path.
        json!(registries.to_string_lossy()),
        bin.join("runc").display()
    )
}

fn kubelet(cluster: &Cluster, folder: &Path) -> String {
    let pki = folder.join("pki");
    // Images were there before the kubelet, which it would count as pulled by someone else.
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": true}, "x509": {"clientCAFile": pki.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [DNS], "clusterDomain": cluster.domain,
        "failCgroupV1": false, "cgroupDriver": "cgroupfs", "enforceNodeAllocatable": [], "failSwapOn": false,
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "tlsCertFile": pki.join("kubelet.crt"), "tlsPrivateKeyFile": pki.join("kubelet.key"),
        "volumePluginDir": folder.join("volume-plugins"),
        "imageGCHighThresholdPercent": 100, "evictionHard": {},
        "resolvConf": folder.join("resolv.conf"),
    })
    .to_string()
}

fn kube_proxy(cluster: &Cluster, folder: &Path) -> String {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": folder.join("kubeconfig/kube-proxy")},
        "mode": "iptables", "clusterCIDR": PODS, "hostnameOverride": cluster.node(),
        "conntrack": {"maxPerCore": 0, "min": 0},
    })
    .to_string()
}

/// The command that runs a component in the folder of its cluster.
pub fn command(component: Component, spec: &Spec, cluster: &Cluster) -> Command {
    let mut command = match component {
        Component::Balancer | Component::Registry | Component::TlsFront => Command::new(spec.parts.own.join("meshlab")),
        Component::SailStandIn => Command::new(spec.parts.own.join("sail-stand-in")),
        _ => Command::new(spec.parts.bin.join(component.name())),
    };
    match component {
        Component::Etcd => command.args([
            "--name=lab",
            "--data-dir=etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
        ]),
        Component::KubeApiserver => command.args(api_server(cluster)),
        Component::KubeControllerManager => {
            if cluster.extent == Extent::Recorded {
                command.arg(format!("--controllers={}", CONTROLLERS_RECORDED.join(",")));
            }
            command.args([
                "--kubeconfig=kubeconfig/kube-controller-manager",
                "--service-account-private-key-file=pki/sa.key",
                "--root-ca-file=pki/ca.crt",
                "--cluster-signing-cert-file=pki/ca.crt",
                "--cluster-signing-key-file=pki/ca.key",
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--kube-api-qps=1000",
                "--kube-api-burst=1000",
            ])
        }
        Component::KubeScheduler => command.args(["--kubeconfig=kubeconfig/kube-scheduler", "--leader-elect=false"]),
        Component::Registry => command.args(["registry", "--store"]).arg(&spec.parts.store),
        Component::Containerd => command.args(["--config=containerd.toml"]),
        Component::Kubelet => {
            if cluster.external_ip {
                // The balancer is the cloud that says which addresses the node has.
                command.arg("--cloud-provider=external");
            }
            command.args([
                "--kubeconfig=kubeconfig/kubelet".to_owned(),
                "--config=kubelet.yaml".to_owned(),
                format!("--hostname-override={}", cluster.node()),
                format!("--node-ip={}", cluster.address()),
                format!(
                    "--node-labels=topology.kubernetes.io/region={},topology.kubernetes.io/zone={}",
                    cluster.region(),
                    cluster.zone()
                ),
            ])
        }
        Component::KubeProxy => command.args(["--config=kube-proxy.yaml"]),
        Component::Balancer => command.args(["balancer", "--kubeconfig=kubeconfig/admin", "--cluster"]).arg(
            // It is the same program: what it is to do is passed on as it is in the spec.
            serde_json::to_string(cluster).unwrap_or_default(),
        ),
        Component::SailStandIn => {
            let api = cluster.sail.unwrap_or(SailVersion::V1).as_str();
            command.args(["--kubeconfig=kubeconfig/admin", "--api", api]);
            command.arg("--charts").arg(spec.parts.charts()).arg("--helm").arg(spec.parts.bin.join("helm"));
            if cluster.extent == Extent::Recorded {
                command.arg("--crds-only");
            }
            if let Some(crds) = &spec.sail_crds {
                command.arg("--crds").arg(crds.join(api));
            }
            &mut command
        }
        Component::TlsFront => command.args(["tls-front", "--pki=pki", "--listen"]).arg(cluster.api().to_string()),
    };
    if component.is_of_control_plane() {
        let user = spec.user(cluster);
        command.uid(user).gid(user);
    }
    command
}

fn api_server(cluster: &Cluster) -> Vec<String> {
    let address = cluster.address();
    let mut arguments = vec![
        format!("--advertise-address={address}"),
        format!("--secure-port={API_PORT}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--service-account-issuer=https://kubernetes.default.svc.{}", cluster.domain),
    ];
    arguments.extend(
        [
            "--etcd-servers=http://127.0.0.1:2379",
            "--tls-cert-file=pki/apiserver.crt",
            "--tls-private-key-file=pki/apiserver.key",
            "--client-ca-file=pki/ca.crt",
            "--service-account-key-file=pki/sa.pub",
            "--service-account-signing-key-file=pki/sa.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--kubelet-client-certificate=pki/apiserver-kubelet.crt",
            "--kubelet-client-key=pki/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--requestheader-client-ca-file=pki/front-ca.crt",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            "--proxy-client-cert-file=pki/front.crt",
            "--proxy-client-key-file=pki/front.key",
            "--allow-privileged=true",
            "--enable-aggregator-routing=true",
        ]
        .map(str::to_owned),
    );
    if cluster.tls_front {
        // A client certificate ends where TLS ends.
        arguments.push(format!("--token-auth-file=pki/{}", pki::TOKENS));
    }
    arguments.extend(audit::api_server_flags());
    arguments
}
