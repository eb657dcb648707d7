//! A registry of the lab's images, which every node has at home. The kubelet asks it as it would ask those in the
//! internet, whose names it answers to: an image may be pulled always, as a gateway's is that istiod fills in, and one
//! that is not there is known not to be at once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Request, reply};

/// The list of all images by name, in the store.
pub(crate) const INDEX: &str = "images.json";
/// Where containerd keeps contents by their digests, in the store.
const BLOBS: &str = "io.containerd.content.v1.content/blobs/sha256";
/// The port at 127.0.0.1 of every node.
const PORT: u16 = 5000;
/// The headers of an answer without a body.
const NOTHING: &str = "connection: close\r\ncontent-length: 0\r\n";

/// What containerd is told of where to ask: the file for all registries that have none of their own.
pub(crate) fn hosts_file() -> String {
    let address = format!("http://127.0.0.1:{PORT}");
    format!("server = \"{address}\"\n[host.\"{address}\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

/// Answers for ever with the images of a store.
pub(crate) async fn run(store: &Path) -> Result<()> {
    let images = Arc::new(Images::read(store)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await.context("listen")?;
    loop {
        let (connection, _) = listener.accept().await?;
        let images = Arc::clone(&images);
        tokio::spawn(async move {
            if let Err(error) = answer(connection, &images).await {
                tracing::warn!("{error:#}");
            }
        });
    }
}

/// A file of the store, as a registry tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
}

struct Images {
    blobs: PathBuf,
    by_name: BTreeMap<String, Descriptor>,
}

impl Images {
    fn read(store: &Path) -> Result<Self> {
        let path = store.join(INDEX);
        let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(Self { blobs: store.join(BLOBS), by_name: named(&serde_json::from_slice(&text)?)? })
    }

    /// What is at an address of the registry, if anything is.
    fn find(&self, wanted: &Wanted<'_>) -> Option<Descriptor> {
        match wanted {
            Wanted::Image(name) => self.by_name.get(name).cloned(),
            Wanted::Content(digest) => {
                let manifest = self.by_name.values().find(|manifest| manifest.digest == *digest).cloned();
                let media_type = || "application/octet-stream".to_owned();
                Some(manifest.unwrap_or_else(|| Descriptor { media_type: media_type(), digest: (*digest).to_owned() }))
            }
            Wanted::Hello => None,
        }
    }
}

fn named(index: &Value) -> Result<BTreeMap<String, Descriptor>> {
    let manifests = index["manifests"].as_array().context("the list of images has no manifests")?;
    let entry = |manifest: &Value| {
        let name = manifest["annotations"]["io.containerd.image.name"].as_str().context("an image without a name")?;
        Ok((name.to_owned(), Descriptor::deserialize(manifest)?))
    };
    manifests.iter().map(entry).collect()
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    /// Whether there is a registry.
    Hello,
    /// The manifest of an image by its full name.
    Image(String),
    /// Something by its digest.
    Content(&'a str),
}

impl<'a> Wanted<'a> {
    /// By the target of a request: `/v2/release/pilot/manifests/1.31?ns=registry.istio.io`.
    fn of(target: &'a str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return Some(Self::Hello);
        }
        let (name, reference) = rest.split_once("/manifests/").or_else(|| rest.split_once("/blobs/"))?;
        if let Some(digest) = reference.strip_prefix("sha256:") {
            let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            return is_digest.then_some(Self::Content(reference));
        }
        let registry = query.split('&').find_map(|pair| pair.strip_prefix("ns="))?;
        Some(Self::Image(format!("{registry}/{name}:{reference}")))
    }
}

async fn answer(mut connection: TcpStream, images: &Images) -> Result<()> {
    let Request { method, target } = Request::read(&mut connection).await?;
    let wanted = Wanted::of(&target);
    if wanted == Some(Wanted::Hello) {
        return reply(&mut connection, "200 OK", NOTHING).await;
    }
    let found = wanted.and_then(|wanted| images.find(&wanted));
    let file = match &found {
        Some(found) => {
            let name = found.digest.trim_start_matches("sha256:");
            tokio::fs::File::open(images.blobs.join(name)).await.ok()
        }
        None => None,
    };
    let (Some(found), Some(mut file)) = (found, file) else {
        return reply(&mut connection, "404 Not Found", NOTHING).await;
    };
    let (length, Descriptor { media_type, digest }) = (file.metadata().await?.len(), found);
    let about = format!(
        "connection: close\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\ndocker-content-digest: {digest}\r\n"
    );
    reply(&mut connection, "200 OK", &about).await?;
    if method == "GET" {
        tokio::io::copy(&mut file, &mut connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_asked_for_by_the_name_of_its_own_registry() {
        let image = |name: &str| Some(Wanted::Image(name.to_owned()));
        assert_eq!(
            Wanted::of("/v2/release/pilot/manifests/1.31.0?ns=registry.istio.io"),
            image("registry.istio.io/release/pilot:1.31.0")
        );
        assert_eq!(
            Wanted::of("/v2/library/auto/manifests/latest?ns=docker.io"),
            image("docker.io/library/auto:latest")
        );
        assert_eq!(Wanted::of("/v2/"), Some(Wanted::Hello));
        assert_eq!(Wanted::of("/"), None);
    }

    #[test]
    fn only_a_digest_leads_to_a_file() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(Wanted::of(&format!("/v2/lab/curl/blobs/{digest}?ns=docker.io")), Some(Wanted::Content(&digest)));
        assert_eq!(Wanted::of("/v2/lab/curl/blobs/sha256:../../../etc/passwd"), None);
    }

    #[test]
    fn a_manifest_has_its_own_type_by_name_and_by_digest() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let index = json!({ "manifests": [{
            "mediaType": "manifest", "digest": digest, "size": 1,
            "annotations": { "io.containerd.image.name": "docker.io/lab/curl:1" },
        }] });
        let images = Images { blobs: PathBuf::new(), by_name: named(&index).unwrap() };
        let expected = Some(Descriptor { media_type: "manifest".to_owned(), digest: digest.clone() });
        assert_eq!(images.find(&Wanted::Image("docker.io/lab/curl:1".to_owned())), expected);
        assert_eq!(images.find(&Wanted::Content(&digest)), expected);
        assert_eq!(images.find(&Wanted::Image("docker.io/lab/curl:2".to_owned())), None);
    }
}
