//! The one layer of an image: a tar archive that depends on nothing but what is in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tar::{Builder, EntryType, Header};

/// What ldd says of a program that needs no linker.
const STATIC: &str = "not a dynamic executable";

/// What is at one path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A file of this machine, links followed.
    File(PathBuf),
    Text(&'static str),
    Link(&'static str),
    Folder {
        mode: u32,
    },
}

/// Everything in an image, by its path without the leading slash. The order of the map is that of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<PathBuf, Node>);

impl Tree {
    /// Puts a node at an absolute path, and makes the folders above it.
    pub(super) fn put(mut self, path: impl AsRef<Path>, node: Node) -> Self {
        let path = path.as_ref();
        let path = path.strip_prefix("/").unwrap_or(path).to_owned();
        for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            self.0.entry(above.to_owned()).or_insert(Node::Folder { mode: 0o755 });
        }
        self.0.insert(path, node);
        self
    }

    pub(super) fn file(self, source: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        self.put(path, Node::File(source.into()))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_path(), node))
    }

    /// Owned by root, without times: the same content makes the same bytes.
    pub(super) fn write(&self, to: impl Write) -> Result<()> {
        let mut archive = Builder::new(to);
        for (path, node) in self.nodes() {
            match node {
                Node::File(source) => {
                    let mut file = File::open(source).with_context(|| format!("open {}", source.display()))?;
                    let facts = file.metadata()?;
                    let mode = if facts.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
                    append(&mut archive, path, EntryType::Regular, mode, facts.len(), &mut file)?;
                }
                Node::Text(text) => {
                    append(&mut archive, path, EntryType::Regular, 0o644, text.len() as u64, &mut text.as_bytes())?;
                }
                Node::Folder { mode } => append(&mut archive, path, EntryType::Directory, *mode, 0, &mut io::empty())?,
                Node::Link(target) => {
                    let mut header = header(EntryType::Symlink, 0o777, 0);
                    archive.append_link(&mut header, path, target)?;
                }
            }
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append<W: Write>(
    archive: &mut Builder<W>,
    path: &Path,
    kind: EntryType,
    mode: u32,
    size: u64,
    content: &mut dyn io::Read,
) -> Result<()> {
    archive
        .append_data(&mut header(kind, mode, size), path, content)
        .with_context(|| format!("pack {}", path.display()))
}

/// The libraries of a program, where this machine's linker finds them; a static program has none.
pub(super) fn with_libraries(tree: Tree, program: &Path) -> Result<Tree> {
    let listed = Command::new("ldd").arg(program).env("LC_ALL", "C").output().context("start ldd")?;
    let complaint = String::from_utf8_lossy(&listed.stderr);
    if !listed.status.success() && !complaint.contains(STATIC) {
        bail!("libraries of {}: {}", program.display(), complaint.trim());
    }
    Ok(library_paths(&String::from_utf8_lossy(&listed.stdout)).fold(tree, |tree, path| tree.file(path, path)))
}

fn library_paths(listed: &str) -> impl Iterator<Item = &str> {
    listed.split_whitespace().filter(|word| word.starts_with('/'))
}

/// Every file of a folder, at the same path in the image.
pub(super) fn with_folder(tree: Tree, folder: &Path) -> Result<Tree> {
    let mut tree = tree;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() {
            tree = tree.file(&path, &path);
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_order_of_putting_does_not_show() {
        let a = Tree::default().put("/b/x", Node::Text("1")).put("/a", Node::Link("/b/x"));
        let b = Tree::default().put("/a", Node::Link("/b/x")).put("/b/x", Node::Text("1"));
        assert_eq!(bytes(&a), bytes(&b));
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_keep_their_mode() {
        let tree = Tree::default().put("/tmp", Node::Folder { mode: 0o1777 }).put("/tmp/x", Node::Text("1"));
        let bytes = bytes(&tree);
        let mut archive = tar::Archive::new(&bytes[..]);
        let seen: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.path().unwrap().display().to_string(),
                    entry.header().mode().unwrap(),
                    entry.header().mtime().unwrap(),
                )
            })
            .collect();
        assert_eq!(seen, [("tmp".to_owned(), 0o1777, 0), ("tmp/x".to_owned(), 0o644, 0)]);
    }

    #[test]
    fn libraries_are_the_absolute_paths_that_ldd_prints() {
        let listed = "\tlinux-vdso.so.1 (0x00007f08)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x0)";
        let paths: Vec<_> = library_paths(listed).collect();
        assert_eq!(paths, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
