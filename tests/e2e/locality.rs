//! Rules decide where traffic goes, one command writes them into both clusters, and takes back what it wrote. The client's proxy and
//! the server's answers say where traffic goes, the API servers what stands and who owns it.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test locality`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use support::sample::{Answers, HOST, NAMESPACE, exposure};
use support::shell::{Ended, run_with_input};
use support::{Kit, until};

const CLUSTERS: [&str; 2] = ["east", "west"];
const SERVICE: &str = "helloworld.sample";
const OWN: Answers = Answers { v1: 10, v2: 0, other: Vec::new() };
const OTHER: Answers = Answers { v1: 0, v2: 10, other: Vec::new() };

/// The home of the test that made the mesh.
static MESH: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The mesh with the service exposed in both clusters and no rule of anybody; the first test that needs it makes it.
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
        for (cluster, version) in [("east", "v1"), ("west", "v2")] {
            kit.run_applications(cluster, version);
            kit.apply(cluster, &[exposure()]);
        }
        for (cluster, peer) in [("east", "west"), ("west", "east")] {
            kit.await_route(cluster, peer);
        }
        *mesh = Some(kit.home().to_owned());
        kit
    };
    for cluster in CLUSTERS {
        kit.kubectl(cluster, &["delete", "destinationrules", "--all", "--all-namespaces"]).ok();
        kit.kubectl(cluster, &["delete", "namespace", "shop", "--ignore-not-found"]).ok();
    }
    Some(kit)
}

impl Kit {
    /// `kubectl mesh-failover locality VERB helloworld.sample …` of both clusters.
    fn locality(&self, verb: &str, arguments: &[&str]) -> Ended {
        self.mesh_failover(&[&["locality", verb, SERVICE, "--contexts", "east,west"], arguments].concat())
    }

    /// The rule in the service's namespace.
    #[track_caller]
    fn rule(&self, cluster: &str) -> Option<Value> {
        self.get(cluster, &["--show-managed-fields", "destinationrule", "-n", NAMESPACE, "helloworld"])
    }

    /// A rule of the user's own, written as kubectl does it.
    #[track_caller]
    fn users_rule(&self, cluster: &str, spec: &Value) -> Value {
        let rule = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "helloworld", "namespace": NAMESPACE}, "spec": spec,
        });
        run_with_input(self.kubectl_command(cluster).args(["create", "-f", "-"]), &rule.to_string()).ok();
        self.rule(cluster).unwrap()
    }

    /// Waits until ten requests in a row are answered like this.
    #[track_caller]
    fn await_answers(&self, cluster: &str, wanted: &Answers) {
        until(&format!("{cluster} gets {wanted:?}"), Duration::from_secs(30), || {
            let answers = self.call(cluster, 10, "locality");
            if answers == *wanted { Ok(()) } else { Err(format!("{answers:?}")) }
        });
    }

    /// Waits until a client gets answers of both.
    #[track_caller]
    fn await_both(&self, cluster: &str) {
        until(&format!("{cluster} is answered from both"), Duration::from_secs(30), || {
            let answers = self.call(cluster, 10, "locality");
            if answers.v1 > 0 && answers.v2 > 0 { Ok(()) } else { Err(format!("{answers:?}")) }
        });
    }

    /// The priorities that the client's proxy gives to the regions of the service, as `east 0` for that of east.
    #[track_caller]
    fn priorities(&self, cluster: &str) -> Vec<String> {
        let client = format!("deploy/curl.{NAMESPACE}");
        let name = format!("outbound|5000||{HOST}");
        let shown =
            self.istioctl(cluster, &["proxy-config", "endpoints", &client, "--cluster", &name, "-o", "json"]).json();
        let hosts = shown[0]["hostStatuses"].as_array().unwrap_or_else(|| panic!("{shown}"));
        let of = CLUSTERS.map(|cluster| (cluster, self.region(cluster)));
        let mut all: Vec<String> = hosts
            .iter()
            .map(|host| {
                let region = host["locality"]["region"].as_str().unwrap_or_default();
                let cluster = of.iter().find(|(_, known)| known == region).map_or(region, |(cluster, _)| cluster);
                format!("{cluster} {}", host["priority"].as_u64().unwrap_or_default())
            })
            .collect();
        all.sort();
        all
    }
}

/// The seed's own rule: it never ejects one of two hosts.
fn seed(kit: &Kit) -> Value {
    let [east, west] = CLUSTERS.map(|cluster| kit.region(cluster));
    json!({"host": HOST, "trafficPolicy": {
        "loadBalancer": {"localityLbSetting": {"enabled": true, "failover": [{"from": east, "to": west}]}},
        "outlierDetection": {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "1m"},
    }})
}

/// Makes every answer of the servers' proxies a 503.
fn fault() -> Value {
    let connections = "envoy.filters.network.http_connection_manager";
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": {"name": "fault", "namespace": NAMESPACE},
        "spec": {
            "workloadSelector": {"labels": {"app": "helloworld"}},
            "configPatches": [{
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "SIDECAR_INBOUND",
                    "listener": {"filterChain": {"filter": {"name": connections, "subFilter": {"name": "envoy.filters.http.router"}}}},
                },
                "patch": {
                    "operation": "INSERT_BEFORE",
                    "value": {
                        "name": "envoy.filters.http.fault",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                            "abort": {"http_status": 503, "percentage": {"numerator": 100, "denominator": "HUNDRED"}},
                        },
                    },
                },
            }],
        },
    })
}

fn managers(rule: &Value) -> Vec<String> {
    let entries = rule["metadata"]["managedFields"].as_array().unwrap();
    entries.iter().map(|entry| format!("{} {}", entry["manager"], entry["operation"]).replace('"', "")).collect()
}

#[test]
fn each_region_keeps_its_own_traffic_until_the_rule_is_removed() {
    let Some(kit) = mesh() else { return };
    for cluster in CLUSTERS {
        kit.await_both(cluster);
    }
    let began = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    kit.await_answers("east", &OWN);
    kit.await_answers("west", &OTHER);
    assert_eq!(kit.priorities("east"), ["east 0", "west 1"]);
    assert_eq!(kit.priorities("west"), ["east 1", "west 0"]);
    for cluster in CLUSTERS {
        if kit.is_audited() {
            assert_eq!(kit.writes(cluster, began), ["patch destinationrules sample/helloworld"], "{cluster}");
        }
        let rule = kit.rule(cluster).unwrap();
        assert_eq!(managers(&rule), ["kubectl-mesh-failover Apply"]);
        assert_eq!(rule["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-mesh-failover");
        assert_eq!(rule["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"], 99);
    }
    if let Some(found) = kit.analyze("east", &["-n", NAMESPACE, "--failure-threshold", "Error"]) {
        assert!(!found.contains("DestinationRule"), "{found}");
    }

    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    assert_eq!(kit.locality("diff", &[]).code, 0);
    kit.assert_nothing_written(again);

    kit.locality("remove", &["--yes"]).ok();
    for cluster in CLUSTERS {
        assert_eq!(kit.rule(cluster), None, "{cluster}");
        kit.await_both(cluster);
    }
    let removed = Timestamp::now();
    kit.locality("remove", &["--yes"]).ok();
    kit.assert_nothing_written(removed);
}

#[test]
fn a_dry_run_and_manifests_write_nothing_and_kubectl_takes_the_manifests() {
    let Some(kit) = mesh() else { return };
    let began = Timestamp::now();
    let plan = kit.locality("apply", &["--dry-run=client"]).ok();
    let yaml = kit.locality("apply", &["-o", "yaml"]).ok();
    assert_eq!(kit.locality("diff", &[]).code, 1);
    let refused = kit.locality("apply", &[]);
    assert_eq!(refused.code, 1, "{refused}");
    kit.assert_nothing_written(began);
    assert!(plan.contains("Nothing was written"), "{plan}");
    for cluster in CLUSTERS {
        let mut kubectl = kit.kubectl_command(cluster);
        run_with_input(kubectl.args(["apply", "--dry-run=server", "-f", "-"]), &yaml).ok();
    }
}

#[test]
fn a_rule_of_the_users_keeps_what_is_in_it_and_gets_it_back() {
    let Some(kit) = mesh() else { return };
    let spec = json!({
        "host": "helloworld",
        "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}],
        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 100}}, "outlierDetection": {"interval": "5s"}},
    });
    let before = kit.users_rule("east", &spec);
    kit.locality("apply", &["--yes"]).ok();
    kit.await_answers("east", &OWN);
    let rule = kit.rule("east").unwrap();
    assert_eq!(rule["spec"]["subsets"], spec["subsets"]);
    assert_eq!(rule["spec"]["host"], "helloworld");
    assert_eq!(rule["spec"]["trafficPolicy"]["connectionPool"], spec["trafficPolicy"]["connectionPool"]);
    assert_eq!(rule["spec"]["trafficPolicy"]["outlierDetection"], json!({"interval": "5s", "maxEjectionPercent": 99}));
    assert_eq!(rule["metadata"].get("labels"), None);
    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    kit.assert_nothing_written(again);

    // What someone adds in the meantime outlives the removal, and what they change is reported.
    let patch = r#"[{"op": "add", "path": "/spec/trafficPolicy/tls", "value": {"mode": "ISTIO_MUTUAL"}},
        {"op": "replace", "path": "/spec/trafficPolicy/outlierDetection/maxEjectionPercent", "value": 50}]"#;
    kit.kubectl("east", &["patch", "destinationrule", "-n", NAMESPACE, "helloworld", "--type=json", "-p", patch]).ok();
    let said = kit.locality("remove", &["--yes"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("maxEjectionPercent was changed from 99 to 50 since, and is kept"), "{said}");
    let mut wanted = before["spec"].clone();
    wanted["trafficPolicy"]["tls"] = json!({"mode": "ISTIO_MUTUAL"});
    wanted["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = 50.into();
    let after = kit.rule("east").unwrap();
    assert_eq!(after["spec"], wanted);
    assert_eq!(after["metadata"].get("annotations"), None);
    assert_eq!(kit.rule("west"), None);
}

#[test]
fn what_is_the_users_is_changed_by_word_alone_and_given_back() {
    let Some(kit) = mesh() else { return };
    let spec = json!({"host": HOST, "trafficPolicy": {
        "outlierDetection": {"consecutive5xxErrors": 1, "maxEjectionPercent": 10},
        "loadBalancer": {"localityLbSetting": {"failover": [{"from": kit.region("east"), "to": "north-region"}]}},
        "portLevelSettings": [{"port": {"number": 5000}, "connectionPool": {"tcp": {"maxConnections": 9}}}],
    }});
    let before = kit.users_rule("east", &spec);
    let began = Timestamp::now();
    let refused = kit.locality("apply", &["--yes"]);
    assert_eq!(refused.code, 1, "{refused}");
    for said in [
        "spec.trafficPolicy.outlierDetection.maxEjectionPercent (owner kubectl-create) is 10, wanted 99",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.failover (owner kubectl-create) is [",
        "spec.trafficPolicy.portLevelSettings[0].outlierDetection (owner kubectl-create) is nothing, wanted {",
        "Nothing was written.",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {refused}");
    }
    kit.assert_nothing_written(began);
    assert_eq!(kit.rule("east").unwrap(), before);
    assert_eq!(kit.rule("west"), None);

    kit.locality("apply", &["--take-over", "--yes"]).ok();
    kit.await_answers("east", &OWN);
    assert_eq!(kit.priorities("east"), ["east 0", "west 1"]);
    let rule = kit.rule("east").unwrap();
    let port = &rule["spec"]["trafficPolicy"]["portLevelSettings"][0];
    assert_eq!(port["connectionPool"], json!({"tcp": {"maxConnections": 9}}));
    assert_eq!(port["outlierDetection"]["maxEjectionPercent"], 99);
    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    kit.assert_nothing_written(again);

    kit.locality("remove", &["--yes"]).ok();
    let after = kit.rule("east").unwrap();
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!(after["metadata"].get("annotations"), None);
}

#[test]
fn a_wider_rules_policy_is_copied_and_a_client_namespace_with_its_own_rule_is_told() {
    let Some(kit) = mesh() else { return };
    let wide = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "wide", "namespace": "istio-system"},
        "spec": {"host": "*.local", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 77}}}},
    });
    let mut shop = wide.clone();
    shop["metadata"]["namespace"] = "shop".into();
    kit.apply("east", &[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}), wide, shop]);
    let said = kit.locality("apply", &["--yes"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("DestinationRule istio-system/wide (*.local) would govern without it"), "{said}");
    assert!(
        said.stderr.contains("not governed: clients in shop, where DestinationRule shop/wide comes first"),
        "{said}"
    );
    let policy = |cluster: &str| kit.rule(cluster).unwrap()["spec"]["trafficPolicy"].clone();
    assert_eq!(policy("east")["connectionPool"], json!({"tcp": {"maxConnections": 77}}));
    assert_eq!(policy("west").get("connectionPool"), None);
    let shown = kit.locality("show", &["-o", "json"]).json();
    let rules: Vec<(&str, &str, bool)> = shown["clients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|clients| {
            let rule = clients["rule"]["name"].as_str().unwrap_or("none");
            let on_errors = clients["verdicts"][0]["onErrors"] == true;
            (clients["cluster"].as_str().unwrap(), rule, on_errors)
        })
        .collect();
    assert_eq!(
        rules,
        [
            ("east", "DestinationRule sample/helloworld", true),
            ("east", "DestinationRule shop/wide", false),
            ("west", "DestinationRule sample/helloworld", true),
        ]
    );
}

#[test]
fn the_seeds_own_rule_never_fails_over_on_errors_and_lacks_one_field() {
    let Some(kit) = mesh() else { return };
    let before = kit.users_rule("east", &seed(&kit));
    let shown = kit.locality("show", &[]).ok();
    assert!(
        shown.contains("maxEjectionPercent 10 (default) of 2 hosts is less than one: nothing is ever ejected"),
        "{shown}"
    );

    kit.apply("east", &[fault()]);
    // What the fault answers has no line ends.
    let failed = |answers: &Answers| answers.v1 == 0 && answers.v2 == 0 && !answers.other.is_empty();
    until("every answer of east is an error", Duration::from_secs(30), || {
        let answers = kit.call("east", 10, "locality");
        if failed(&answers) { Ok(()) } else { Err(format!("{answers:?}")) }
    });
    let answers = kit.call("east", 10, "locality");
    assert!(failed(&answers), "the seed's rule has moved traffic: {answers:?}");

    // The way that the seed's rule goes is enough for it.
    let [east, west] = CLUSTERS.map(|cluster| kit.region(cluster));
    let way = format!("{east}={west}");
    let one_way = ["--failover", &way, "--yes"];
    kit.locality("apply", &one_way).ok();
    kit.await_answers("east", &OTHER);
    kit.kubectl("east", &["delete", "envoyfilter", "-n", NAMESPACE, "fault"]).ok();
    let rule = kit.rule("east").unwrap();
    let mut wanted = before["spec"].clone();
    wanted["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = 99.into();
    assert_eq!(rule["spec"], wanted);
    let shown = kit.locality("show", &[]).ok();
    assert!(shown.contains(&format!("fails over to {west}: 1 of 2 hosts may be ejected")), "{shown}");
    let strange = kit.locality("apply", &["--failover", &format!("{east}=north-region"), "--yes"]);
    assert_eq!(strange.code, 1, "{strange}");
    assert!(strange.stderr.contains(&format!("its regions are {east} and {west}")), "{strange}");
    kit.locality("remove", &["--yes"]).ok();
    assert_eq!(kit.rule("east").unwrap()["spec"], before["spec"]);
}

#[test]
fn a_rule_of_ours_that_somebody_put_something_into_outlives_the_removal() {
    let Some(kit) = mesh() else { return };
    kit.locality("apply", &["--yes"]).ok();
    let patch = r#"[{"op": "add", "path": "/spec/subsets", "value": [{"name": "v1", "labels": {"version": "v1"}}]}]"#;
    kit.kubectl("east", &["patch", "destinationrule", "-n", NAMESPACE, "helloworld", "--type=json", "-p", patch]).ok();
    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    kit.assert_nothing_written(again);
    kit.locality("remove", &["--yes"]).ok();
    let rule = kit.rule("east").unwrap();
    assert_eq!(rule["spec"], json!({"host": HOST, "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}));
    assert_eq!(rule["metadata"].get("labels"), None);
    assert_eq!(kit.rule("west"), None);

    // From then on it is a user's rule like any other.
    kit.locality("apply", &["--yes"]).ok();
    kit.await_answers("east", &OWN);
    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    kit.assert_nothing_written(again);
    kit.locality("remove", &["--yes"]).ok();
    assert_eq!(kit.rule("east").unwrap()["spec"], rule["spec"]);
}

#[test]
fn a_damaged_annotation_is_refused_by_what_writes_and_told_by_what_reads() {
    const WRITTEN: &str = "kubectl-mesh-failover/written";
    let Some(kit) = mesh() else { return };
    let spec = json!({"host": HOST, "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}});
    let before = kit.users_rule("east", &spec);
    kit.locality("apply", &["--take-over", "--yes"]).ok();
    let whole = kit.rule("east").unwrap()["metadata"]["annotations"][WRITTEN].as_str().unwrap().to_owned();
    assert!(whole.starts_with(r#"{"version":1,"edits":["#), "{whole}");
    let annotate = |text: &str| {
        let annotation = format!("{WRITTEN}{text}");
        let arguments = ["annotate", "--overwrite", "destinationrule", "-n", NAMESPACE, "helloworld", &annotation];
        kit.kubectl("east", &arguments).ok();
    };
    annotate(&format!("={}", &whole[..whole.len() / 2]));

    let (damaged, west) = (kit.rule("east"), kit.rule("west"));
    let began = Timestamp::now();
    for verb in ["apply", "remove"] {
        let refused = kit.locality(verb, &["--yes"]);
        assert_eq!(refused.code, 1, "{refused}");
        for said in [
            "error[locality/record-damaged]: cannot tell what we wrote into DestinationRule sample/helloworld in east",
            "its annotation kubectl-mesh-failover/written cannot be read: it breaks off after",
            "kubectl --context east annotate destinationrule -n sample helloworld kubectl-mesh-failover/written-",
            "Nothing was written.",
        ] {
            assert!(refused.stderr.contains(said), "{said}: {refused}");
        }
    }
    let note =
        "DestinationRule sample/helloworld in east: its annotation kubectl-mesh-failover/written cannot be read (";
    let shown = kit.locality("show", &[]).ok();
    assert!(shown.contains(note) && shown.contains("fails over to"), "{shown}");
    let differs = kit.locality("diff", &[]);
    assert!(differs.code == 1 && differs.stdout.contains(note), "{differs}");
    let drill =
        ["drill", SERVICE, "--contexts", "east,west", "--cluster", "east", "--from", "deploy/curl", "--dry-run"];
    let drill = kit.mesh_failover(&[&drill[..], &["--fault", "upstream-errors"]].concat());
    assert!(drill.code == 0 && drill.stderr.contains(note), "{drill}");
    kit.assert_nothing_written(began);
    assert_eq!((kit.rule("east"), kit.rule("west")), (damaged, west));

    // Put back as it was, it gives back what stood there.
    annotate(&format!("={whole}"));
    kit.locality("remove", &["--yes"]).ok();
    assert_eq!(kit.rule("east").unwrap()["spec"], before["spec"]);
    assert_eq!(kit.rule("west"), None);

    // Once it is removed, only the user's own remains.
    kit.locality("apply", &["--take-over", "--yes"]).ok();
    let written = kit.rule("east").unwrap()["spec"].clone();
    annotate("=rubbish");
    assert_eq!(kit.locality("remove", &["--yes"]).code, 1);
    annotate("-");
    kit.locality("remove", &["--yes"]).ok();
    assert_eq!(kit.rule("east").unwrap()["spec"], written);
}

#[test]
fn settings_of_a_port_that_come_later_are_taken_over_and_everything_is_given_back() {
    let Some(kit) = mesh() else { return };
    let before = kit.users_rule("west", &json!({"host": HOST, "trafficPolicy": {"outlierDetection": {}}}));
    kit.locality("apply", &["--yes"]).ok();
    let port = r#"[{"op": "add", "path": "/spec/trafficPolicy/portLevelSettings", "value": [{"port": {"number": 5000}, "outlierDetection": {"interval": "2s"}}]}]"#;
    kit.kubectl("west", &["patch", "destinationrule", "-n", NAMESPACE, "helloworld", "--type=json", "-p", port]).ok();
    assert_eq!(kit.locality("apply", &["--yes"]).code, 1);
    kit.locality("apply", &["--yes", "--take-over=spec.trafficPolicy.portLevelSettings"]).ok();
    kit.await_answers("west", &OTHER);
    let again = Timestamp::now();
    kit.locality("apply", &["--yes"]).ok();
    assert_eq!(kit.locality("diff", &[]).code, 1, "the port of one cluster is looked at more seldom");
    kit.assert_nothing_written(again);

    // Another number of errors is no matter of the list's owner any more.
    kit.locality("apply", &["--yes", "--consecutive-5xx-errors", "3"]).ok();
    let rule = kit.rule("west").unwrap();
    let policy = &rule["spec"]["trafficPolicy"];
    assert_eq!(policy["outlierDetection"]["consecutive5xxErrors"], 3);
    assert_eq!(policy["portLevelSettings"][0]["outlierDetection"]["consecutive5xxErrors"], 3);
    kit.locality("remove", &["--yes"]).ok();
    let mut wanted = before["spec"].clone();
    wanted["trafficPolicy"]["portLevelSettings"] =
        json!([{"port": {"number": 5000}, "outlierDetection": {"interval": "2s"}}]);
    assert_eq!(kit.rule("west").unwrap()["spec"], wanted);
}
