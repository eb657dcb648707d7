//! Which images the lab has, and what is in each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mesh_shared::cluster::probe::ProbeImage;
use serde_json::json;

use super::archive::Image;
use super::layer::{Node, Tree, with_folder, with_libraries};
use crate::build::process::find_program;
use crate::build::release::{HUB, OTHER_HUBS};
use crate::build::versions::ISTIO_STAMP;

/// Where the programs are that go into images.
pub(in crate::build) struct Ingredients {
    pub(in crate::build) istio: PathBuf,
    pub(in crate::build) coredns: PathBuf,
    pub(in crate::build) envoy: PathBuf,
    pub(in crate::build) pause: PathBuf,
    pub(in crate::build) helloworld: PathBuf,
    pub(in crate::build) probe: PathBuf,
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where iptables looks for its matches and targets, by distribution.
const XTABLES_FOLDERS: &[&str] =
    &["/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib64/xtables", "/usr/lib/xtables", "/lib/xtables"];

/// The product's probe: one static program that runs as an unprivileged user.
pub(super) fn probe(program: &Path) -> Image {
    Image {
        reference: ProbeImage::DEFAULT.to_owned(),
        also: Vec::new(),
        config: json!({ "Entrypoint": ["/mesh-probe"], "Cmd": ["wait"], "User": "65532:65532", "Env": ["PATH=/"] }),
        tree: Tree::default().file(program, "/mesh-probe"),
    }
}

pub(super) fn all(from: &Ingredients) -> Result<Vec<Image>> {
    let shell = shell()?;
    let curl = find_program("curl").context("no curl on this machine")?;
    let bootstrap = |tree: Tree| {
        tree.file(from.istio.join("envoy_bootstrap.json"), "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json")
    };
    let filters = packet_filters(shell.clone())?;
    let mut images = vec![
        image("pause:1", json!({ "Entrypoint": ["/pause"] }), Tree::default().file(&from.pause, "/pause")),
        image("coredns:1", json!({ "Entrypoint": ["/coredns"] }), Tree::default().file(&from.coredns, "/coredns")),
        Image {
            // The one of Istio's samples.
            also: vec!["docker.io/curlimages/curl:8.16.0".to_owned()],
            ..image(
                "curl:1",
                // Sleeps as `sleep infinity` does, but ends at once when it is asked to.
                json!({ "Entrypoint": ["/bin/pause"], "Env": [PATH] }),
                with_libraries(shell.clone(), &curl)?.file(&curl, "/usr/bin/curl").file(&from.pause, "/bin/pause"),
            )
        },
        istio(
            "pilot",
            // Envoy as its own project builds it lacks the two filters that Istio adds to its own: istiod must not
            // configure them. It is here so that neither a user's values nor an operator need to know of it.
            json!({
                "Entrypoint": ["/usr/local/bin/pilot-discovery"],
                "User": "1337:1337",
                "Env": [PATH, "PILOT_ENABLE_ALPN_FILTER=false", "PILOT_ENABLE_METADATA_EXCHANGE=false"],
            }),
            bootstrap(shell.clone()).file(from.istio.join("pilot-discovery"), "/usr/local/bin/pilot-discovery"),
        ),
        istio(
            "proxyv2",
            json!({ "Entrypoint": ["/usr/local/bin/pilot-agent"], "Env": [PATH] }),
            // Where there is no CNI plugin, each pod's own first container sets the rules of its network by iptables.
            bootstrap(with_libraries(filters.clone(), &from.envoy)?)
                .file(&from.envoy, "/usr/local/bin/envoy")
                .file(from.istio.join("pilot-agent"), "/usr/local/bin/pilot-agent"),
        ),
        istio(
            "install-cni",
            json!({
                "Entrypoint": ["/usr/local/bin/install-cni"],
                "Env": [format!("{PATH}:/opt/cni/bin")],
                "WorkingDir": "/opt/cni/bin",
            }),
            filters
                .file(from.istio.join("install-cni"), "/usr/local/bin/install-cni")
                .file(from.istio.join("istio-cni"), "/opt/cni/bin/istio-cni"),
        ),
        probe(&from.probe),
    ];
    for version in ["v1", "v2"] {
        let helloworld = image(
            &format!("helloworld:{version}"),
            json!({ "Entrypoint": ["/helloworld"], "Env": [PATH, format!("SERVICE_VERSION={version}")] }),
            Tree::default().file(&from.helloworld, "/helloworld"),
        );
        let samples = [HUB, OTHER_HUBS[0]].map(|hub| format!("{hub}/examples-helloworld-{version}:1.0"));
        images.push(Image { also: samples.to_vec(), ..helloworld });
    }
    Ok(images)
}

fn image(name: &str, config: serde_json::Value, tree: Tree) -> Image {
    Image { reference: format!("docker.io/lab/{name}"), also: Vec::new(), config, tree }
}

/// An image of Istio's own, where its releases have it.
fn istio(name: &str, config: serde_json::Value, tree: Tree) -> Image {
    let at = |hub: &str| format!("{hub}/{name}:{ISTIO_STAMP}");
    Image { reference: at(HUB), also: OTHER_HUBS.map(at).to_vec(), config, tree }
}

fn shell() -> Result<Tree> {
    let busybox = find_program("busybox").context("no busybox on this machine")?;
    let tree = with_libraries(Tree::default(), &busybox)?
        .file(busybox, "/bin/busybox")
        .put("/tmp", Node::Folder { mode: 0o1777 });
    let names = ["sh", "cat", "ls", "sleep", "echo", "env", "grep", "nslookup", "wget"];
    Ok(names.iter().fold(tree, |tree, name| tree.put(Path::new("/bin").join(name), Node::Link("/bin/busybox"))))
}

/// iptables on nftables and nft: with these a pod's istio-init sets its rules where there is no CNI plugin, and the
/// plugin's agent repairs pods that started before it did.
///
/// Both look for `iptables-nft`, and for the plain name where that is missing; the agent binds a file over
/// nsswitch.conf and the lock, so both must exist (tools/istio-iptables/pkg/dependencies/implementation_linux.go).
fn packet_filters(tree: Tree) -> Result<Tree> {
    let iptables = find_program("iptables-nft").context("no iptables-nft on this machine")?.canonicalize()?;
    let nft = find_program("nft").context("no nft on this machine")?;
    let extensions = XTABLES_FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir());
    let extensions = extensions.context("no folder of iptables extensions (xtables) on this machine")?;
    let mut tree = with_folder(with_libraries(with_libraries(tree, &iptables)?, &nft)?, extensions)?
        .file(iptables, "/usr/sbin/xtables-nft-multi")
        .file(nft, "/usr/sbin/nft")
        .put("/etc/nsswitch.conf", Node::Text(""))
        .put("/run/xtables.lock", Node::Text(""));
    for family in ["iptables", "ip6tables"] {
        for verb in ["", "-save", "-restore"] {
            for variant in ["", "-nft"] {
                let name = Path::new("/usr/sbin").join(format!("{family}{variant}{verb}"));
                tree = tree.put(name, Node::Link("xtables-nft-multi"));
            }
        }
    }
    Ok(tree)
}
