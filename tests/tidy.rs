//! What holds of the sources as a whole: who may know whom, and that what is public says what it is. The model is rust-analyzer's
//! test of the same name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/sources.rs"]
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use sources::Sources;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace").to_owned()
}

fn sources() -> Sources {
    Sources::read(&workspace()).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn no_file_knows_what_its_layer_may_not_know() {
    let faults = layers::faults(&sources());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn values_know_no_client_clock_terminal_or_file() {
    let faults = layers::impure(&sources());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_files_of_a_plugin_know_each_other_in_a_circle() {
    let sources = sources();
    let plugins = |file: &str| file.starts_with("kubectl-mesh-");
    let circles = circles::circles(&sources.arrows(), plugins);
    assert!(circles.is_empty(), "\n{circles:#?}");
}

#[test]
fn every_public_function_of_shared_says_what_it_returns() {
    let undocumented: Vec<String> =
        sources().undocumented().into_iter().filter(|place| place.starts_with("shared/")).collect();
    assert!(undocumented.is_empty(), "\n{}", undocumented.join("\n"));
}

#[test]
fn a_module_is_laid_out_in_one_way() {
    let faults = sources::layout(&workspace());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_row_of_the_table_names_files_that_are_there() {
    let missing = layers::without_files(&sources());
    assert!(missing.is_empty(), "{missing:?}");
}

/// `MESH_REFERENCE_WRITE=1` writes it, as it does the reference.
#[test]
fn the_architecture_prints_the_table_of_layers() {
    let file = workspace().join("ARCHITECTURE.md");
    let page = fs::read_to_string(&file).expect("ARCHITECTURE.md is there");
    let (begin, end) = ("<!-- layers: written by tests/tidy.rs -->\n", "<!-- /layers -->\n");
    let from = page.find(begin).expect("ARCHITECTURE.md has a place for the table") + begin.len();
    let to = from + page[from..].find(end).expect("the table's place ends");
    let table = layers::table();
    if std::env::var_os("MESH_REFERENCE_WRITE").is_some() {
        fs::write(&file, format!("{}{table}{}", &page[..from], &page[to..])).expect("ARCHITECTURE.md is written");
        return;
    }
    assert_eq!(&page[from..to], table, "write it: MESH_REFERENCE_WRITE=1 cargo test --workspace --test tidy");
}

/// Each check finds what it is there for.
mod planted {
    use super::*;

    fn planted(files: &[(&str, &str)]) -> Sources {
        Sources::of(files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))).expect("they parse")
    }

    #[test]
    fn an_arrow_up_is_found() {
        let sources = planted(&[
            ("shared/src/lib.rs", "pub mod cluster; pub mod model;"),
            ("shared/src/model.rs", "use crate::cluster::Cluster; pub fn decide(_: &Cluster) {}"),
            ("shared/src/cluster.rs", "pub struct Cluster;"),
        ]);
        let faults = layers::faults(&sources);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("shared/src/model.rs") && faults[0].contains("shared/src/cluster.rs"), "{faults:?}");
    }

    #[test]
    fn an_arrow_up_inside_of_a_function_or_a_type_is_found() {
        let sources = planted(&[
            ("shared/src/lib.rs", "pub mod cluster; pub mod model;"),
            ("shared/src/model.rs", "fn decide() { let _ = crate::cluster::ask(); } struct A(Vec<crate::cluster::B>);"),
            ("shared/src/cluster.rs", "pub fn ask() {} pub struct B;"),
        ]);
        assert_eq!(layers::faults(&sources).len(), 1);
    }

    #[test]
    fn what_only_tests_know_is_no_arrow() {
        let sources = planted(&[
            ("shared/src/lib.rs", "pub mod cluster; pub mod model;"),
            ("shared/src/model.rs", "#[cfg(test)] mod tests { use crate::cluster::Cluster; } #[cfg(test)] mod apart;"),
            ("shared/src/model/apart.rs", "use crate::cluster::Cluster;"),
            ("shared/src/cluster.rs", "pub struct Cluster;"),
        ]);
        assert_eq!(layers::faults(&sources), [] as [String; 0]);
    }

    #[test]
    fn a_circle_of_three_files_is_found() {
        let sources = planted(&[
            ("kubectl-mesh-mc/src/main.rs", "mod a; mod b; mod c;"),
            ("kubectl-mesh-mc/src/a.rs", "use crate::b::B;"),
            ("kubectl-mesh-mc/src/b.rs", "pub struct B; fn of() { super::c::of() }"),
            ("kubectl-mesh-mc/src/c.rs", "use super::a::A; pub fn of() {}"),
        ]);
        let circles = circles::circles(&sources.arrows(), |_| true);
        assert_eq!(circles.len(), 1);
        assert_eq!(circles[0].len(), 3);
    }

    #[test]
    fn a_module_and_one_below_it_are_a_circle_where_each_knows_the_other() {
        let sources = planted(&[
            ("kubectl-mesh-mc/src/main.rs", "mod a;"),
            ("kubectl-mesh-mc/src/a.rs", "mod b; pub struct A; pub fn of() { b::of() }"),
            ("kubectl-mesh-mc/src/a/b.rs", "use super::A; pub fn of() {}"),
        ]);
        assert_eq!(circles::circles(&sources.arrows(), |_| true).len(), 1);
    }

    #[test]
    fn a_clock_in_a_value_is_found() {
        let sources = planted(&[
            ("shared/src/lib.rs", "pub mod model;"),
            ("shared/src/model.rs", "pub fn now() -> jiff::Timestamp { jiff::Timestamp::now() }"),
        ]);
        assert_eq!(layers::impure(&sources).len(), 1);
    }

    #[test]
    fn a_public_function_without_a_word_is_found() {
        let sources = planted(&[
            ("shared/src/lib.rs", "pub mod model;"),
            ("shared/src/model.rs", "pub struct A; impl A { pub fn told(&self) {} } /// Nothing.\npub fn said() {}"),
        ]);
        assert_eq!(sources.undocumented(), ["shared/src/model.rs: told"]);
    }
}
