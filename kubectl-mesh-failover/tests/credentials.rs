//! A credential plugin that fails: what the program itself says to a person, and that no secret of the kubeconfig is in it.

#![allow(clippy::unwrap_used)]

#[path = "../../reference/credential_plugin.rs"]
mod credential_plugin;

fn said(interactive_mode: &str, when: &str) -> String {
    let arguments = &["list", "--contexts", "east,west"];
    credential_plugin::said(env!("CARGO_BIN_EXE_kubectl-mesh_failover"), arguments, interactive_mode, when)
}

#[test]
fn a_plugin_that_fails_at_first_shows_nothing_that_is_secret() {
    insta::assert_snapshot!([said("Never", "first"), said("IfAvailable", "first")].join("\n"), @r"
    exit code 1
    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3: your login has ended
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version

    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3: your login has ended
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version
    Nothing was written.

    exit code 1
    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3; its output is above
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version

    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3; its output is above
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version
    Nothing was written.
    ");
}

#[test]
fn a_plugin_that_fails_when_its_token_is_renewed_shows_nothing_that_is_secret() {
    insta::assert_snapshot!([said("Never", "later"), said("Always", "later")].join("\n"), @r"
    exit code 1
    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3: your login has ended
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version
    Nothing was written.

    exit code 1
    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3; its output is above
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version
    Nothing was written.
    ");
}
