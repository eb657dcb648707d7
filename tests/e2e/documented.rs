//! What README and docs tell a reader to type works as written, in the order in which it is written.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test documented`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "documented/page.rs"]
mod page;
mod support;
#[path = "documented/typed.rs"]
mod typed;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use page::{Block, blocks};
use support::Kit;

const CLUSTERS: [&str; 2] = ["east", "west"];

/// The pages whose commands are run, in the order in which a reader meets them, with what a reader has done who comes to one.
const PAGES: [(&str, &[&str]); 7] = [
    ("docs/permissions/README.md", &[]),
    ("docs/quickstart.md", &[]),
    ("README.md", &[]),
    ("docs/join.md", &[]),
    ("docs/expose.md", &[]),
    ("docs/locality.md", &["kubectl mesh-failover expose helloworld.sample --yes"]),
    (
        "docs/drills.md",
        &["kubectl mesh-failover locality apply helloworld.sample \
             --failover east-region=west-region,west-region=east-region --yes"],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(page: &str) -> Vec<Block> {
    blocks(&fs::read_to_string(root().join(page)).unwrap())
}

/// README and every page below docs, by their names from the root.
fn pages() -> BTreeSet<String> {
    let mut pages = BTreeSet::from(["README.md".to_owned()]);
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "md") {
                pages.insert(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    pages
}

/// Commands one by one, each with the lines that go on with it.
fn statements(commands: &str) -> impl Iterator<Item = String> {
    commands.replace("\\\n", " ").lines().map(ToOwned::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    for page in pages() {
        let is_run = PAGES.iter().any(|(run, _)| *run == page);
        for block in read(&page) {
            let at = format!("{page}:{}", block.line);
            assert!(!block.language.is_empty(), "{at}: a fence has a language: sh, console, text, yaml, json");
            if block.is_commands() && block.not_run.is_none() {
                assert!(!block.commands().is_empty(), "{at}: {} without a command", block.language);
                assert!(is_run, "{at}: give {page} its place in PAGES, or say above it: *Not run by the tests: WHY.*");
            }
        }
    }
}

#[test]
fn what_the_docs_say_to_type_works_as_it_stands_there() {
    let Some(kit) = Kit::of(&CLUSTERS) else { return };
    kit.bare();
    // A reader types where the repository is, and a drill writes its page there.
    std::os::unix::fs::symlink(root().join("docs"), kit.home().join("docs")).unwrap();
    let (mut applications, mut done) = (false, BTreeSet::new());
    for (page, before) in PAGES {
        let written = read(page).into_iter().filter(|block| block.is_commands() && block.not_run.is_none());
        let before = before.iter().map(|command| (page.to_owned(), (*command).to_owned()));
        let commands = before.chain(written.map(|block| (format!("{page}:{}", block.line), block.commands())));
        for (at, commands) in commands {
            // What one page says as another does was shown to work there.
            let fresh = statements(&commands).filter(|statement| done.insert(statement.to_owned())).count();
            if fresh == 0 {
                continue;
            }
            if commands.contains("mesh-failover") && !applications {
                kit.run_applications("east", "v1");
                kit.run_applications("west", "v2");
                applications = true;
            }
            eprintln!("{at}:\n{commands}");
            let ended = kit.type_into_terminal(&commands);
            assert!(ended.code == 0, "{at}: {ended}");
        }
    }
}
