//! What a person gets who asks the command for help, or types it wrong.
//!
//! A change that is meant is accepted by `INSTA_UPDATE=always cargo test --test help`.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// What a run of the plugin gave: its exit code, and what it wrote where.
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
fn help_in_short() {
    insta::assert_snapshot!(run(&["-h"]));
}

#[test]
fn help() {
    insta::assert_snapshot!(run(&["--help"]));
}

#[test]
fn locality_explains_itself() {
    insta::assert_snapshot!("locality", run(&["locality", "--help"]));
    for verb in ["apply", "diff", "show", "remove"] {
        insta::assert_snapshot!(format!("locality_{verb}"), run(&["locality", verb, "--help"]));
    }
}

#[test]
fn help_of_regions() {
    insta::assert_snapshot!(run(&["regions", "--help"]));
}

#[test]
fn help_of_regions_set() {
    insta::assert_snapshot!(run(&["regions", "set", "--help"]));
}

#[test]
fn help_of_expose() {
    insta::assert_snapshot!(run(&["expose", "--help"]));
}

#[test]
fn help_of_unexpose() {
    insta::assert_snapshot!(run(&["unexpose", "--help"]));
}

#[test]
fn help_of_list() {
    insta::assert_snapshot!(run(&["list", "--help"]));
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
    insta::assert_snapshot!(run(&["drill"]));
}
