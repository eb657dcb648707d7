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
fn the_version_is_data() {
    insta::assert_snapshot!(run(&["version"]));
}

#[test]
fn without_a_verb_the_help_is_shown_as_an_error() {
    assert_eq!(run(&[]).lines().take(2).collect::<Vec<_>>(), ["exit code 2", "--- stdout"]);
}

#[test]
fn a_verb_that_does_not_exist() {
    insta::assert_snapshot!(run(&["drill"]));
}
