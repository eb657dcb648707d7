//! The whole command line as users read it: every page of help, and the manuals in docs/. Both plugins have these tests, as the
//! module `tests` of their `cli.rs`.
//!
//! A change that is meant is accepted by `make reference`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use mesh_reference::{faults, man_pages, misfits, reference, settle, transcripts};
use mesh_shared::plugin::completion::line::{Wanted, read};
use mesh_shared::plugin::terminal::help;

/// Beside the snapshots of `tests/help.rs`.
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/pages");

/// Other snapshots of the command line.
const LISTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");

/// Snapshots in a folder, called by nothing but their names.
fn snapshots(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn command() -> clap::Command {
    help::shaped(super::Cli::command())
}

/// The plugin as krew names it, such as `mesh-mc`.
fn plugin() -> String {
    command().get_bin_name().unwrap().trim_start_matches("kubectl ").to_owned()
}

fn docs(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(folder)
}

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn every_page_of_help_is_as_it_was_accepted() {
    let settings = snapshots(SNAPSHOTS);
    let pages = transcripts(&command());
    for (name, page) in &pages {
        settings.bind(|| insta::assert_snapshot!(name.clone(), page));
    }
    let files = std::fs::read_dir(SNAPSHOTS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> =
        files.filter(|file| file.strip_suffix(".snap").is_some_and(|name| !pages.contains_key(name))).collect();
    assert_eq!(left, [""; 0], "snapshots of no verb: delete them");
}

#[test]
fn every_verb_says_what_it_does_with_examples_that_parse_and_its_exit_codes() {
    assert_eq!(faults(&command()), [""; 0]);
}

#[test]
fn every_page_fits_narrow_and_wide_terminals() {
    assert_eq!(misfits(&command(), 80), [""; 0]);
    assert_eq!(misfits(&command(), 100), [""; 0]);
}

#[test]
fn the_man_pages_are_current() {
    let beginning = format!("kubectl-{}", plugin());
    settle(&docs("man"), &beginning, &man_pages(&command())).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn the_reference_is_current() {
    let wanted = BTreeMap::from([(format!("{}.md", plugin()), reference(&command()))]);
    settle(&docs("reference"), &plugin(), &wanted).unwrap_or_else(|fault| panic!("{fault}"));
}

/// Flags of a verb and of those below it whose values nobody offers at a TAB, each behind its verbs.
fn not_completed(command: &clap::Command, verbs: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let Some(flag) = argument.get_long().map(|long| format!("--{long}")) else { continue };
        let words: Vec<String> = verbs.iter().cloned().chain([flag.clone(), String::new()]).collect();
        let line = read(super::Cli::command(), &words);
        let is_own = matches!(&line.wanted, Wanted::Value(id) if id == argument.get_id().as_str());
        if is_own && crate::completion::subject(&line).is_none() {
            found.push([verbs, &[flag]].concat().join(" "));
        }
    }
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        found.extend(not_completed(verb, &[verbs, &[verb.get_name().to_owned()]].concat()));
    }
    found
}

#[test]
fn values_that_are_not_completed_are_those_that_nobody_knows() {
    let list = not_completed(&command(), &[]).join("\n");
    snapshots(LISTS).bind(|| insta::assert_snapshot!("not_completed", list));
}
