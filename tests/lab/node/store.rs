//! The images of a node: the store that was filled once, linked instead of copied.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Makes `into` a containerd root with the images of `store`. Files are shared by hard links, since containerd never
/// changes an image's files; its databases are changed in place and are real copies.
pub fn link(store: &Path, into: &Path) -> Result<()> {
    let from = fs::symlink_metadata(store).with_context(|| format!("{}", store.display()))?;
    fs::create_dir_all(into)?;
    fs::set_permissions(into, fs::Permissions::from_mode(from.mode() & 0o7777))?;
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        let (source, target) = (entry.path(), into.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            link(&source, &target)?;
        } else if kind.is_file() && source.extension().is_some_and(|extension| extension == "db") {
            fs::copy(&source, &target).map(drop)?;
        } else if kind.is_file() {
            fs::hard_link(&source, &target)
                .with_context(|| format!("link {} to {}", source.display(), target.display()))?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            bail!("{} is neither a file nor a folder nor a link", source.display());
        }
    }
    if from.uid() != 0 || from.gid() != 0 {
        std::os::unix::fs::chown(into, Some(from.uid()), Some(from.gid()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shared_and_databases_are_not() {
        let place = tempfile::tempdir().unwrap();
        let (store, into) = (place.path().join("store"), place.path().join("into"));
        fs::create_dir_all(store.join("deep")).unwrap();
        fs::write(store.join("deep/blob"), "image").unwrap();
        fs::write(store.join("deep/meta.db"), "database").unwrap();
        symlink("blob", store.join("deep/name")).unwrap();
        link(&store, &into).unwrap();
        let inode = |path: &Path| fs::symlink_metadata(path).unwrap().ino();
        assert_eq!(inode(&store.join("deep/blob")), inode(&into.join("deep/blob")));
        assert_ne!(inode(&store.join("deep/meta.db")), inode(&into.join("deep/meta.db")));
        assert_eq!(fs::read_to_string(into.join("deep/name")).unwrap(), "image");
    }
}
