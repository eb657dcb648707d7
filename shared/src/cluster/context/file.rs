//! The kubeconfig's files, merged as kubectl merges them.

use std::env;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use super::{Connection, faulty_field, unusable};
use crate::cluster::api_fault::clean;
use crate::plugin::error::{Error, Result};

/// The merged kubeconfig: `--kubeconfig` alone, else every file of `$KUBECONFIG` that exists, else `~/.kube/config`.
///
/// # Errors
/// If no file exists, or one cannot be read or parsed; the error names the file and, if known, the line.
pub(super) fn read(connection: &Connection) -> Result<Kubeconfig> {
    if let Some(path) = &connection.kubeconfig {
        return read_one(path);
    }
    let listed: Vec<PathBuf> = env::var_os("KUBECONFIG")
        .map(|list| env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    let paths = if listed.is_empty() { home_file().into_iter().collect() } else { listed };
    let present: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    if present.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::usage("there is no kubeconfig")
            .because(format!("looked for {}", names.join(", ")))
            .fix("name the file: --kubeconfig FILE, or KUBECONFIG=FILE"));
    }
    present.into_iter().try_fold(Kubeconfig::default(), |merged, path| {
        merged.merge(read_one(path)?).map_err(|error| {
            Error::usage("the kubeconfig files cannot be merged")
                .at(path.display().to_string())
                .because(unusable::kubeconfig(&error))
                .fix("name one of them: --kubeconfig FILE")
        })
    })
}

fn home_file() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("HOME")?).join(".kube/config"))
}

fn read_one(path: &Path) -> Result<Kubeconfig> {
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(source, _) => Error::usage("the kubeconfig cannot be read")
            .at(path.display().to_string())
            .because(source.to_string())
            .fix("name another file: --kubeconfig FILE"),
        KubeconfigError::Parse(source) => {
            // None of the parser's words: they quote values, and show the lines around.
            let file = path.display();
            let place = match source.location() {
                Some(at) => format!("{file}, line {}, column {}", at.line(), at.column()),
                None => file.to_string(),
            };
            let text = std::fs::read(path).unwrap_or_default();
            broken(place, faulty_field::wrong(&String::from_utf8_lossy(&text)))
        }
        other => broken(path.display().to_string(), unusable::kubeconfig(&other)),
    })
}

fn broken(place: String, why: String) -> Error {
    Error::usage("the kubeconfig is broken")
        .at(place)
        .because(why)
        .fix("correct the file, or name another: --kubeconfig FILE")
}

/// # Errors
/// If the context does not exist; the error lists those that do.
pub(super) fn must_have(kubeconfig: &Kubeconfig, context: &str) -> Result<()> {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    if names.contains(&context) {
        return Ok(());
    }
    let there = if names.is_empty() { "it has no contexts".to_owned() } else { format!("it has {}", names.join(", ")) };
    Err(Error::usage(format!("the kubeconfig has no context {context:?}"))
        .because(clean(&there))
        .meant(context, names)
        .fix("see them all: kubectl config get-contexts"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn connection(path: &Path) -> Connection {
        Connection { kubeconfig: Some(path.to_owned()), ..Connection::default() }
    }

    const GOOD: &str = "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts:\n- name: east\n  context: {cluster: a, user: b}\n- name: west\n  context: {cluster: c, user: d}\n";

    #[test]
    fn a_broken_file_is_named_with_its_line_and_without_its_secrets() {
        let file = file("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: s3cr3t-token\ncontexts: [\n");
        let error = read(&connection(file.path())).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let place = error.place.clone().unwrap();
        assert!(place.starts_with(&file.path().display().to_string()) && place.contains(", line "), "{error:?}");
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_by_file_line_and_field_alone() {
        for (text, line, why) in [
            ("users:\n- name: a\n  user:\n    exec: S3CR3T\n", 4, "users[0].user.exec"),
            ("users:\n- name: a\n  user:\n    token: [S3CR3T]\n    exec: {}\n", 4, "users[0].user.token"),
            (
                "users:\n- name: a\n  user:\n    exec:\n      env:\n      - {name: A, value: [S3CR3T]}\n",
                6,
                "users[0].user.exec.env",
            ),
            ("clusters:\n- name: a\n  cluster: S3CR3T\nusers: []\n", 3, "clusters[0].cluster"),
            ("users:\n- name: a\n  user:\n    token: a\n    token: S3CR3T\n", 5, "a field is there twice"),
            ("users:\n- name: a\n  user:\n    token: !!int S3CR3T\n", 4, "it cannot be read as YAML"),
            ("users:\n- name: a\n  user:\n    token: *S3CR3T\n", 4, "it cannot be read as YAML"),
            ("S3CR3T", 1, "the file as a whole"),
        ] {
            let file = file(text);
            let error = read(&connection(file.path())).unwrap_err();
            let place = error.place.clone().unwrap();
            assert!(place.starts_with(&format!("{}, line {line}, column ", file.path().display())), "{place}");
            assert!(error.why.as_deref().unwrap().starts_with(why), "{error:?}");
            assert!(!format!("{error:?}").contains("S3CR3T"), "{error:?}");
        }
    }

    #[test]
    fn a_context_that_is_missing_lists_those_that_are_there() {
        let file = file(GOOD);
        let kubeconfig = read(&connection(file.path())).unwrap();
        let error = must_have(&kubeconfig, "north").unwrap_err();
        assert_eq!(error.to_string(), "the kubeconfig has no context \"north\": it has east, west");
        assert!(must_have(&kubeconfig, "west").is_ok());
    }

    #[test]
    fn a_missing_file_is_a_usage_error() {
        let error = read(&connection(Path::new("/nonexistent/kubeconfig"))).unwrap_err();
        assert_eq!((error.exit_code(), error.place.as_deref()), (2, Some("/nonexistent/kubeconfig")));
    }
}
