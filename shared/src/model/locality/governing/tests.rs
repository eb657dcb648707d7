use serde_json::{Value, json};

use super::*;
use crate::model::locality::test_world::mesh_config;

const HOST: &str = "helloworld.sample.svc.cluster.local";
const ROOT: &str = "istio-system";

/// A rule by `namespace/name`; later in a list means younger.
fn rule(name: &str, host: &str, spec: &Value) -> DestinationRule {
    let (namespace, name) = name.split_once('/').unwrap();
    let mut rule = json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"host": host}});
    for (key, value) in spec.as_object().unwrap() {
        rule["spec"][key] = value.clone();
    }
    DestinationRule::read(rule)
}

fn plain(name: &str, host: &str) -> DestinationRule {
    rule(name, host, &json!({}))
}

/// The rules that govern the clients of a namespace, joined by `+`, or `none`.
fn governing(rules: &[DestinationRule], client: &str) -> String {
    let aged = rules.iter().enumerate().map(|(age, rule)| {
        let mut object = rule.object.clone();
        object["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:00:{age:02}Z"));
        DestinationRule::read(object)
    });
    let aged: Vec<_> = aged.collect();
    let mesh = mesh_config();
    let index = RuleIndex::new(&aged, &mesh);
    let governed = index.governing(client, "sample", HOST);
    governed.all.map_or("none".into(), |rule| {
        let names: Vec<String> = rule.rules.iter().map(|rule| format!("{}/{}", rule.namespace, rule.name)).collect();
        names.join("+")
    })
}

#[test]
fn the_clients_namespace_comes_first_then_the_services_then_the_root() {
    let all = [plain("istio-system/c", HOST), plain("sample/b", HOST), plain("shop/a", HOST)];
    assert_eq!(governing(&all, "shop"), "shop/a");
    assert_eq!(governing(&all, "other"), "sample/b");
    assert_eq!(governing(&all, "sample"), "sample/b");
    assert_eq!(governing(&all[..1], "other"), "istio-system/c");
    assert_eq!(governing(&[], "other"), "none");
}

#[test]
fn the_first_hit_wins_even_where_its_host_is_wider() {
    let rules = [plain("sample/exact", HOST), plain("shop/wide", "*.local")];
    assert_eq!(governing(&rules, "shop"), "shop/wide");
    assert_eq!(governing(&rules, "other"), "sample/exact");
}

#[test]
fn within_a_namespace_the_host_itself_comes_before_the_longest_pattern() {
    let rules = [
        plain("sample/all", "*"),
        plain("sample/wide", "*.sample.svc.cluster.local"),
        plain("sample/local", "*.local"),
    ];
    assert_eq!(governing(&rules, "other"), "sample/wide");
    let with_exact = [&rules[..], &[plain("sample/short", "helloworld")]].concat();
    assert_eq!(governing(&with_exact, "other"), "sample/short");
}

#[test]
fn clients_in_the_root_namespace_look_at_the_services_namespace_before_their_own() {
    let rules = [plain("istio-system/wide", "*.local"), plain("sample/b", HOST)];
    assert_eq!(governing(&rules, ROOT), "sample/b");
    let private = [rule("istio-system/own", HOST, &json!({"exportTo": ["."]})), plain("sample/b", HOST)];
    assert_eq!(governing(&private, ROOT), "istio-system/own");
    assert_eq!(governing(&private, "other"), "sample/b");
}

#[test]
fn a_rule_that_is_not_exported_governs_its_own_namespace_alone() {
    for to in [".", "sample"] {
        let rules = [rule("sample/b", HOST, &json!({"exportTo": [to]})), plain("istio-system/c", "*.local")];
        assert_eq!(governing(&rules, "sample"), "sample/b");
        assert_eq!(governing(&rules, "other"), "istio-system/c");
    }
    let to_shop = [rule("sample/b", HOST, &json!({"exportTo": ["shop"]})), plain("sample/wide", "*.local")];
    assert_eq!(governing(&to_shop, "shop"), "sample/b");
    // The search does not go back to the wider rule of the same namespace.
    assert_eq!(governing(&to_shop, "other"), "none");
    assert_eq!(governing(&to_shop, "sample"), "sample/wide");
}

#[test]
fn several_rules_for_one_host_are_merged_and_the_oldest_policy_stands() {
    let policy = |percent: u32| json!({"trafficPolicy": {"outlierDetection": {"maxEjectionPercent": percent}}});
    let subset = |name: &str, version: &str| json!({"subsets": [{"name": name, "labels": {"version": version}}]});
    let rules = [
        rule("sample/first", HOST, &subset("v1", "1")),
        rule("sample/second", HOST, &policy(20)),
        rule("sample/third", "helloworld", &policy(30)),
        rule("sample/fourth", HOST, &json!({"subsets": [{"name": "v1"}, {"name": "v2"}]})),
    ];
    assert_eq!(governing(&rules, "other"), "sample/first+sample/second+sample/third+sample/fourth");
    let mesh = mesh_config();
    let index = RuleIndex::new(&rules, &mesh);
    let merged = index.governing("other", "sample", HOST).all.unwrap();
    let names = |rule: &Consolidated<'_>| {
        rule.subsets().iter().map(|subset| subset["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&merged), ["v1", "v2"]);
    assert_eq!(index.exactly("sample", HOST).len(), 1);
}

#[test]
fn rules_exported_differently_are_not_merged_and_the_youngest_governs_those_who_see_both() {
    let rules = [plain("sample/public", HOST), rule("sample/private", HOST, &json!({"exportTo": ["."]}))];
    assert_eq!(governing(&rules, "sample"), "sample/private");
    assert_eq!(governing(&rules, "other"), "sample/public");
    let mesh = mesh_config();
    let index = RuleIndex::new(&rules, &mesh);
    assert_eq!(index.exactly("sample", HOST).len(), 2);
}

#[test]
fn a_selector_picks_workloads_of_its_own_namespace() {
    let rules = [
        plain("sample/all", HOST),
        rule("sample/some", HOST, &json!({"workloadSelector": {"matchLabels": {"app": "curl"}}})),
    ];
    let mesh = mesh_config();
    let index = RuleIndex::new(&rules, &mesh);
    let labels = |app: &str| BTreeMap::from([("app".to_owned(), app.to_owned())]);
    let name = |client: &str, app: &str| {
        index.governing(client, "sample", HOST).for_labels(&labels(app)).map(|rule| rule.policy_rule().name.as_str())
    };
    assert_eq!(name("sample", "curl"), Some("some"));
    assert_eq!(name("sample", "other"), Some("all"));
    assert_eq!(name("shop", "curl"), Some("all"));
}

#[test]
fn a_half_written_host_means_no_service() {
    assert_eq!(governing(&[plain("sample/b", "helloworld.sample")], "sample"), "none");
}

#[test]
fn where_the_mesh_says_so_a_rule_is_private_by_default() {
    let rules = [plain("sample/b", HOST), rule("sample/public", "*.local", &json!({"exportTo": ["*"]}))];
    let mesh = MeshConfig { private_rules: true, ..mesh_config() };
    let index = RuleIndex::new(&rules, &mesh);
    let name = |client| index.governing(client, "sample", HOST).all.map(|rule| rule.policy_rule().name.as_str());
    assert_eq!((name("sample"), name("shop")), (Some("b"), Some("public")));
}
