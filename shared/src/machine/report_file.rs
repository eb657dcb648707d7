//! A file that is written at the end of a long run, and checked to be writable at its start.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::plugin::error::{Error, Result};

/// A file to come. Until it is written no file of that name exists; one that is never written leaves nothing.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl ReportFile {
    /// Makes sure that the file can be written.
    ///
    /// # Errors
    /// A usage error if its folder is missing or not writable.
    pub fn reserve(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |why: String| {
            Error::usage(format!("the report cannot be written to {}", path.display()))
                .because(why)
                .fix("name another place: --report FILE, or none: --no-report")
        };
        if path.is_dir() {
            return Err(failed("it is a folder".into()));
        }
        let file = NamedTempFile::new_in(folder).map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes the file, readable like others that a program creates, and returns its path.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn write(mut self, text: &str) -> Result<PathBuf> {
        let path = self.path.clone();
        let failed = |why: String| {
            Error::failed(format!("the report cannot be written to {}", path.display()))
                .because(why)
                .fix("the result is printed above; next time, name a place with more room: --report FILE")
        };
        self.file.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        self.file.as_file().set_permissions(mode).map_err(|error| failed(error.to_string()))?;
        self.file.persist(&self.path).map_err(|error| failed(error.to_string()))?;
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drill.html");
        drop(ReportFile::reserve(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        ReportFile::reserve(&path).unwrap().write("<p>").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "<p>");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_at_the_begin() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ReportFile::reserve(&folder.path().join("no/such/x.html")).unwrap_err().exit_code(), 2);
        assert!(ReportFile::reserve(folder.path()).is_err());
    }
}
