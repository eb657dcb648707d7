//! Drills on a mesh of two clusters: what they show is what access logs and the clusters themselves say, and what they changed
//! is put back however they end.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test drill`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "drill/stalled.rs"]
mod stalled;
mod support;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshlab::node::components::Component;
use meshlab::node::control::Action;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::running::Running;
use support::sample::{HOST, NAMESPACE};
use support::shell::{Ended, run};
use support::{Kit, until};

const CLUSTERS: [&str; 2] = ["east", "west"];
const SERVICE: &str = "helloworld.sample";
/// What a drill says when the fault is there, and when traffic has failed over.
const INJECTED: &str = "fault: accepted";
const FAILED_OVER: &str = "fault: done";

/// Why some of it is not run elsewhere.
const PAUSED: &str = "API servers are paused on the lab alone";

/// The home of the test that made the mesh.
static MESH: Mutex<Option<PathBuf>> = Mutex::new(None);

/// A mesh with helloworld v1 in east and v2 in west, exposed to each other and governed by a rule that ejects for some seconds.
fn mesh() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    if !kit.are_regions(&CLUSTERS) {
        return None;
    }
    let mut mesh = MESH.lock().unwrap_or_else(PoisonError::into_inner);
    let kit = if let Some(home) = &*mesh {
        kit.at(home.clone())
    } else {
        kit.bare();
        kit.join("east,west");
        kit.run_applications("east", "v1");
        kit.run_applications("west", "v2");
        kit.mesh_failover(&["expose", SERVICE, "--contexts", "east,west", "--yes"]).ok();
        *mesh = Some(kit.home().to_owned());
        kit
    };
    govern(
        &kit,
        &json!({"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "8s", "maxEjectionPercent": 50}),
    );
    kit.await_route("east", "west");
    Some(kit)
}

/// Has a rule govern the service in both clusters, and waits until the client of east goes by it.
fn govern(kit: &Kit, outlier_detection: &Value) {
    let [east, west] = CLUSTERS.map(|cluster| kit.region(cluster));
    let rule = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "helloworld", "namespace": NAMESPACE},
        "spec": {"host": HOST, "trafficPolicy": {
            "outlierDetection": outlier_detection,
            "loadBalancer": {"localityLbSetting": {
                "enabled": true,
                "failover": [{"from": east, "to": west}, {"from": west, "to": east}],
            }},
        }},
    });
    for cluster in CLUSTERS {
        kit.apply(cluster, std::slice::from_ref(&rule));
    }
    let wanted = outlier_detection["baseEjectionTime"].as_str().unwrap_or_default().to_owned();
    until("the client of east goes by the rule", Duration::from_secs(30), || {
        let name = format!("deploy/curl.{NAMESPACE}");
        let shown = kit.istioctl("east", &["proxy-config", "clusters", &name, "--fqdn", HOST, "-o", "json"]).json();
        let found = shown[0]["outlierDetection"]["baseEjectionTime"].as_str().unwrap_or_default().to_owned();
        if found == wanted { Ok(()) } else { Err(found) }
    });
}

/// A drill of some seconds from east's client, not yet started.
fn drill(kit: &Kit, fault: &str, more: &[&str]) -> Command {
    let arguments = [
        &["drill", SERVICE, "--fault", fault, "--cluster", "east", "--from", "deploy/curl", "--path", "/hello"][..],
        &["--match", "version: v[0-9]", "--hold", "3s", "--contexts", "east,west"],
        if more.contains(&"--baseline") { &[][..] } else { &["--baseline", "3s"] },
        more,
    ];
    kit.failover_command(&arguments.concat())
}

/// The same, run to its end with a JSON report, which is returned beside how it ended.
fn drilled(kit: &Kit, fault: &str, more: &[&str]) -> (Ended, Value) {
    let more = [&["--confirm", SERVICE, "--no-report", "-o", "json"], more].concat();
    let ended = run(&mut drill(kit, fault, &more));
    let report = serde_json::from_str(&ended.stdout).unwrap_or(Value::Null);
    (ended, report)
}

/// Nothing is left of any drill: replicas as before, no record, no lease, no filter.
#[track_caller]
fn assert_put_back(kit: &Kit) {
    assert_eq!(replicas(kit), 1);
    for cluster in CLUSTERS {
        for kind in ["configmap", "lease", "envoyfilter.networking.istio.io"] {
            let names = kit.kubectl(cluster, &["get", kind, "-A", "-o", "name"]).ok();
            assert!(!names.contains("mesh-failover"), "{cluster}: {names}");
        }
    }
}

fn replicas(kit: &Kit) -> u64 {
    let deployment = kit.get("east", &["deployment", "-n", NAMESPACE, "helloworld-v1"]).expect("helloworld-v1");
    deployment["spec"]["replicas"].as_u64().expect("replicas")
}

/// Lines of the servers' access log that a run's requests left, by the client's name that they carry.
fn logged(kit: &Kit, cluster: &str, run: &str) -> Vec<String> {
    let selector = ["-l", "app=helloworld", "-c", "istio-proxy", "--tail=-1"];
    let log = kit.kubectl(cluster, &[&["logs", "-n", NAMESPACE][..], &selector].concat()).ok();
    log.lines().filter(|line| line.contains(run)).map(ToOwned::to_owned).collect()
}

fn answers(phase: &Value, region: &str) -> u64 {
    phase["answers"][region].as_u64().unwrap_or_default()
}

fn phase<'a>(report: &'a Value, name: &str) -> &'a Value {
    let phases = report["phases"].as_array().expect("phases");
    phases.iter().find(|phase| phase["name"] == name).unwrap_or_else(|| panic!("no phase {name}: {report:#}"))
}

#[test]
fn a_region_that_is_scaled_away_fails_over_and_comes_back() {
    let Some(kit) = mesh() else { return };
    let page = kit.home().join("drill.html");
    let name = page.display().to_string();
    let ended = run(&mut drill(&kit, "scale-to-zero", &["--yes", "-o", "json", "--report", &name]));
    assert_eq!(ended.code, 0, "{ended}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["verdict"], "held", "{report:#}");
    let [east, west] = CLUSTERS.map(|cluster| kit.region(cluster));
    assert_eq!(answers(phase(&report, "baseline"), &west), 0, "{report:#}");
    assert_eq!(answers(phase(&report, "hold"), &east), 0, "{report:#}");
    assert!(answers(phase(&report, "hold"), &west) > 100, "{report:#}");
    assert!(report["putBack"].as_array().unwrap().iter().all(|one| one["restored"] == true), "{report:#}");
    assert_put_back(&kit);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(SERVICE), "{page}");
    // West's servers answered what the report says that they did; east's are gone with their log.
    let by_west: u64 = report["phases"].as_array().unwrap().iter().map(|phase| answers(phase, &west)).sum();
    let run = format!("mesh-failover/{}", report["experiment"]["run"].as_str().unwrap());
    let told = until("west's access log is whole", Duration::from_secs(10), || {
        let told = logged(&kit, "west", &run).len() as u64;
        if told >= by_west { Ok(told) } else { Err(format!("{told} of {by_west}")) }
    });
    assert_eq!(told, by_west);
}

#[test]
fn errors_of_the_near_side_are_left_behind_with_its_pods_alive() {
    let Some(kit) = mesh() else { return };
    until("helloworld-v1 is ready", Duration::from_secs(30), || {
        let ready = kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE]);
        if ready.code == 0 { Ok(()) } else { Err(ready.to_string()) }
    });
    let pods = kit.kubectl("east", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "name"]).ok();
    let (ended, report) = drilled(&kit, "upstream-errors", &[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(report["verdict"], "held", "{report:#}");
    assert!(!report["counters"]["ejected"].as_array().unwrap().is_empty(), "{report:#}");
    let failed = report["figures"]["failed"].as_u64().unwrap();
    assert!((1..30).contains(&failed), "one error ejects, and each end of an ejection meets one more: {report:#}");
    let run = format!("mesh-failover/{}", report["experiment"]["run"].as_str().unwrap());
    let told = until("east's access log is whole", Duration::from_secs(10), || {
        let lines = logged(&kit, "east", &run);
        let told = lines.iter().filter(|line| line.contains(" 503 as ")).count() as u64;
        if told >= failed { Ok(told) } else { Err(format!("{told} of {failed}")) }
    });
    assert_eq!(told, failed, "what failed is what east's proxies refused");
    assert_eq!(
        kit.kubectl("east", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "name"]).ok(),
        pods,
        "the same pods all the time"
    );
    assert_put_back(&kit);
}

#[test]
fn the_seeds_own_rule_does_not_fail_over_on_errors_and_the_report_says_why() {
    let Some(kit) = mesh() else { return };
    govern(&kit, &json!({"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "60s"}));
    let arguments =
        ["--yes", "--no-report", "--failover-within", "3s", "--failback-within", "5s", "--max-errors", "200"];
    let ended = run(&mut drill(&kit, "upstream-errors", &arguments));
    assert_eq!(ended.code, 3, "{ended}");
    assert!(ended.stdout.contains("FAILED") && ended.stdout.contains("10 % of 2 hosts"), "{ended}");
    assert!(ended.stdout.contains(&format!("kubectl mesh-failover locality apply {SERVICE}")), "{ended}");
    assert_put_back(&kit);
}

#[test]
fn a_signal_in_any_phase_puts_everything_back_before_the_end() {
    let Some(kit) = mesh() else { return };
    for (phase, signal) in [
        ("baseline: 5 s", Signal::INT),
        (INJECTED, Signal::TERM),
        (FAILED_OVER, Signal::HUP),
        ("after: restore accepted", Signal::INT),
    ] {
        let baseline = if phase.starts_with("baseline") { "20s" } else { "3s" };
        let mut running =
            Running::start(drill(&kit, "scale-to-zero", &["--yes", "--no-report", "--baseline", baseline]));
        running.until_it_says(phase);
        running.signal(signal);
        // A second one changes nothing.
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code, 128 + signal.as_raw(), "{phase}: {ended}");
        assert_put_back(&kit);
        kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE, "--timeout=60s"]).ok();
    }
}

#[test]
fn a_drill_that_was_killed_is_put_back_by_another() {
    let Some(kit) = mesh() else { return };
    let mut running = Running::start(drill(&kit, "scale-to-zero", &["--yes", "--no-report"]));
    running.until_it_says(FAILED_OVER);
    running.signal(Signal::KILL);
    running.end();
    assert_eq!(replicas(&kit), 0, "a killed client leaves the fault");

    let again = run(&mut drill(&kit, "scale-to-zero", &["--yes", "--no-report"]));
    assert_eq!(again.code, 1, "{again}");
    assert!(again.stderr.contains(&format!("drill recover {SERVICE} --contexts east")), "{again}");
    assert!(again.stderr.contains("is already running"), "its lock is still alive: {again}");
    let list = kit.mesh_failover(&["drill", "list", "--contexts", "east,west"]).ok();
    assert!(list.contains(SERVICE) && list.contains("scale-to-zero"), "{list}");
    let recover = ["drill", "recover", SERVICE, "--contexts", "east", "--yes"];
    let alive = kit.mesh_failover(&recover);
    assert_eq!(alive.code, 1, "its lock is still alive: {alive}");
    assert!(alive.stderr.contains("--force"), "{alive}");
    assert_eq!(replicas(&kit), 0);

    let elsewhere = kit.mesh_failover(&["drill", "recover", SERVICE, "--contexts", "west", "--yes"]);
    assert_eq!(elsewhere.code, 1, "the record lies in east: {elsewhere}");

    let recovered = kit.mesh_failover(&[&recover[..], &["--force"]].concat());
    assert_eq!(recovered.code, 0, "{recovered}");
    assert_eq!(replicas(&kit), 1);
    let nothing = kit.mesh_failover(&["drill", "recover", SERVICE, "--contexts", "east", "--yes"]);
    assert_eq!(nothing.code, 0, "{nothing}");
    // The lease that the killed one left in west is nobody's once it has expired; until then it is deleted here.
    kit.kubectl("west", &["delete", "lease", "-n", "istio-system", "mesh-failover-drill-helloworld-sample"]).ok();
    assert_put_back(&kit);
    kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE, "--timeout=60s"]).ok();
}

#[test]
fn what_somebody_else_changed_meanwhile_is_left_and_said() {
    let Some(kit) = mesh() else { return };
    let mut running = Running::start(drill(&kit, "scale-to-zero", &["--yes", "--no-report"]));
    running.until_it_says(FAILED_OVER);
    kit.kubectl("east", &["scale", "deployment/helloworld-v1", "-n", NAMESPACE, "--replicas=2"]).ok();
    let ended = running.end();
    assert_eq!(ended.code, 4, "{ended}");
    assert!(ended.stderr.contains("someone scaled Deployment helloworld-v1 to 2 in the meantime"), "{ended}");
    assert!(ended.stderr.contains(&format!("drill recover {SERVICE} --contexts east")), "{ended}");
    assert_eq!(replicas(&kit), 2);
    let recover = ["drill", "recover", SERVICE, "--contexts", "east", "--yes"];
    assert_eq!(kit.mesh_failover(&recover).code, 4);
    let closed = kit.mesh_failover(&[&recover[..], &["--keep-current"]].concat());
    assert_eq!(closed.code, 0, "{closed}");
    assert_eq!(replicas(&kit), 2);
    kit.kubectl("east", &["scale", "deployment/helloworld-v1", "-n", NAMESPACE, "--replicas=1"]).ok();
    assert_put_back(&kit);
}

#[test]
fn two_drills_of_one_service_do_not_run_at_once() {
    let Some(kit) = mesh() else { return };
    let mut first = Running::start(drill(&kit, "scale-to-zero", &["--yes", "--no-report"]));
    first.until_it_says(INJECTED);
    let west = ["--cluster", "west", "--fault", "scale-to-zero", "--from", "deploy/curl", "--path", "/hello", "--yes"];
    let second = kit.mesh_failover(&[&["drill", SERVICE, "--contexts", "east,west"], &west[..]].concat());
    assert_eq!(second.code, 1, "{second}");
    assert!(
        second.stderr.contains("a drill of helloworld.sample is already running") && second.stderr.contains('@'),
        "{second}"
    );
    assert_eq!(first.end().code, 0);
    assert_put_back(&kit);
}

#[test]
fn what_must_not_begin_is_refused_before_anything_is_written() {
    let Some(kit) = mesh() else { return };
    let refused = |kit: &Kit, arguments: &[&str], words: &str, code: i32| {
        let began = Timestamp::now();
        let ended = kit.mesh_failover(arguments);
        assert_eq!(ended.code, code, "{ended}");
        assert!(ended.stderr.contains(words), "{words:?}: {ended}");
        assert!(ended.stderr.contains("do:"), "{ended}");
        kit.assert_nothing_written(began);
    };
    let with = |service: &str, more: &[&str]| -> Vec<String> {
        [&["drill", service, "--fault", "scale-to-zero", "--cluster", "east", "--yes", "--no-report"][..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    for (service, more, words, code) in [
        ("nothing.sample", "--from deploy/curl", "no cluster has a Service nothing.sample", 1),
        (SERVICE, "--from deploy/none", "there is no Deployment sample/none", 1),
        (SERVICE, "--from deploy/crul", "did you mean curl?", 1),
        (SERVICE, "--from dep/curl", "did you mean deploy/curl?", 2),
        (SERVICE, "--from deploy/curl --from-cluster esat", "did you mean east?", 2),
        (SERVICE, "--from deploy/curl --contexts east", "no context is named for part of the mesh: west", 1),
        (SERVICE, "--from deploy/helloworld-v1", "has no curl that a drill can use", 1),
        (SERVICE, "--from deploy/curl --port 1", "has no port 1", 1),
        (SERVICE, "--from curl", "is not a workload", 2),
        (SERVICE, "--from deploy/curl --from-cluster north", "no cluster of the mesh", 2),
    ] {
        let mut more: Vec<&str> = more.split(' ').collect();
        if !more.contains(&"--contexts") {
            more.extend(["--contexts", "east,west"]);
        }
        let arguments = with(service, &more);
        refused(&kit, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), words, code);
    }
    let good = with(SERVICE, &["--from", "deploy/curl", "--contexts", "east,west"]);
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let without_yes: Vec<&str> = good.iter().filter(|word| **word != "--yes").copied().collect();
    refused(&kit, &without_yes, "--confirm=helloworld.sample", 1);

    kit.kubectl(
        "east",
        &["annotate", "deployment/helloworld-v1", "-n", NAMESPACE, "argocd.argoproj.io/tracking-id=shop:x"],
    )
    .ok();
    refused(&kit, &good, "Argo CD application shop manages", 1);
    kit.kubectl("east", &["annotate", "deployment/helloworld-v1", "-n", NAMESPACE, "argocd.argoproj.io/tracking-id-"])
        .ok();

    for cluster in CLUSTERS {
        kit.kubectl(cluster, &["delete", "destinationrule", "-n", NAMESPACE, "helloworld"]).ok();
    }
    refused(&kit, &good, "no rule governs the client's traffic", 1);
    drop(kit);

    let Some(kit) = mesh() else { return };
    kit.mesh_failover(&["unexpose", SERVICE, "--contexts", "east,west", "--clusters", "west", "--yes"]).ok();
    refused(&kit, &good, "helloworld.sample is not exposed in west", 1);
    kit.mesh_failover(&["expose", SERVICE, "--contexts", "east,west", "--yes"]).ok();

    kit.kubectl("west", &["scale", "deployment/helloworld-v2", "-n", NAMESPACE, "--replicas=0"]).ok();
    until("west has no endpoint", Duration::from_secs(30), || {
        let pods = kit.kubectl("west", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "name"]).ok();
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
    refused(&kit, &good, "has no healthy endpoint outside east", 1);
    kit.kubectl("west", &["scale", "deployment/helloworld-v2", "-n", NAMESPACE, "--replicas=1"]).ok();
    kit.kubectl("west", &["rollout", "status", "deployment/helloworld-v2", "-n", NAMESPACE, "--timeout=60s"]).ok();
    assert_put_back(&kit);
}

#[test]
fn what_others_hold_or_an_earlier_drill_left_is_refused() {
    let Some(kit) = mesh() else { return };
    let refused_with = |fault: &str, service: &str, from: &str, words: &str| {
        let began = Timestamp::now();
        let arguments = ["--fault", fault, "--cluster", "east", "--contexts", "east,west", "--yes"];
        let ended = kit.mesh_failover(&[&["drill", service, "--from", from], &arguments[..]].concat());
        assert_eq!(ended.code, 1, "{ended}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains("do:"), "{words:?}: {ended}");
        kit.assert_nothing_written(began);
    };
    let refused = |service: &str, from: &str, words: &str| refused_with("scale-to-zero", service, from, words);
    let named = |kind: &str, version: &str, name: &str, labels: Value, more: Value| {
        let mut object = json!({
            "apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        });
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };

    let scaler = json!({"spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "helloworld-v1"}, "maxReplicas": 1,
    }});
    let labels = json!({"scaledobject.keda.sh/name": "helloworld"});
    kit.apply("east", &[named("HorizontalPodAutoscaler", "autoscaling/v2", "keda-hpa-helloworld", labels, scaler)]);
    refused(SERVICE, "deploy/curl", "KEDA ScaledObject helloworld manages");
    kit.kubectl("east", &["delete", "hpa", "-n", NAMESPACE, "keda-hpa-helloworld"]).ok();

    let left = json!({"data": {"record": "{}"}});
    kit.apply("east", &[named("ConfigMap", "v1", "mesh-failover-drill-helloworld", json!({}), left)]);
    refused(SERVICE, "deploy/curl", "an earlier drill of helloworld.sample was not put back");
    kit.kubectl("east", &["delete", "configmap", "-n", NAMESPACE, "mesh-failover-drill-helloworld"]).ok();

    let ports = json!({"spec": {"selector": {"app": "helloworld"}, "ports": [
        {"name": "http", "port": 5000}, {"name": "http-admin", "port": 5001, "targetPort": 5000},
    ]}});
    kit.apply("east", &[named("Service", "v1", "two-ports", json!({}), ports)]);
    refused("two-ports.sample", "deploy/curl", "has several ports and none is named");
    kit.kubectl("east", &["delete", "service", "-n", NAMESPACE, "two-ports"]).ok();

    let pod = kit.kubectl("east", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "json"]).json();
    let pod = &pod["items"][0];
    let without_selector = json!({"spec": {"ports": [{"name": "http", "port": 5000}]}});
    let slice = json!({
        "addressType": "IPv4", "ports": [{"name": "http", "port": 5000}],
        "endpoints": [{"addresses": [pod["status"]["podIP"]], "targetRef": {
            "kind": "Pod", "namespace": NAMESPACE, "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
        }}],
    });
    let labels = json!({"kubernetes.io/service-name": "legacy"});
    kit.apply(
        "east",
        &[
            named("Service", "v1", "legacy", json!({}), without_selector),
            named("EndpointSlice", "discovery.k8s.io/v1", "legacy-1", labels, slice),
        ],
    );
    refused_with("upstream-errors", "legacy.sample", "deploy/curl", "legacy.sample has no selector");
    kit.kubectl("east", &["delete", "service/legacy", "endpointslice/legacy-1", "-n", NAMESPACE]).ok();

    let plain = json!({"spec": {"containers": [kit.client_container()]}});
    let uninjected = json!({"sidecar.istio.io/inject": "false"});
    kit.apply("east", &[named("Pod", "v1", "plain", uninjected, plain)]);
    kit.kubectl("east", &["wait", "pod/plain", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s"]).ok();
    refused(SERVICE, "pod/plain", "has no sidecar");
    kit.kubectl("east", &["delete", "pod", "-n", NAMESPACE, "plain", "--wait=false"]).ok();

    kit.kubectl("east", &["scale", "deployment/helloworld-v1", "-n", NAMESPACE, "--replicas=0"]).ok();
    until("east has no endpoint", Duration::from_secs(30), || {
        let pods = kit.kubectl("east", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "name"]).ok();
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
    refused(SERVICE, "deploy/curl", "has no ready endpoint in east: there is nothing to fail");
    kit.kubectl("east", &["scale", "deployment/helloworld-v1", "-n", NAMESPACE, "--replicas=1"]).ok();
    kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE, "--timeout=60s"]).ok();
    assert_put_back(&kit);
}

#[test]
fn a_baseline_that_is_not_well_ends_the_drill_before_any_fault() {
    let Some(kit) = mesh() else { return };
    let broken = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "broken", "namespace": NAMESPACE},
        "spec": {"hosts": [HOST], "http": [{
            "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}},
            "route": [{"destination": {"host": HOST}}],
        }]},
    });
    kit.apply("east", &[broken]);
    let began = Timestamp::now();
    let ended = run(&mut drill(&kit, "scale-to-zero", &["--yes", "--no-report", "--baseline", "6s"]));
    kit.kubectl("east", &["delete", "virtualservice", "-n", NAMESPACE, "broken"]).ok();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stdout.contains("STOPPED"), "{ended}");
    if kit.is_audited() {
        let scaled = kit.writes("east", began).into_iter().find(|write| write.contains("scale"));
        assert_eq!(scaled, None, "no fault was injected");
    }
    assert_put_back(&kit);
}

#[test]
fn what_cannot_be_put_back_in_time_ends_with_the_command_that_does() {
    let Some(kit) = mesh() else { return };
    let Some(lab) = kit.lab(PAUSED) else { return };
    let mut running =
        Running::start(drill(&kit, "scale-to-zero", &["--yes", "--no-report", "--restore-timeout", "5s"]));
    running.until_it_says(FAILED_OVER);
    lab.supervise("east", Component::KubeApiserver, Action::Pause).unwrap();
    let ended = running.end();
    lab.supervise("east", Component::KubeApiserver, Action::Resume).unwrap();
    assert_eq!(ended.code, 4, "{ended}");
    assert!(
        ended.stderr.contains(&format!("kubectl mesh-failover drill recover {SERVICE} --contexts east")),
        "{ended}"
    );
    until("east answers again", Duration::from_mins(1), || {
        let version = kit.kubectl("east", &["get", "--raw", "/readyz", "--request-timeout=3s"]);
        if version.code == 0 { Ok(()) } else { Err(version.to_string()) }
    });
    let recovered = kit.mesh_failover(&["drill", "recover", SERVICE, "--contexts", "east,west", "--yes", "--force"]);
    assert_eq!(recovered.code, 0, "{recovered}");
    assert_put_back(&kit);
    kit.kubectl("east", &["rollout", "status", "deployment/helloworld-v1", "-n", NAMESPACE, "--timeout=60s"]).ok();
}

#[test]
fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    let Some(kit) = mesh() else { return };
    let began = Timestamp::now();
    let said = run(&mut drill(&kit, "scale-to-zero", &["--dry-run"])).ok();
    assert!(said.contains("helloworld-v1 to 0 and back to 1") && said.contains("Fails over to: west"), "{said}");
    assert!(said.contains("Nothing was changed"), "{said}");
    let said = run(&mut drill(&kit, "upstream-errors", &["--dry-run"])).ok();
    let pod = kit.kubectl("east", &["get", "pods", "-n", NAMESPACE, "-l", "app=helloworld", "-o", "json"]).json();
    let pod = pod["items"][0]["metadata"]["name"].as_str().unwrap();
    assert!(said.contains(&format!("The filter applies to 1 pod: {pod}. It serves {SERVICE}.")), "{said}");
    kit.assert_nothing_written(began);
}
