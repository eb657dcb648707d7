//! What the program itself prints when asked for help, or when mistyped. All pages of help:
//! `reference/plugin_tests.rs`.
//!
//! Accept an intended change by `make reference`.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// The result of a run of the plugin: its exit code, stdout and stderr.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-mesh_failover"))
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    format!(
        "exit code {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap()
    )
}

#[test]
fn help_is_asked_for_in_each_of_its_ways() {
    let long = run(&["drill", "recover", "--help"]);
    assert!(long.starts_with("exit code 0\n--- stdout\n") && long.contains("Examples:\n"), "{long}");
    assert_eq!(run(&["help", "drill", "recover"]), long);
    assert_eq!(run(&["help"]), run(&["--help"]));
    assert!(run(&["drill", "recover", "-h"]).len() < long.len() / 2);
}

#[test]
fn help_of_a_verb_that_does_not_exist() {
    insta::assert_snapshot!(run(&["help", "jion"]));
}

#[test]
fn a_service_without_a_namespace() {
    insta::assert_snapshot!(run(&["expose", "helloworld"]));
}

#[test]
fn a_region_that_is_no_label() {
    insta::assert_snapshot!(run(&["regions", "set", "east=us/west"]));
}

#[test]
fn contexts_and_a_context_do_not_go_together() {
    insta::assert_snapshot!(run(&["list", "--contexts", "east,west", "--context", "east"]));
}

#[test]
fn the_version_is_data() {
    insta::with_settings!({ filters => [(r"platform  \S+", "platform  PLATFORM")] }, {
        insta::assert_snapshot!(run(&["version"]));
    });
}

#[test]
fn without_a_verb_the_help_is_shown_as_an_error() {
    assert_eq!(run(&[]).lines().take(2).collect::<Vec<_>>(), ["exit code 2", "--- stdout"]);
}

#[test]
fn a_verb_that_does_not_exist() {
    insta::assert_snapshot!(run(&["drll"]));
}
