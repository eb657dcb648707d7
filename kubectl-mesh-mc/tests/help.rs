//! What the program prints for requests for help and wrong command lines. All pages of help:
//! `reference/plugin_tests.rs`.
//!
//! Accept an intended change with `make reference`.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// The exit code, stdout and stderr of a run of the plugin.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-mesh_mc"))
        .args(arguments)
        // The output must not depend on the machine's own clusters or on the width of a window.
        .env("KUBECONFIG", "/dev/null")
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
    let long = run(&["join", "--help"]);
    assert!(long.starts_with("exit code 0\n--- stdout\n") && long.contains("Examples:\n"), "{long}");
    assert_eq!(run(&["help", "join"]), long);
    assert_eq!(run(&["help"]), run(&["--help"]));
    assert!(run(&["join", "-h"]).len() < long.len() / 2);
}

#[test]
fn help_of_a_verb_that_does_not_exist() {
    insta::assert_snapshot!(run(&["help", "jion"]));
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
    insta::assert_snapshot!(run(&["jion"]));
}

#[test]
fn a_flag_that_does_not_exist() {
    insta::assert_snapshot!(run(&["join", "--context", "east"]));
}

#[test]
fn contexts_are_missing() {
    insta::assert_snapshot!(run(&["join"]));
}

#[test]
fn one_context_is_no_mesh() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east"]));
}

#[test]
fn a_mesh_name_that_is_no_label() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east,west", "--mesh-id", "Mesh_1"]));
}

#[test]
fn keys_are_shown_only_in_manifests() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east,west", "--show-secrets"]));
}

#[test]
fn a_name_that_is_given_twice() {
    let names = ["--cluster-name", "east=a", "--cluster-name", "east=b"];
    insta::assert_snapshot!(run(&[&["join", "--contexts", "east,west"], &names[..]].concat()));
}

#[test]
fn values_that_are_not_there() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east,west", "--values", "nowhere.yaml"]));
}

#[test]
fn a_timeout_that_is_no_duration() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east,west", "--timeout", "5 minutes"]));
}

#[test]
fn a_kubeconfig_without_the_context() {
    insta::assert_snapshot!(run(&["join", "--contexts", "east,west", "--yes"]));
}
