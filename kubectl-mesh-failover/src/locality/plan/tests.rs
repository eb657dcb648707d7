use crate::locality::failover_flag::parse;
use mesh_shared::model::istio::destination_rule::DestinationRule;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::write::Write;
use serde_json::{Value, json};

use super::*;
use crate::drill::find_governing_rule;
use crate::locality::effective_rules::{Ours, report};
use crate::locality::words as show;
use crate::locality::{drift, removal};
use crate::mesh::test_world::{cluster, our_gateway, region, service, with_service};
use crate::plugin_identity::MANAGER;

const HOST: &str = "helloworld.sample.svc.cluster.local";

/// East and west, each with a pod of helloworld, exposed.
fn world() -> Vec<ObservedTraffic> {
    [("east", "10.9.0.1"), ("west", "10.9.0.2")]
        .map(|(name, gateway)| {
            let mut seen = with_service(cluster(name), "helloworld.sample", "http", 1);
            seen.east_west.known_mut().unwrap().gateways[0].addresses = vec![gateway.into()];
            seen.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
            seen.services.namespaces.insert("shop".into());
            seen
        })
        .into()
}

fn rule(name: &str, spec: &Value) -> DestinationRule {
    let (namespace, name) = name.split_once('/').unwrap();
    DestinationRule::read(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {
            "namespace": namespace, "name": name, "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": fields(spec)}}],
        },
        "spec": spec,
    }))
}

/// Changes a cluster's first rule, as somebody does with kubectl.
fn edit_first_rule(seen: &mut ObservedTraffic, edit: impl FnOnce(&mut Value)) {
    let rule = &mut seen.rules.known_mut().unwrap().destination_rules[0];
    let mut object = rule.object.clone();
    edit(&mut object);
    *rule = DestinationRule::read(object);
}

fn request(failover: &[&str]) -> LocalityRequest {
    LocalityRequest {
        service: service("helloworld.sample"),
        failover: parse(&failover.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap(),
        consecutive_5xx: None,
        interval: None,
        base_ejection_time: None,
        max_ejection_percent: None,
        take_over: TakeOver::Nothing,
        manager: MANAGER,
    }
}

fn each(world: &[ObservedTraffic]) -> Vec<&ObservedTraffic> {
    world.iter().collect()
}

fn planned(world: &[ObservedTraffic]) -> LocalityPlan {
    apply(&request(&[]), &each(world)).unwrap()
}

fn refusal(failover: &[&str], world: &[ObservedTraffic]) -> String {
    let error = apply(&request(failover), &each(world)).unwrap_err();
    format!("{}: {}\n{}", error.what, error.why.unwrap_or_default(), error.remedy.join("\n"))
}

#[test]
fn two_regions_without_a_rule_get_one_of_ours_each() {
    insta::assert_snapshot!(show::overview(&planned(&world())), @r#"
    helloworld.sample fails over east-1 → west-1, west-1 → east-1.

    east and west:
      new DestinationRule sample/helloworld: no rule for exactly this host exists in namespace sample
        + spec:
        +   host: helloworld.sample.svc.cluster.local
        +   trafficPolicy:
        +     loadBalancer:
        +       localityLbSetting:
        +         enabled: true
        +         failover:
        +         - from: east-1
        +           to: west-1
        +         - from: west-1
        +           to: east-1
        +     outlierDetection:
        +       baseEjectionTime: "30s"
        +       consecutive5xxErrors: 5
        +       interval: "1s"
        +       maxEjectionPercent: 99
    "#);
}

#[test]
fn a_namespace_that_a_cluster_lacks_is_told_and_left_alone() {
    let mut world = world();
    let mut north = cluster("north");
    north.services.namespaces.remove("sample");
    world.push(north);
    let plan = planned(&world);
    assert_eq!(plan.clusters.len(), 2);
    assert_eq!(
        plan.findings.sentences(),
        ["north has no namespace sample: its clients do not find the service, and no rule is written there"]
    );
}

#[test]
fn a_users_rule_is_edited_in_place_and_keeps_what_is_in_it() {
    let mut world = world();
    world[0].rules.known_mut().unwrap().destination_rules.push(rule(
        "sample/theirs",
        &json!({
            "host": "helloworld", "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
            "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
        }),
    ));
    let plan = planned(&world);
    let rule = &plan.clusters[0].rules[0];
    let Some(Write::Apply { manifest }) = &rule.rewrite.write else { panic!() };
    assert_eq!(rule.key.to_string(), "DestinationRule sample/theirs");
    assert_eq!(manifest["metadata"].get("labels"), None);
    assert!(manifest["spec"].get("subsets").is_none());
    assert_eq!(refuse_conflicts(&plan, &TakeOver::Nothing), Ok(()));
}

#[test]
fn a_value_of_the_users_that_never_ejects_is_refused_and_taken_over_by_word_alone() {
    let mut world = world();
    world[0].rules.known_mut().unwrap().destination_rules.push(rule(
        "sample/theirs",
        &json!({
            "host": HOST, "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}},
        }),
    ));
    let plan = planned(&world);
    let error = refuse_conflicts(&plan, &TakeOver::Nothing).unwrap_err();
    insta::assert_snapshot!(mesh_shared::plugin::terminal::error_message::render(&error, plain()), @r"
    error[locality/fields-of-others]: for helloworld.sample to fail over, fields that others own have to change
      where: context ctx-east
      why:   east: DestinationRule sample/theirs spec.trafficPolicy.outlierDetection.maxEjectionPercent (owner kubectl-edit) is 10, wanted 99
      do:    change these fields where they are kept, then run the same command again
             or take them over by adding --take-over: the rule keeps the old values, and remove restores them
    Nothing was written.
    ");
    let field = "spec.trafficPolicy.outlierDetection.maxEjectionPercent";
    for taken in [TakeOver::Everything, TakeOver::Fields(vec![field.into()])] {
        assert_eq!(refuse_conflicts(&plan, &taken), Ok(()));
    }
    assert!(refuse_conflicts(&plan, &TakeOver::Fields(vec!["spec.host".into()])).is_err());
    assert!(matches!(plan.clusters[0].rules[0].rewrite.write, Some(Write::Patch { .. })));
}

#[test]
fn settings_of_a_port_are_taken_over_by_word_alone() {
    let mut world = world();
    world[1].rules.known_mut().unwrap().destination_rules.push(rule(
        "sample/theirs",
        &json!({
            "host": HOST,
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": 5000}, "tls": {"mode": "ISTIO_MUTUAL"}}]},
        }),
    ));
    insta::assert_snapshot!(planned(&world).conflicts(&TakeOver::Nothing).join("\n"), @r#"
    west: DestinationRule sample/theirs spec.trafficPolicy.portLevelSettings[0].loadBalancer (owner kubectl-edit) is nothing, wanted {"localityLbSetting":{"enabled":true,"failover":[{"from":"east-1","to":"west-1"},{"from":"west-1","to":"east-1"}]}}
    west: DestinationRule sample/theirs spec.trafficPolicy.portLevelSettings[0].outlierDetection (owner kubectl-edit) is nothing, wanted {"consecutive5xxErrors":5,"interval":"1s","baseEjectionTime":"30s","maxEjectionPercent":99}
    "#);
}

#[test]
fn a_wider_rules_policy_is_copied_and_the_name_is_kept_free() {
    let mut world = world();
    for seen in &mut world {
        seen.rules.known_mut().unwrap().destination_rules.push(rule(
            "sample/helloworld",
            &json!({
                "host": "*.sample.svc.cluster.local",
                "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}, "outlierDetection": {"maxEjectionPercent": 10}},
                "subsets": [{"name": "v1"}], "exportTo": ["*"],
            }),
        ));
    }
    insta::assert_snapshot!(show::overview(&planned(&world)), @r"
    helloworld.sample fails over east-1 → west-1, west-1 → east-1.

    east and west:
      new DestinationRule sample/helloworld-failover: no rule for exactly this host exists in namespace sample
        + spec:
        +   host: helloworld.sample.svc.cluster.local
        +   subsets:
        +   - name: v1
        +   trafficPolicy:
        +     loadBalancer:
        +       localityLbSetting:
        +         enabled: true
        +         failover:
        +         - from: east-1
        +           to: west-1
        +         - from: west-1
        +           to: east-1
        +     outlierDetection:
        +       maxEjectionPercent: 99
        +     tls:
        +       mode: ISTIO_MUTUAL
      note  DestinationRule sample/helloworld (*.sample.svc.cluster.local) would govern without it: its policy is copied, since the first rule that is found governs as a whole [locality/policy-copied]
    ");
}

#[test]
fn clients_with_a_rule_of_their_own_are_told_to_be_out_of_reach() {
    let mut world = world();
    world[0].rules.known_mut().unwrap().destination_rules.push(rule("shop/own", &json!({"host": "*.local"})));
    world[1]
        .rules
        .known_mut()
        .unwrap()
        .destination_rules
        .push(rule("sample/narrow", &json!({"host": HOST, "exportTo": ["."]})));
    let plan = planned(&world);
    assert_eq!(
        plan.clusters[0].findings.sentences(),
        ["not governed: clients in shop, where DestinationRule shop/own comes first"]
    );
    assert_eq!(
        plan.clusters[1].findings.sentences(),
        ["not governed: clients in istio-system and shop, to which the rule is not exported"]
    );
}

#[test]
fn distribute_is_refused_where_it_stands() {
    let mut world = world();
    let shares = json!({"distribute": [{"from": "east-1/*", "to": {"east-1/*": 80, "west-1/*": 20}}]});
    world[0].rules.known_mut().unwrap().destination_rules.push(rule(
        "sample/theirs",
        &json!({
            "host": HOST, "trafficPolicy": {"loadBalancer": {"localityLbSetting": shares}},
        }),
    ));
    let error = apply(&request(&[]), &each(&world)).unwrap_err();
    assert_eq!(error.place.as_deref(), Some("context ctx-east, DestinationRule sample/theirs"));
}

#[test]
fn regions_that_do_not_exist_are_refused_with_those_that_do() {
    insta::assert_snapshot!(refusal(&["east-1=west-2"], &world()), @r"
    there is no region west-2: no node and no workload of the mesh's clusters is there; its regions are east-1 and west-1
    did you mean west-1?
    name regions as they are, or label the nodes first: kubectl mesh-failover regions
    ");
}

#[test]
fn more_than_two_regions_are_not_guessed() {
    let mut world = world();
    let mut north = with_service(cluster("north"), "helloworld.sample", "http", 1);
    north.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
    world.push(north);
    insta::assert_snapshot!(refusal(&[], &world), @r"
    it is not clear which region takes over from which for helloworld.sample: it has endpoints in 3 regions: east-1, north-1 and west-1; pairs can be inferred only for two regions
    name the pairs: --failover east-1=west-1
    regions of the mesh: east-1, north-1 and west-1
    ");
}

#[test]
fn what_would_keep_a_failover_from_working_is_told() {
    let mut world = world();
    world[1].east_west.known_mut().unwrap().gateway_rules.clear();
    world[0].mesh_config.cluster_local.push("*.sample.svc.cluster.local".into());
    let plan = apply(&request(&["east-1=west-1"]), &each(&world)).unwrap();
    insta::assert_snapshot!(plan.findings.sentences().join("\n"), @r"
    no pair begins at west-1: its clients fail over to east-1 all the same, the only other region
    west does not expose helloworld.sample: clients of other clusters are refused there; kubectl mesh-failover expose helloworld.sample
    east keeps helloworld.sample at home (clusterLocal): its clients never leave the cluster
    ");
    world[1].services.by_name.get_mut(&service("helloworld.sample")).unwrap().endpoints.clear();
    let plan = apply(&request(&["east-1=west-1"]), &each(&world)).unwrap();
    assert_eq!(
        plan.findings.sentences()[0],
        "west-1 has no ready endpoint of helloworld.sample now, so nothing there could take over"
    );
}

#[test]
fn an_unknown_service_is_refused() {
    let strange = LocalityRequest { service: service("other.sample"), ..request(&[]) };
    assert_eq!(apply(&strange, &each(&world())).unwrap_err().what, "no cluster has a Service other.sample");
}

/// The world after a plan, as the API servers keep it.
fn carried_out(world: &[ObservedTraffic], plan: &LocalityPlan) -> Vec<ObservedTraffic> {
    let mut world = world.to_vec();
    for cluster in &plan.clusters {
        let seen = world.iter_mut().find(|seen| seen.membership.name == cluster.cluster).unwrap();
        for rule in &cluster.rules {
            seen.rules.known_mut().unwrap().destination_rules.retain(|seen| seen.key() != rule.key);
            let Some(mut after) = rule.rewrite.after.clone() else { continue };
            if let Some(Write::Apply { manifest }) = &rule.rewrite.write {
                let own = json!({"manager": MANAGER, "operation": "Apply", "fieldsV1": fields(manifest)});
                match after["metadata"]["managedFields"].as_array_mut() {
                    Some(entries) => entries.push(own),
                    None => after["metadata"]["managedFields"] = json!([own]),
                }
            }
            seen.rules.known_mut().unwrap().destination_rules.push(DestinationRule::read(after));
        }
    }
    world
}

fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect(),
        _ => json!({}),
    }
}

#[test]
fn a_second_run_writes_nothing_and_a_removal_gives_back_what_was() {
    let mut before = world();
    before[0]
        .rules
        .known_mut()
        .unwrap()
        .destination_rules
        .push(rule("sample/theirs", &json!({"host": "helloworld", "subsets": [{"name": "v1"}]})));
    before[1]
        .rules
        .known_mut()
        .unwrap()
        .destination_rules
        .push(rule("istio-system/wide", &json!({"host": "*.local", "trafficPolicy": {"tls": {}}})));
    let first = planned(&before);
    assert_eq!(first.changes().len(), 2);
    let after = carried_out(&before, &first);
    assert!(planned(&after).changes().is_empty());
    let removal = removal::remove(&service("helloworld.sample"), MANAGER, &each(&after)).unwrap();
    assert_eq!(removal.changes().len(), 2);
    let back = carried_out(&after, &removal);
    let specs = |world: &[ObservedTraffic]| -> Vec<Value> {
        world.iter().flat_map(ObservedTraffic::destination_rules).map(|rule| rule.object["spec"].clone()).collect()
    };
    assert_eq!(specs(&back), specs(&before));
    assert_eq!(removal.clusters[1].findings.sentences(), ["DestinationRule istio-system/wide governs again"]);
}

#[test]
fn what_others_changed_since_is_told_by_a_removal() {
    let mut before = world();
    before[0].rules.known_mut().unwrap().destination_rules.push(rule("sample/theirs", &json!({"host": HOST})));
    let mut after = carried_out(&before, &planned(&before));
    edit_first_rule(&mut after[0], |rule| {
        rule["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = 50.into();
    });
    let removal = removal::remove(&service("helloworld.sample"), MANAGER, &each(&after)).unwrap();
    assert_eq!(
        removal.clusters[0].findings.sentences(),
        ["spec.trafficPolicy.outlierDetection.maxEjectionPercent was changed from 99 to 50 since, and is kept"]
    );
}

#[test]
fn the_seeds_rule_is_reported_with_the_reason_why_it_never_fails_over() {
    let mut world = world();
    let seed = json!({"host": HOST, "trafficPolicy": {
        "loadBalancer": {"localityLbSetting": {"enabled": true, "failover": [{"from": "east-1", "to": "west-1"}]}},
        "outlierDetection": {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "1m"},
    }});
    world[0].rules.known_mut().unwrap().destination_rules.push(rule("sample/helloworld", &seed));
    world[0]
        .rules
        .known_mut()
        .unwrap()
        .destination_rules
        .push(rule("sample/mistaken", &json!({"host": "helloworld.sample"})));
    let report = report(&service("helloworld.sample"), MANAGER, &each(&world));
    insta::assert_snapshot!(show::report(&report, mesh_shared::plugin::arguments::TableFormat::Table), @r"
    CLUSTER  CLIENTS IN      RULE               REGION  FAILS OVER  WHY
    east     all namespaces  sample/helloworld  east-1  no          maxEjectionPercent 10 (default) of 2 hosts is less than one: nothing is ever ejected
    west     all namespaces  none               west-1  no          no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times
    warning  DestinationRule sample/mistaken in east names the host helloworld.sample, which is none: Istio completes only names without a dot; write helloworld.sample.svc.cluster.local [locality/host-is-none]
    ");
    let client = find_governing_rule::ClientOf {
        cluster: &world[0].membership.name,
        namespace: "shop",
        region: "east-1",
        labels: &std::collections::BTreeMap::new(),
    };
    let rule = find_governing_rule::rule(&each(&world), client, &service("helloworld.sample"), 5000).unwrap();
    assert_eq!(
        (rule.name.as_str(), rule.failover_to.as_deref()),
        ("DestinationRule sample/helloworld", Some("west-1"))
    );
    assert_eq!((rule.consecutive_5xx, rule.max_ejection_percent, rule.hosts), (1, 10, 2));
}

#[test]
fn who_made_a_rule_is_reported_and_every_namespace_is_in_one_group() {
    let mut before = world();
    before[0].rules.known_mut().unwrap().destination_rules.push(rule("shop/own", &json!({"host": "*.local"})));
    before[0].services.nodes.insert("far".into(), region("east-2"));
    let after = carried_out(&before, &planned(&before));
    let report = report(&service("helloworld.sample"), MANAGER, &each(&after));
    let told: Vec<(String, usize, Option<Ours>)> = report
        .clients
        .iter()
        .map(|clients| {
            (clients.cluster.to_string(), clients.namespaces.len(), clients.rule.as_ref().map(|rule| rule.ours))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("east".into(), 2, Some(Ours::Made)),
            ("east".into(), 1, Some(Ours::No)),
            ("west".into(), 3, Some(Ours::Made))
        ]
    );
    assert!(report.clients[2].everywhere && report.clients[2].verdicts[0].on_errors);
}

/// East's rule, written by us, with this annotation in place of ours; west's is whole.
fn annotated(text: &str) -> Vec<ObservedTraffic> {
    let mut before = world();
    before[0].rules.known_mut().unwrap().destination_rules.push(rule(
        "sample/theirs",
        &json!({"host": "helloworld", "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 50}}}),
    ));
    let mut after = carried_out(&before, &planned(&before));
    edit_first_rule(&mut after[0], |rule| {
        let annotations = &mut rule["metadata"]["annotations"];
        assert!(annotations["kubectl-mesh-failover/written"].is_string(), "{annotations}");
        annotations["kubectl-mesh-failover/written"] = text.into();
    });
    after
}

fn removal_of(world: &[ObservedTraffic]) -> Result<LocalityPlan> {
    removal::remove(&service("helloworld.sample"), MANAGER, &each(world))
}

#[test]
fn a_damaged_annotation_is_refused_by_what_writes() {
    let world = annotated(r#"{"version":1,"edits":[{"path":["traff"#);
    let removal = removal_of(&world).unwrap_err();
    assert_eq!(apply(&request(&[]), &each(&world)).map(|_| ()), Err(removal.clone()));
    insta::assert_snapshot!(mesh_shared::plugin::terminal::error_message::render(&removal, plain()), @r"
    error[locality/record-damaged]: cannot tell what we wrote into DestinationRule sample/theirs in east
      where: context ctx-east, DestinationRule sample/theirs
      why:   its annotation kubectl-mesh-failover/written cannot be read: it breaks off after 37 characters
      do:    put the annotation back as it was, from Git or a backup; only it records what the rule had before
             or look at the rule; if it may stay as it is, remove the annotation, which makes what is written there yours:
             kubectl --context ctx-east get destinationrule -n sample theirs -o yaml
             kubectl --context ctx-east annotate destinationrule -n sample theirs kubectl-mesh-failover/written-
    Nothing was written.
    ");
}

#[test]
fn a_damaged_annotation_is_said_with_what_else_is_in_the_way() {
    let error = apply(&request(&["east-1=nowhere"]), &each(&annotated("["))).unwrap_err();
    let all: Vec<Option<&str>> =
        std::iter::once(&error).chain(&error.also).map(|error| error.code.map(|code| code.name)).collect();
    assert_eq!(all, [Some("locality/unknown-region"), Some("locality/record-damaged")]);
}

#[test]
fn an_annotation_of_a_newer_plugin_is_refused_by_what_writes() {
    let world = annotated(r#"{"version":2,"edits":[],"since":"1.4"}"#);
    let removal = removal_of(&world).unwrap_err();
    assert_eq!(apply(&request(&[]), &each(&world)).map(|_| ()), Err(removal.clone()));
    insta::assert_snapshot!(mesh_shared::plugin::terminal::error_message::render(&removal, plain()), @r"
    error[locality/record-damaged]: cannot tell what we wrote into DestinationRule sample/theirs in east
      where: context ctx-east, DestinationRule sample/theirs
      why:   its annotation kubectl-mesh-failover/written cannot be read: it is of version 2, and this plugin knows only version 1
      do:    use the version of this plugin that wrote it, or a newer one
             or look at the rule; if it may stay as it is, remove the annotation, which makes what is written there yours:
             kubectl --context ctx-east get destinationrule -n sample theirs -o yaml
             kubectl --context ctx-east annotate destinationrule -n sample theirs kubectl-mesh-failover/written-
    Nothing was written.
    ");
}

#[test]
fn with_the_annotation_taken_away_a_rule_is_the_users() {
    let mut world = annotated("[");
    edit_first_rule(&mut world[0], |rule| {
        rule["metadata"].as_object_mut().unwrap().remove("annotations");
    });
    let removal = removal_of(&world).unwrap();
    assert_eq!(removal.changes().len(), 1, "west's alone");
    assert!(apply(&request(&[]), &each(&world)).is_ok());
}

#[test]
fn a_damaged_annotation_of_another_service_is_nobodys_business() {
    let mut world = world();
    world[0].rules.known_mut().unwrap().destination_rules.push(rule("sample/other", &json!({"host": "other"})));
    edit_first_rule(&mut world[0], |rule| {
        rule["metadata"]["annotations"] = json!({"kubectl-mesh-failover/written": "["});
    });
    assert_eq!(planned(&world).changes().len(), 2);
    assert!(removal_of(&world).unwrap().clusters.is_empty());
    assert!(report(&service("helloworld.sample"), MANAGER, &each(&world)).findings.is_empty());
}

#[test]
fn what_only_reads_goes_on_and_says_that_an_annotation_is_damaged() {
    let world = annotated("");
    let compared = compare(&request(&[]), &each(&world)).unwrap();
    assert!(compared.changes().is_empty());
    let drift = drift::drift(&service("helloworld.sample"), &each(&world));
    let report = report(&service("helloworld.sample"), MANAGER, &each(&world));
    assert_eq!(report.clients[0].rule.as_ref().unwrap().ours, Ours::Unknown);
    let shown = show::report(&report, mesh_shared::plugin::arguments::TableFormat::Table);
    insta::assert_snapshot!(format!("{}\n{shown}", show::differences(&compared, &drift)), @r"
    Not compared:
    DestinationRule sample/theirs in east: its annotation kubectl-mesh-failover/written cannot be read (it is empty), so that apply and remove refuse this rule

    The clusters do not say the same:
    CLUSTER  PORT  RULE                               SAYS
    east     5000  DestinationRule sample/theirs      failover east-1=west-1,west-1=east-1; 5 errors, at most 50 % out for 30s, looked at every 10s
    west     5000  DestinationRule sample/helloworld  failover east-1=west-1,west-1=east-1; 5 errors, at most 99 % out for 30s, looked at every 1s

    CLUSTER  CLIENTS IN      RULE                      REGION  FAILS OVER  WHY
    east     all namespaces  sample/theirs (damaged)   east-1  yes         fails over to west-1: 1 of 2 hosts may be ejected, east-1 has 1
    west     all namespaces  sample/helloworld (ours)  west-1  yes         fails over to east-1: 1 of 2 hosts may be ejected, west-1 has 1
    warning  DestinationRule sample/theirs in east: its annotation kubectl-mesh-failover/written cannot be read (it is empty), so that apply and remove refuse this rule [locality/record-damaged]
    ");
}

#[test]
fn clusters_that_say_something_else_are_told() {
    let before = world();
    let mut after = carried_out(&before, &planned(&before));
    assert_eq!(drift::drift(&service("helloworld.sample"), &each(&after)), []);
    edit_first_rule(&mut after[1], |rule| {
        rule["spec"]["trafficPolicy"]["outlierDetection"]["baseEjectionTime"] = "1m".into();
    });
    let plan = planned(&after);
    let drift = drift::drift(&service("helloworld.sample"), &each(&after));
    insta::assert_snapshot!(show::differences(&plan, &drift), @r#"
    helloworld.sample fails over east-1 → west-1, west-1 → east-1.

    east:
      nothing to change

    west:
      DestinationRule sample/helloworld: it differs from what is wanted
          …
                  - from: west-1
                    to: east-1
              outlierDetection:
        -       baseEjectionTime: "1m"
        +       baseEjectionTime: "30s"
                consecutive5xxErrors: 5
                interval: "1s"
                maxEjectionPercent: 99

    The clusters do not say the same:
    CLUSTER  PORT  RULE                               SAYS
    east     5000  DestinationRule sample/helloworld  failover east-1=west-1,west-1=east-1; 5 errors, at most 99 % out for 30s, looked at every 1s
    west     5000  DestinationRule sample/helloworld  failover east-1=west-1,west-1=east-1; 5 errors, at most 99 % out for 60s, looked at every 1s
    "#);
}

#[test]
fn what_we_made_carries_our_name_and_nothing_else_does() {
    let plan = planned(&world());
    for (_, manifest) in plan.manifests() {
        assert_eq!(manifest["metadata"]["labels"][MANAGED_BY], MANAGER);
    }
}

fn plain() -> mesh_shared::plugin::terminal::Terminal {
    mesh_shared::plugin::terminal::Terminal { live: false, asks: false, colour: false }
}
