//! The folder in which the product keeps keys, seen from outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Everything below a folder by its path: mode, and content where it is a file.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// What is below a folder. A folder that is not there holds nothing.
pub(crate) fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    walk(folder, folder, &mut tree);
    tree
}

fn walk(root: &Path, folder: &Path, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry of the folder").path();
        let status = fs::symlink_metadata(&path).expect("the status of what is in the folder");
        let content = if status.is_file() { fs::read(&path).expect("a file that can be read") } else { Vec::new() };
        let name = path.strip_prefix(root).expect("what is below").to_owned();
        tree.insert(name, (status.permissions().mode() & 0o7777, content));
        if status.is_dir() {
            walk(root, &path, tree);
        }
    }
}

/// Asserts that no file of keys is open to others.
#[track_caller]
pub(crate) fn assert_private(tree: &Tree) {
    for (path, (mode, content)) in tree {
        let is_key = content.windows(11).any(|window| window == b"PRIVATE KEY");
        assert!(!is_key || *mode == 0o600, "{} holds a key and has mode {mode:04o}", path.display());
        assert!(mode & 0o022 == 0, "{} has mode {mode:04o}", path.display());
    }
}
