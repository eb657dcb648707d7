//! Writes images as an OCI layout: what containerd, podman and registries read, made without any of them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::layer::Tree;
use crate::build::Platform;
use crate::build::cache::hex;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// How a layer is stored: an image that stays here is read faster as it is, one that travels is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

/// An image: its full name, how it runs, what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::build) struct Image {
    pub(in crate::build) reference: String,
    /// Other full names of the same.
    pub(super) also: Vec<String>,
    /// The fields of OCI's `config`: Entrypoint, Cmd, Env, User, WorkingDir.
    pub(super) config: Value,
    pub(super) tree: Tree,
}

/// A layout that is being written into a folder.
pub(super) struct Layout {
    blobs: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("make {}", blobs.display()))?;
        Ok(Self { blobs, manifests: Vec::new() })
    }

    /// Adds an image for one platform, under each of its names.
    pub(super) fn add(&mut self, image: &Image, platform: Platform, packing: Packing) -> Result<()> {
        let manifest = self.manifest(image, platform, packing)?;
        let names = std::iter::once(&image.reference).chain(&image.also);
        self.manifests.extend(names.map(|name| named(manifest.clone(), name)));
        Ok(())
    }

    /// Adds an image that has another content for each platform: an index of its own, so that its name leads to one thing.
    pub(super) fn add_for_each_platform(&mut self, images: &[(Platform, Image)]) -> Result<()> {
        let Some((_, first)) = images.first() else { return Ok(()) };
        let manifests: Vec<Value> = images
            .iter()
            .map(|(platform, image)| self.manifest(image, *platform, Packing::Gzip))
            .collect::<Result<_>>()?;
        let index = self.blob(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }))?;
        self.manifests.push(named(index, &first.reference));
        Ok(())
    }

    /// Stores an image; gives the descriptor of its manifest.
    fn manifest(&self, image: &Image, platform: Platform, packing: Packing) -> Result<Value> {
        let architecture = platform.architecture();
        let (content, layer) = self.layer(&image.tree, packing)?;
        let config = self.blob(
            CONFIG,
            &json!({
                "architecture": architecture,
                "os": "linux",
                "config": image.config,
                "rootfs": { "type": "layers", "diff_ids": [content] },
            }),
        )?;
        let mut manifest = self.blob(
            MANIFEST,
            &json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] }),
        )?;
        manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
        Ok(manifest)
    }

    /// The list of all images by their names.
    pub(super) fn index(&self) -> Value {
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests })
    }

    /// Writes all images as one archive, in an order that depends on their content alone.
    pub(super) fn write(&self, to: impl Write) -> Result<()> {
        let mut archive = Builder::new(to);
        entry(&mut archive, "oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().as_bytes())?;
        entry(&mut archive, "index.json", self.index().to_string().as_bytes())?;
        let mut blobs: Vec<_> =
            fs::read_dir(&self.blobs)?.map(|blob| Ok(blob?.file_name())).collect::<io::Result<_>>()?;
        blobs.sort();
        for folder in ["blobs/", "blobs/sha256/"] {
            let mut header = header(EntryType::Directory, 0o755, 0);
            archive.append_data(&mut header, folder, io::empty())?;
        }
        for name in blobs {
            let file = File::open(self.blobs.join(&name))?;
            let mut header = header(EntryType::Regular, 0o644, file.metadata()?.len());
            archive.append_data(&mut header, Path::new("blobs/sha256").join(&name), file)?;
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }

    /// Stores a layer; gives the digest of its content and the descriptor of what is stored.
    fn layer(&self, tree: &Tree, packing: Packing) -> Result<(String, Value)> {
        let making = self.blobs.join("making");
        let mut stored = Hashed::new(io::BufWriter::with_capacity(1 << 20, File::create(&making)?));
        let content = match packing {
            Packing::Plain => {
                tree.write(&mut stored)?;
                None
            }
            Packing::Gzip => {
                let gzip = GzBuilder::new().mtime(0).write(&mut stored, Compression::best());
                let mut plain = Hashed::new(gzip);
                tree.write(&mut plain)?;
                plain.inner.try_finish()?;
                Some(plain.digest())
            }
        };
        stored.flush()?;
        let (digest, size) = (stored.digest(), stored.size);
        fs::rename(&making, self.blobs.join(&digest))?;
        let kind = match packing {
            Packing::Plain => LAYER.to_owned(),
            Packing::Gzip => format!("{LAYER}+gzip"),
        };
        let content = content.unwrap_or_else(|| digest.clone());
        Ok((format!("sha256:{content}"), descriptor(&kind, &digest, size)))
    }

    fn blob(&self, kind: &str, value: &Value) -> Result<Value> {
        let bytes = value.to_string().into_bytes();
        let digest = hex(&Sha256::digest(&bytes));
        fs::write(self.blobs.join(&digest), &bytes)?;
        Ok(descriptor(kind, &digest, bytes.len() as u64))
    }
}

/// A descriptor by whose annotations containerd, podman and skopeo find it.
fn named(mut descriptor: Value, reference: &str) -> Value {
    let tag = reference.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    descriptor["annotations"] = json!({
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": tag,
    });
    descriptor
}

fn descriptor(kind: &str, digest: &str, size: u64) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": size })
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header
}

fn entry<W: Write>(archive: &mut Builder<W>, path: &str, content: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, 0o644, content.len() as u64);
    archive.append_data(&mut header, path, content)?;
    Ok(())
}

/// A writer that knows the digest and the size of what went through it.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    fn digest(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::super::layer::Node;
    use super::*;

    fn image() -> Image {
        Image {
            reference: "example.org/a/b:v1".to_owned(),
            also: Vec::new(),
            config: json!({ "Entrypoint": ["/a"] }),
            tree: Tree::default().put("/a", Node::Text("hello")),
        }
    }

    fn written(packing: Packing) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = Layout::new(folder.path()).unwrap();
        layout.add(&image(), Platform::Amd64, packing).unwrap();
        let mut bytes = Vec::new();
        layout.write(&mut bytes).unwrap();
        bytes
    }

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    #[test]
    fn the_same_image_makes_the_same_bytes() {
        assert_eq!(written(Packing::Gzip), written(Packing::Gzip));
    }

    #[test]
    fn an_image_of_two_names_is_stored_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = Layout::new(folder.path()).unwrap();
        let image = Image { also: vec!["example.org/c:v2".to_owned()], ..image() };
        layout.add(&image, Platform::Amd64, Packing::Plain).unwrap();
        let index = layout.index();
        let entry = |at: usize| &index["manifests"][at];
        assert_eq!(entry(0)["digest"], entry(1)["digest"]);
        let names = [0, 1].map(|at| entry(at)["annotations"]["io.containerd.image.name"].as_str().unwrap());
        assert_eq!(names, ["example.org/a/b:v1", "example.org/c:v2"]);
        assert_eq!(fs::read_dir(folder.path().join("blobs/sha256")).unwrap().count(), 3);
    }

    #[test]
    fn the_name_of_an_image_for_several_platforms_leads_to_an_index_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = Layout::new(folder.path()).unwrap();
        layout.add_for_each_platform(&[(Platform::Amd64, image()), (Platform::Arm64, image())]).unwrap();
        let mut bytes = Vec::new();
        layout.write(&mut bytes).unwrap();
        let files = files(&bytes);
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let top = read(&files["index.json"]);
        assert_eq!(top["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(top["manifests"][0]["mediaType"], INDEX);
        assert_eq!(top["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "v1");
        let digest = top["manifests"][0]["digest"].as_str().unwrap().replace(':', "/");
        let index = read(&files[&format!("blobs/{digest}")]);
        let platforms: Vec<&Value> =
            index["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]["architecture"]).collect();
        assert_eq!(platforms, ["amd64", "arm64"]);
    }

    #[test]
    fn every_descriptor_leads_to_a_blob_of_its_digest_and_size() {
        let files = files(&written(Packing::Gzip));
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let content = files[&format!("blobs/sha256/{digest}")].clone();
            assert_eq!(hex(&Sha256::digest(&content)), digest);
            assert_eq!(Some(content.len() as u64), descriptor["size"].as_u64());
            content
        };
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let index = read(&files["index.json"]);
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "example.org/a/b:v1");
        assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "v1");
        let manifest = read(&blob(&index["manifests"][0]));
        let config = read(&blob(&manifest["config"]));
        let mut layer = Vec::new();
        flate2::read::GzDecoder::new(&blob(&manifest["layers"][0])[..]).read_to_end(&mut layer).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", hex(&Sha256::digest(&layer))));
        assert_eq!(read(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
    }
}
