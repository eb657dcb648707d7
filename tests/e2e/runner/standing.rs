//! What exists in a cluster that tests are to run on, and whether they may.

use jiff::Timestamp;
use mesh_shared::plugin::error::{Error, Result};
use serde_json::Value;

use crate::support::Kit;
use crate::support::ground::NAMES;
use crate::support::own_namespaces::is_made_by_tests;

/// Kinds of the Sail API that every mesh has.
const NEEDED: [&str; 2] = ["istios.sailoperator.io", "istiocnis.sailoperator.io"];

/// The Lease that the operator renews while it works. Rule: sail-operator cmd/main.go, `LeaderElectionID`.
const LOCK: &str = "sail-operator-lock";

/// How long after it should have been renewed the operator still counts as alive: clocks differ.
const GRACE: i64 = 60;

/// What was found in a cluster.
#[derive(Debug, Default)]
struct Standing {
    /// UID of kube-system, which shows that two contexts lead to one cluster.
    uid: String,
    namespaces: Vec<String>,
    /// Kinds of the Sail API that are served, as `istios.sailoperator.io`.
    kinds: Vec<String>,
    /// Objects of these kinds, as `istio.sailoperator.io/default`.
    resources: Vec<String>,
    /// Until when the operator's lock is held.
    locked_until: Option<Timestamp>,
}

impl Standing {
    /// Why tests may not run here; empty where they may.
    fn objections(&self, now: Timestamp) -> Vec<String> {
        let mut all: Vec<String> = NEEDED
            .iter()
            .filter(|kind| !self.kinds.iter().any(|served| served == *kind))
            .map(|kind| format!("{kind} is not served: the Sail operator is not installed"))
            .collect();
        if all.is_empty() {
            match self.locked_until {
                Some(until) if until.as_second() + GRACE >= now.as_second() => {}
                Some(until) => all.push(format!("the Sail operator does not run: its lease {LOCK} ended at {until}")),
                None => all.push(format!("the Sail operator does not run: no one holds a lease {LOCK}")),
            }
        }
        let namespaces = self.namespaces.iter().filter(|name| is_made_by_tests(name));
        all.extend(namespaces.map(|name| format!("namespace {name} exists")));
        all.extend(self.resources.iter().map(|name| format!("{name} exists")));
        all
    }
}

/// Looks at all clusters, without a write to any.
///
/// # Errors
/// A refusal that names every cluster that is not bare or has no operator, and what exists there or is missing.
pub(crate) fn must_be_bare(kit: &Kit, contexts: &[String]) -> Result<()> {
    let mut objections = Vec::new();
    let mut seen: Vec<(String, &String)> = Vec::new();
    for (context, name) in contexts.iter().zip(NAMES) {
        let standing = observe(kit, name, context)?;
        objections.extend(standing.objections(Timestamp::now()).into_iter().map(|line| format!("{context}: {line}")));
        if let Some((_, other)) = seen.iter().find(|(uid, _)| *uid == standing.uid) {
            objections.push(format!("{context}: it leads to the same cluster as {other}"));
        }
        seen.push((standing.uid, context));
    }
    if objections.is_empty() {
        return Ok(());
    }
    Err(Error::refused("the tests cannot run on these clusters")
        .at(objections.join("\n"))
        .because(
            "they make a mesh and remove all of it again, so that there must be none, and an operator that makes one",
        )
        .fix("name contexts of bare clusters with the Sail operator (docs/e2e.md says how to get two by kind)"))
}

fn observe(kit: &Kit, cluster: &str, context: &str) -> Result<Standing> {
    let ask = |arguments: &[&str]| -> Result<String> {
        let ended = kit.kubectl(cluster, &[arguments, &["--request-timeout=20s"]].concat());
        if ended.code == 0 {
            return Ok(ended.stdout);
        }
        Err(Error::refused(format!("{context} does not say what exists there"))
            .at(format!("context {context}"))
            .because(ended.stderr.trim().to_owned())
            .fix(format!("try: kubectl --context {context} get namespaces")))
    };
    let lines = |text: &str| text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let namespaces = lines(&ask(&["get", "namespaces", "-o", "name"])?);
    let kinds = lines(&ask(&["api-resources", "--api-group=sailoperator.io", "-o", "name"])?);
    let resources =
        if kinds.is_empty() { Vec::new() } else { lines(&ask(&["get", &kinds.join(","), "-A", "-o", "name"])?) };
    let leases = ask(&["get", "leases", "-A", "-o", "json"])?;
    Ok(Standing {
        uid: ask(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"])?,
        namespaces: namespaces.iter().filter_map(|line| line.strip_prefix("namespace/")).map(str::to_owned).collect(),
        kinds,
        resources,
        locked_until: serde_json::from_str(&leases).ok().and_then(|leases| locked_until(&leases)),
    })
}

/// When the lock ends that was renewed last, whatever namespace the operator is in.
fn locked_until(leases: &Value) -> Option<Timestamp> {
    let locks = leases["items"].as_array()?.iter().filter(|lease| lease["metadata"]["name"] == LOCK);
    let held = locks.filter(|lease| lease["spec"]["holderIdentity"].as_str().is_some_and(|holder| !holder.is_empty()));
    held.filter_map(|lease| {
        let renewed: Timestamp = lease["spec"]["renewTime"].as_str()?.parse().ok()?;
        let seconds = lease["spec"]["leaseDurationSeconds"].as_i64()?;
        Timestamp::from_second(renewed.as_second() + seconds).ok()
    })
    .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bare() -> Standing {
        Standing {
            uid: "a".into(),
            namespaces: ["default", "kube-system", "metallb-system", "sail-operator"].map(str::to_owned).into(),
            kinds: NEEDED.map(str::to_owned).into(),
            resources: Vec::new(),
            locked_until: Some(at(100)),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn tests_run_on_a_cluster_with_an_operator_and_whatever_has_nothing_to_do_with_them() {
        assert_eq!(bare().objections(at(100)), Vec::<String>::new());
        assert_eq!(bare().objections(at(100 + GRACE)), Vec::<String>::new());
    }

    #[test]
    fn what_tests_would_remove_stands_in_their_way() {
        let namespaces = ["istio-system", "mesh-probe-beef", "istio-tools"].map(str::to_owned).into();
        let standing = Standing { namespaces, resources: vec!["istio.sailoperator.io/default".into()], ..bare() };
        assert_eq!(
            standing.objections(at(100)),
            [
                "namespace istio-system exists",
                "namespace mesh-probe-beef exists",
                "istio.sailoperator.io/default exists"
            ]
        );
    }

    #[test]
    fn an_operator_that_is_missing_or_does_not_run_is_said() {
        let absent = Standing { kinds: Vec::new(), locked_until: None, ..bare() };
        assert_eq!(
            absent.objections(at(100)),
            NEEDED.map(|kind| format!("{kind} is not served: the Sail operator is not installed"))
        );
        let dead = bare().objections(at(101 + GRACE));
        assert_eq!(
            dead,
            ["the Sail operator does not run: its lease sail-operator-lock ended at 1970-01-01T00:01:40Z"]
        );
        let never = Standing { locked_until: None, ..bare() }.objections(at(100));
        assert_eq!(never, ["the Sail operator does not run: no one holds a lease sail-operator-lock"]);
    }

    #[test]
    fn the_lock_is_found_in_any_namespace_and_counts_while_somebody_holds_it() {
        let lease = |name: &str, holder: &str, renewed: &str| {
            json!({
                "metadata": {"name": name, "namespace": "anywhere"},
                "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15},
            })
        };
        let other = lease("other", "somebody", "1970-01-01T00:09:00.000000Z");
        let released = lease(LOCK, "", "1970-01-01T00:08:00.000000Z");
        let held = lease(LOCK, "somebody", "1970-01-01T00:01:25.123456Z");
        assert_eq!(locked_until(&json!({"items": [other, released, held]})), Some(at(100)));
        assert_eq!(locked_until(&json!({"items": [other, released]})), None);
    }
}
