//! All worlds of tests/worlds, which of them a run makes, and the page of what is known to be wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::format::{Kind, Tier, World};

/// Names of worlds, parted by commas or blanks: no others are made, whatever their tier.
pub(crate) const NAMES: &str = "MESH_WORLDS";
/// Set where worlds of all tiers are made.
pub(crate) const EVERY: &str = "MESH_TEST_EVERY_WORLD";

/// The folder of all worlds.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds")
}

/// Every world, by name.
///
/// # Errors
/// The first file that is not understood.
pub(crate) fn all() -> Result<Vec<World>, String> {
    let entries = fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("world.yaml").exists())
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names.iter().map(|name| read(name)).collect()
}

fn read(name: &str) -> Result<World, String> {
    let file = folder().join(name).join("world.yaml");
    let yaml = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    World::parse(name, &yaml)
}

/// The worlds of a kind that a run makes.
///
/// # Errors
/// A name that no world has.
pub(crate) fn chosen(worlds: Vec<World>, kind: Kind, names: Option<&str>, every: bool) -> Result<Vec<World>, String> {
    let names: Vec<&str> =
        names.map(|names| names.split([',', ' ']).filter(|name| !name.is_empty()).collect()).unwrap_or_default();
    if let Some(unknown) = names.iter().find(|name| worlds.iter().all(|world| world.name != **name)) {
        let known: Vec<&str> = worlds.iter().map(|world| world.name.as_str()).collect();
        return Err(format!("there is no world {unknown}; there are {}", known.join(", ")));
    }
    let is_chosen = |world: &World| {
        if names.is_empty() { every || world.tier == Tier::Test } else { names.contains(&world.name.as_str()) }
    };
    Ok(worlds.into_iter().filter_map(|world| world.of_kind(kind)).filter(is_chosen).collect())
}

/// The page of all known failures.
pub(crate) fn page(worlds: &[World]) -> String {
    let mut page = String::from(
        "<!-- Written by the tests from the worlds' files: MESH_WORLDS_WRITE=1 cargo test --workspace --test worlds page -->\n\
         # Known failures\n\
         Where our commands are wrong today in a mesh that somebody else made. Each goes with the issue that is named; one that\n\
         passes breaks the run until it is struck from its world's file.\n\n\
         | world | command | what is right | why it fails | finding | issue |\n|---|---|---|---|---|---|\n",
    );
    let mut count = 0;
    for world in worlds {
        for command in &world.commands {
            for expectation in &command.expect {
                let Some(known) = &expectation.known else { continue };
                count += 1;
                let cell = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
                let _ = writeln!(
                    page,
                    "| {} | `{}` | {} | {} | {} | {} |",
                    world.name,
                    cell(&command.run),
                    cell(&expectation.what.to_string()),
                    cell(&known.why),
                    known.finding,
                    known.issue
                );
            }
        }
    }
    let _ = writeln!(page, "\n{count} in {} worlds.", worlds.len());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(name: &str, kind: &str, tier: &str) -> World {
        let yaml = format!(
            "{{title: a, kind: {kind}, tier: {tier}, source: [{{what: a, address: b, version: c, licence: d}}],
            facts: [{{what: a, judge: kubectl, run: b, says: [c]}}],
            commands: [{{run: kubectl mesh-mc version, why: a, expect: [{{exit: 0}}, {{writes: nothing}}]}}]}}"
        );
        World::parse(name, &yaml).unwrap()
    }

    fn names(names: Option<&str>, every: bool) -> Result<Vec<String>, String> {
        let worlds = vec![world("a", "live", "test"), world("b", "live", "all"), world("c", "recorded", "test")];
        Ok(chosen(worlds, Kind::Live, names, every)?.into_iter().map(|world| world.name).collect())
    }

    #[test]
    fn a_run_makes_what_it_is_told_to_else_its_tier() {
        assert_eq!(names(None, false).unwrap(), ["a"]);
        assert_eq!(names(None, true).unwrap(), ["a", "b"]);
        assert_eq!(names(Some("b, c"), false).unwrap(), ["b"]);
        assert_eq!(names(Some(""), false).unwrap(), ["a"]);
    }

    #[test]
    fn a_name_that_no_world_has_is_refused_with_those_that_there_are() {
        assert!(names(Some("d"), false).unwrap_err().contains("a, b, c"));
    }

    #[test]
    fn every_world_is_understood_and_has_what_makes_it() {
        for world in all().unwrap() {
            assert!(folder().join(&world.name).join("make.sh").exists(), "{} has no make.sh", world.name);
        }
    }

    #[test]
    fn the_page_of_known_failures_is_current() {
        let file = folder().join("known-failures.md");
        let page = page(&all().unwrap());
        if std::env::var_os("MESH_WORLDS_WRITE").is_some() {
            fs::write(&file, &page).unwrap();
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert!(written == page, "{} is not current: MESH_WORLDS_WRITE=1 writes it", file.display());
    }
}
