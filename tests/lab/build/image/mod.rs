//! Images without Docker: what is in them, and the archive that carries them.

mod archive;
mod catalog;
mod layer;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

pub(super) use self::archive::Image;
use self::archive::{Layout, Packing};
pub(super) use self::catalog::Ingredients;
use self::layer::Node;
use super::Platform;
use super::cache::KeyOf;

/// The images of the lab.
pub(super) fn of_the_lab(from: &Ingredients) -> Result<Vec<Image>> {
    catalog::all(from)
}

/// Files of kept results that are larger than this are known by their path, which holds the key of what made them;
/// all others by their content, so that a program recompiled to the same bytes makes no new image.
const READ_UP_TO: u64 = 8 << 20;

/// Adds to a key what decides the bytes of images.
pub(super) fn identify(mut key: KeyOf, images: &[Image], kept: &Path) -> Result<KeyOf> {
    for image in images {
        key = key.text(&image.reference).text(&image.also.join(" ")).text(&image.config.to_string());
        for (path, node) in image.tree.nodes() {
            key = key.text(&path.to_string_lossy());
            key = match node {
                Node::File(source) => {
                    let size = fs::metadata(source).with_context(|| format!("read {}", source.display()))?.len();
                    match source.strip_prefix(kept) {
                        Ok(name) if size > READ_UP_TO => key.text("kept").text(&name.to_string_lossy()),
                        _ => key.text("file").file(source)?,
                    }
                }
                Node::Text(text) => key.text("text").text(text),
                Node::Link(target) => key.text("link").text(target),
                Node::Folder { mode } => key.text(&format!("folder {mode:o}")),
            };
        }
    }
    Ok(key)
}

/// Writes all images as one archive, and returns what is listed in it; the layers are in a folder until then.
pub(super) fn write_archive(images: &[Image], layers: &Path, to: impl Write) -> Result<serde_json::Value> {
    let mut layout = Layout::new(layers)?;
    for image in images {
        layout.add(image, Platform::Amd64, Packing::Plain).with_context(|| format!("pack {}", image.reference))?;
    }
    layout.write(to)?;
    Ok(layout.index())
}

/// Writes the product's probe as an OCI archive that any registry or node takes: one image, or one for each platform under
/// the one name.
///
/// # Errors
/// Where the probe cannot be compiled or the file not be written.
pub fn write_probe_archive(out: &Path, platforms: &[Platform], say: &super::Say<'_>) -> Result<()> {
    let layers = tempfile::tempdir()?;
    let mut layout = Layout::new(layers.path())?;
    let images: Vec<(Platform, Image)> = platforms
        .iter()
        .map(|&platform| {
            Ok((platform, catalog::probe(&super::probe_program(platform, say)?.join(super::program::PROBE))))
        })
        .collect::<Result<_>>()?;
    match images.as_slice() {
        [(platform, image)] => layout.add(image, *platform, Packing::Gzip)?,
        several => layout.add_for_each_platform(several)?,
    }
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let file = File::create(out).with_context(|| format!("write {}", out.display()))?;
    layout.write(file)
}
