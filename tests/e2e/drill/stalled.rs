//! Drills whose write of the fault the API server holds up for longer than the client waits, and carries out then.

use std::time::Duration;

use jiff::Timestamp;
use meshlab::Lab;
use meshlab::node::components::Component;
use meshlab::node::control::Action;
use rustix::process::Signal;
use serde_json::json;

use super::support::lingering_proxy;
use super::support::running::Running;
use super::support::sample::NAMESPACE;
use super::support::{Kit, until};
use super::{assert_put_back, drill, mesh};

/// The API server holds a write up for so many seconds.
const HELD_UP: u64 = 8;
const WEBHOOK: &str = "hold-up";

/// East's API server is held up until this is dropped.
struct HoldUp<'a> {
    kit: &'a Kit,
    lab: &'a Lab,
}

impl<'a> HoldUp<'a> {
    /// Has east's API server ask a webhook that never answers before it carries out updates of a resource for which a CEL
    /// expression holds; after [`HELD_UP`] it carries them out all the same.
    fn of(kit: &'a Kit, lab: &'a Lab, group: &str, versions: &[&str], resource: &str, holds: &str) -> Self {
        // While it is stopped, its port accepts connections and never answers.
        lab.supervise("east", Component::KubeScheduler, Action::Pause).unwrap();
        let held = Self { kit, lab };
        let webhook = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": WEBHOOK},
            "webhooks": [{
                "name": "hold-up.mesh.test", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Ignore", "timeoutSeconds": HELD_UP,
                "clientConfig": {"url": "https://127.0.0.1:10259/"},
                "rules": [{"apiGroups": [group], "apiVersions": versions, "operations": ["UPDATE"], "resources": [resource]}],
                "matchConditions": [{"name": "holds", "expression": holds}],
            }],
        });
        kit.apply("east", &[webhook]);
        held
    }
}

impl Drop for HoldUp<'_> {
    fn drop(&mut self) {
        self.kit.kubectl("east", &["delete", "validatingwebhookconfiguration", WEBHOOK, "--ignore-not-found"]);
        let _ = self.lab.supervise("east", Component::KubeScheduler, Action::Resume);
    }
}

#[test]
fn a_fault_that_comes_after_its_client_gave_it_up_is_put_back() {
    let Some(kit) = mesh() else { return };
    let Some(lab) = kit.lab("API servers are held up on the lab alone") else { return };
    let to_zero = "!has(object.spec.replicas) || object.spec.replicas == 0";
    let held = HoldUp::of(&kit, lab, "apps", &["v1"], "deployments/scale", to_zero);
    until("east's API server is held up", Duration::from_secs(30), || {
        let scale = ["scale", "deployment/helloworld-v1", "-n", NAMESPACE, "--replicas=0", "--dry-run=server"];
        let asked = kit.kubectl("east", &[&scale[..], &["--request-timeout=1s"]].concat());
        if asked.code == 0 { Err(asked.to_string()) } else { Ok(()) }
    });
    let kubeconfig = kit.kubeconfig_behind("east", lingering_proxy::before);
    let began = Timestamp::now();
    let arguments =
        ["--yes", "--no-report", "--request-timeout", "3s", "--kubeconfig", &kubeconfig.display().to_string()];
    let ended = Running::start(drill(&kit, "scale-to-zero", &arguments)).end();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stdout.contains("STOPPED"), "{ended}");
    assert!(ended.stderr.contains("a request of the drill may still be carried out"), "{ended}");
    assert_put_back(&kit);
    let scaled = kit.writes("east", began).into_iter().filter(|write| write.contains("/scale")).count();
    assert_eq!(scaled, 2, "one request made the fault, and one put it back when it had come");
    drop(held);
    kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE, "--timeout=60s"]).ok();
}

#[test]
fn a_filter_that_is_deleted_before_it_gets_its_effect_never_gets_it() {
    let Some(kit) = mesh() else { return };
    let Some(lab) = kit.lab("API servers are held up on the lab alone") else { return };
    let versions = ["v1alpha3"];
    let held =
        HoldUp::of(&kit, lab, "networking.istio.io", &versions, "envoyfilters", "has(object.spec.configPatches)");
    let probe = json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": {"name": "held-up", "namespace": NAMESPACE}, "spec": {"workloadSelector": {"labels": {"app": "nobody"}}},
    });
    kit.apply("east", &[probe]);
    until("east's API server is held up", Duration::from_secs(30), || {
        let patch = ["patch", "envoyfilter", "held-up", "-n", NAMESPACE, "--type=merge", "--dry-run=server"];
        let asked = kit.kubectl(
            "east",
            &[&patch[..], &["-p", r#"{"spec":{"configPatches":[]}}"#, "--request-timeout=1s"]].concat(),
        );
        if asked.code == 0 { Err(asked.to_string()) } else { Ok(()) }
    });
    kit.kubectl("east", &["delete", "envoyfilter", "held-up", "-n", NAMESPACE]).ok();
    let kubeconfig = kit.kubeconfig_behind("east", lingering_proxy::before);
    let began = Timestamp::now();
    let arguments = ["--yes", "--no-report", "--kubeconfig", &kubeconfig.display().to_string()];
    let mut running = Running::start(drill(&kit, "upstream-errors", &arguments));
    running.until_it_says("baseline: done");
    until("the filter is asked for its effect", Duration::from_secs(10), || {
        let names = kit.kubectl("east", &["get", "envoyfilter", "-n", NAMESPACE, "-o", "name"]).ok();
        if names.contains("mesh-failover") { Ok(()) } else { Err(names) }
    });
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended}");
    assert_put_back(&kit);
    std::thread::sleep(Duration::from_secs(HELD_UP));
    assert_put_back(&kit);
    let patched = kit.writes("east", began).into_iter().filter(|write| write.starts_with("patch envoyfilters")).count();
    assert_eq!(patched, 1, "it was asked for once");
    drop(held);
}
