//! The program that kubectl asks for completions of a plugin: a few lines of shell in a folder of `PATH`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::plugin::error::{Error, Result};

/// The start of the line by which we recognize a file of ours.
const MARK: &str = "# Written by `kubectl mesh-";

/// The result of writing a helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was already there, word for word.
    pub stood: bool,
    /// Whether its folder is in `PATH`.
    pub in_path: bool,
}

/// Writes the helper of a plugin, such as `mesh_mc`, into a folder; without one into that in which `PATH` has the plugin, else
/// into `~/.local/bin` if that is in `PATH`. A file of that name that is not ours stays.
///
/// Name and place: `k8s.io/kubectl pkg/cmd/plugin/plugin_completion.go`.
///
/// # Errors
/// A refusal if there is no such folder, if it cannot be written to, and if someone else's file has the name.
pub fn install(plugin: &str, folder: Option<&Path>) -> Result<Written> {
    let name = format!("kubectl_complete-{plugin}");
    let path: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let home = std::env::home_dir();
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => chosen(plugin, &path, home.as_deref(), is_writable).ok_or_else(|| {
            Error::refused("no folder for it was found")
                .because("no folder of PATH in which the plugin or its user has a place can be written to")
                .fix("name one that is in your PATH: --dir DIR")
        })?,
    };
    let file = folder.join(&name);
    let text = text(plugin);
    let stood = match fs::read_to_string(&file) {
        Ok(found) if found == text => true,
        Ok(found) if !found.contains(MARK) => {
            return Err(Error::refused(format!("{} belongs to someone else", file.display()))
                .because("it does not say that this command wrote it")
                .fix("move it away, or name another folder: --dir DIR"));
        }
        _ => false,
    };
    if !stood {
        write(&file, &text).map_err(|error| {
            Error::refused(format!("{} cannot be written", file.display()))
                .because(error.to_string())
                .fix("name a folder of PATH that you may write to: --dir DIR")
        })?;
    }
    Ok(Written { in_path: path.contains(&folder), path: file, stood })
}

fn chosen(plugin: &str, path: &[PathBuf], home: Option<&Path>, writable: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let program = format!("kubectl-{plugin}");
    let beside = path.iter().find(|folder| folder.join(&program).is_file());
    let own = home.map(|home| home.join(".local/bin"));
    let own = path.iter().find(|folder| Some(*folder) == own.as_ref());
    beside.into_iter().chain(own).find(|folder| writable(folder)).cloned()
}

fn is_writable(folder: &Path) -> bool {
    NamedTempFile::new_in(folder).is_ok()
}

/// `--` keeps the words that are completed from being read as flags of this call. A plugin for credentials that would ask its user
/// something finds nobody there: kubectl passes on what the helper says, and the line is being typed.
fn text(plugin: &str) -> String {
    let verb = plugin.replace('_', "-");
    format!(
        "#!/bin/sh\n{MARK}{}` completion install: kubectl asks it for completions.\nexec kubectl-{plugin} __complete -- \"$@\" </dev/null 2>/dev/null\n",
        verb.strip_prefix("mesh-").unwrap_or(&verb)
    )
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut making = NamedTempFile::new_in(folder)?;
    making.write_all(text.as_bytes())?;
    making.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
    making.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helper_can_be_run_and_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = install("mesh_mc", Some(folder.path())).unwrap();
        assert_eq!(first.path, folder.path().join("kubectl_complete-mesh_mc"));
        assert!(!first.stood && !first.in_path);
        assert_eq!(fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o755);
        let text = fs::read_to_string(&first.path).unwrap();
        assert!(
            text.starts_with("#!/bin/sh\n")
                && text.ends_with("exec kubectl-mesh_mc __complete -- \"$@\" </dev/null 2>/dev/null\n"),
            "{text}"
        );
        assert!(install("mesh_mc", Some(folder.path())).unwrap().stood);
    }

    #[test]
    fn somebody_elses_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubectl_complete-mesh_mc");
        fs::write(&file, "#!/bin/sh\necho mine\n").unwrap();
        assert!(install("mesh_mc", Some(folder.path())).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "#!/bin/sh\necho mine\n");
    }

    #[test]
    fn one_of_an_earlier_version_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubectl_complete-mesh_mc");
        fs::write(&file, format!("#!/bin/sh\n{MARK}mc` completion install: of old\n")).unwrap();
        assert!(!install("mesh_mc", Some(folder.path())).unwrap().stood);
        assert!(fs::read_to_string(&file).unwrap().contains("__complete"));
    }

    #[test]
    fn it_goes_beside_the_plugin_else_into_the_users_own_folder() {
        let (krew, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(krew.path().join("kubectl-mesh_mc"), "").unwrap();
        let own = home.path().join(".local/bin");
        let path = [PathBuf::from("/usr/bin"), krew.path().to_owned(), own.clone()];
        let home = Some(home.path());
        assert_eq!(chosen("mesh_mc", &path, home, |_| true).as_deref(), Some(krew.path()));
        assert_eq!(chosen("mesh_mc", &path, home, |folder| folder == own), Some(own));
        assert_eq!(chosen("mesh_mc", &path[..2], home, |folder| folder != krew.path()), None);
    }
}
