//! The tests run on existing clusters: contexts of any kubeconfig, whatever they are called. Those that are not
//! bare are refused before anything is written, and those that are bare are bare again at the end.
//!
//! Run: `meshlab with --clusters one,two -- cargo test -p mesh-tests --test contexts`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use support::Kit;
use support::kit::target_folder;
use support::shell::{Ended, run};

const CLUSTERS: [&str; 2] = ["one", "two"];
/// How the tests, and kubectl for them, call themselves.
const ASKERS: [&str; 2] = ["kubectl/", "kubectl-mesh-"];

fn clusters() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    kit.lab("that clusters are bare again is seen by the lab")?;
    kit.bare();
    Some(kit)
}

/// `mesh-e2e … -- COMMAND` as run by someone who has a kubeconfig and no lab.
fn mesh_e2e(kit: &Kit, contexts: &str, words: &[&str]) -> Ended {
    let mut command = kit.command(target_folder().join("mesh-e2e"));
    command.args(["--contexts", contexts, "--"]).args(words);
    command.env_remove("MESHLAB_ID").env_remove("MESHLAB_CACHE").env_remove("MESHLAB_BIN");
    // Cargo's own folder is where its user has it.
    command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    // The lab asks no registry.
    command.env("MESH_E2E_CURL", "docker.io/lab/curl:1");
    command.env("MESH_E2E_HELLOWORLD_V1", "docker.io/lab/helloworld:v1");
    command.env("MESH_E2E_HELLOWORLD_V2", "docker.io/lab/helloworld:v2");
    run(command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))))
}

/// The lab's clusters have what they had when they came up, and nobody has removed anything but the run itself.
#[track_caller]
fn assert_bare(kit: &Kit) {
    for cluster in CLUSTERS {
        assert_eq!(Some(kit.inventory(cluster)), kit.first_inventory(cluster), "{cluster}");
    }
}

/// A run that is refused: its command was not run and nothing was written, by whatever program.
#[track_caller]
fn refusal(kit: &Kit, contexts: &str) -> String {
    let mark = kit.home().join("mark");
    let began = Timestamp::now();
    let ended = mesh_e2e(kit, contexts, &["touch", &mark.display().to_string()]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(!mark.exists(), "the command was run");
    for cluster in CLUSTERS {
        let events = kit.ground.lab.as_ref().unwrap().audit_since(cluster, began).unwrap();
        let asked = events.iter().filter(|event| ASKERS.iter().any(|name| event.user_agent.starts_with(name)));
        assert!(asked.clone().count() > 3, "the audit log of {cluster} has nothing of it");
        let wrote: Vec<_> = asked.filter(|event| event.is_mutating()).collect();
        assert!(wrote.is_empty(), "{cluster}: {wrote:?}");
    }
    ended.stderr
}

#[test]
fn clusters_that_are_not_bare_are_refused_by_name_with_what_stands_there() {
    let Some(kit) = clusters() else { return };
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    kit.apply("two", &[namespace("sample"), namespace("istio-system")]);
    let istio = json!({
        "apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "theirs"},
        "spec": {"namespace": "nowhere", "version": "v1.31.0-beta.1"},
    });
    kit.apply("one", &[istio]);
    let said = refusal(&kit, "one,two");
    for line in [
        "error: the tests cannot run on these clusters",
        "one: istio.sailoperator.io/theirs exists",
        "two: namespace istio-system exists",
        "two: namespace sample exists",
        "Nothing was written.",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
}

#[test]
fn one_cluster_by_two_contexts_is_refused() {
    let Some(kit) = clusters() else { return };
    let alias = kit.kubeconfig_with_alias("one", "another");
    let mut command = kit.command(target_folder().join("mesh-e2e"));
    command.args(["--contexts", "one,another", "--", "true"]).env_remove("MESHLAB_ID").env("KUBECONFIG", alias);
    let ended = run(&mut command);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("another: it leads to the same cluster as one"), "{ended}");
}

#[test]
fn what_a_command_leaves_is_removed_and_its_exit_code_kept() {
    let Some(kit) = clusters() else { return };
    let leave = "kubectl --context east create namespace sample && kubectl --context west create namespace istio-cni && \
                 kubectl --context west -n istio-cni create configmap left && exit 7";
    let ended = mesh_e2e(&kit, "two,one", &["sh", "-c", leave]);
    assert_eq!(ended.code, 7, "{ended}");
    assert!(ended.stderr.contains("two is bare and has the operator; to the tests it is east"), "{ended}");
    assert!(ended.stderr.contains("two, one are bare again"), "{ended}");
    assert_bare(&kit);
}

#[test]
fn tests_of_a_join_hold_on_clusters_of_other_names_and_leave_them_bare() {
    let Some(kit) = clusters() else { return };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    // Traffic that crosses, what is proved in part, and what is not.
    let tests = ["what_is_exposed_and_nothing_else", "a_second_join_writes_nothing", "a_gateway_that_has_a_name"];
    let arguments = ["test", "--workspace", "--test", "join", "--", "--test-threads", "1", "--nocapture"];
    let ended = mesh_e2e(&kit, "one,two", &[&[cargo.as_str()], &arguments[..], &tests].concat());
    assert_eq!(ended.code, 0, "{ended}");
    for line in [
        "in part not run: audit logs are read on the lab alone",
        "not run: whether a balancer gives a name or an address is chosen on the lab alone",
        "test result: ok. 3 passed",
    ] {
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains(line), "no {line:?}: {ended}");
    }
    assert_bare(&kit);
}
