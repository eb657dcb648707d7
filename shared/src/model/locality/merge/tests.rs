use proptest::prelude::*;

use super::super::edits::{edits, undo};
use super::*;

fn both_ways() -> Vec<FailoverPair> {
    [("east", "west"), ("west", "east")].map(|(from, to)| FailoverPair { from: from.into(), to: to.into() }).into()
}

/// Helloworld of two clusters: a pod and a gateway to each client.
pub(crate) fn wanted() -> Wanted {
    let need = |region: &str| Need { region: region.into(), own: 1, elsewhere: 1, hosts: 2 };
    Wanted { pairs: both_ways(), ports: vec![5000], needs: vec![need("east"), need("west")], ..Wanted::default() }
}

fn merged(spec: &Value) -> Value {
    merge(spec, &wanted()).unwrap().spec
}

fn refusals(policy: &Value) -> Vec<String> {
    let findings = merge(&json!({"host": "a", "trafficPolicy": policy}), &wanted()).unwrap_err();
    findings.iter().map(|finding| finding.clone().into_error().to_string()).collect()
}

#[test]
fn an_empty_rule_gets_what_ejects_and_leaves_one_host() {
    assert_eq!(
        merged(&json!({"host": "a"})),
        json!({"host": "a", "trafficPolicy": {
            "loadBalancer": {"localityLbSetting": {
                "enabled": true,
                "failover": [{"from": "east", "to": "west"}, {"from": "west", "to": "east"}],
            }},
            "outlierDetection": {
                "consecutive5xxErrors": 5, "interval": "1s", "baseEjectionTime": "30s", "maxEjectionPercent": 99,
            },
        }})
    );
}

#[test]
fn the_seeds_rule_lacks_nothing_but_a_percentage_and_the_way_back() {
    let seed = json!({"host": "a", "trafficPolicy": {
        "loadBalancer": {"localityLbSetting": {"enabled": true, "failover": [{"from": "east", "to": "west"}]}},
        "outlierDetection": {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "1m"},
    }});
    let fields: Vec<(String, bool)> =
        edits(&seed, &merged(&seed)).iter().map(|edit| (edit.field(), edit.old.is_some())).collect();
    assert_eq!(
        fields,
        [
            ("spec.trafficPolicy.loadBalancer.localityLbSetting.failover".into(), true),
            ("spec.trafficPolicy.outlierDetection.maxEjectionPercent".into(), false),
        ]
    );
    let one_way = Wanted { pairs: both_ways()[..1].to_vec(), ..wanted() };
    assert_eq!(edits(&seed, &merge(&seed, &one_way).unwrap().spec).len(), 1);
}

#[test]
fn a_percentage_of_the_users_own_stays_as_long_as_it_lets_enough_go() {
    let rule =
        |percent: u32| json!({"host": "a", "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": percent}}});
    let percent = |spec: &Value| spec["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"].clone();
    assert_eq!(percent(&merged(&rule(50))), 50);
    assert_eq!(percent(&merged(&rule(49))), 99);
    assert_eq!(percent(&merged(&rule(10))), 99);
    let whole = merge(&rule(100), &wanted()).unwrap();
    assert_eq!(percent(&whole.spec), 100);
    assert_eq!(
        sentences(&whole),
        ["trafficPolicy keeps its maxEjectionPercent 100: if all hosts fail, none is left to ask"]
    );
}

#[test]
fn outlier_detection_that_is_switched_off_is_switched_on() {
    let off = json!({"trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 0}}});
    assert_eq!(merged(&off)["trafficPolicy"]["outlierDetection"]["consecutive5xxErrors"], 5);
    let by_gateway =
        json!({"trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 0, "consecutiveGatewayErrors": 3}}});
    assert_eq!(merged(&by_gateway)["trafficPolicy"]["outlierDetection"]["consecutive5xxErrors"], 0);
    let locality = json!({"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"enabled": false}}}});
    assert_eq!(merged(&locality)["trafficPolicy"]["loadBalancer"]["localityLbSetting"]["enabled"], true);
}

#[test]
fn what_the_user_says_by_a_flag_is_written() {
    let said = Wanted {
        consecutive_5xx: Some(1),
        interval: Some(Duration::from_secs(5)),
        base_ejection_time: Some(Duration::from_mins(1)),
        max_ejection_percent: Some(100),
        ..wanted()
    };
    let standing = json!({"trafficPolicy": {"outlierDetection": {"baseEjectionTime": "1m", "maxEjectionPercent": 50}}});
    assert_eq!(
        merge(&standing, &said).unwrap().spec["trafficPolicy"]["outlierDetection"],
        json!({"baseEjectionTime": "1m", "maxEjectionPercent": 100, "consecutive5xxErrors": 1, "interval": "5s"})
    );
    let never = Wanted { max_ejection_percent: Some(10), ..wanted() };
    insta::assert_snapshot!(merge(&standing, &never).unwrap_err().into_iter().next().unwrap().into_error(), @"with --max-ejection-percent 10 east would not fail over: 1 of 2 hosts have to be ejected there, and that percentage lets 0 go");
}

#[test]
fn each_port_of_the_service_with_settings_of_its_own_gets_a_copy() {
    let spec = json!({"host": "a", "trafficPolicy": {"portLevelSettings": [
        {"port": {"number": 5000}, "tls": {"mode": "ISTIO_MUTUAL"}},
        {"port": {"number": 9090}, "tls": {"mode": "DISABLE"}},
    ]}});
    let merged = merged(&spec);
    let ports = &merged["trafficPolicy"]["portLevelSettings"];
    assert_eq!(ports[0]["outlierDetection"], merged["trafficPolicy"]["outlierDetection"]);
    assert_eq!(ports[0]["loadBalancer"], merged["trafficPolicy"]["loadBalancer"]);
    assert_eq!(ports[0]["tls"], json!({"mode": "ISTIO_MUTUAL"}));
    assert_eq!(ports[1], spec["trafficPolicy"]["portLevelSettings"][1]);
}

#[test]
fn pairs_of_other_regions_stay() {
    let spec = json!({"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"failover": [
        {"from": "north", "to": "south"}, {"from": "east", "to": "north"},
    ]}}}});
    let merged = merge(&spec, &wanted()).unwrap();
    assert_eq!(
        merged.spec["trafficPolicy"]["loadBalancer"]["localityLbSetting"],
        json!({"failover": [
            {"from": "north", "to": "south"}, {"from": "east", "to": "west"}, {"from": "west", "to": "east"},
        ]})
    );
    assert_eq!(sentences(&merged), ["trafficPolicy keeps its failover north=south"]);
}

#[test]
fn a_subset_with_a_policy_of_its_own_is_told() {
    let spec = json!({"subsets": [
        {"name": "v1", "trafficPolicy": {"outlierDetection": {}}},
        {"name": "v2", "trafficPolicy": {"tls": {}}},
    ]});
    assert_eq!(
        sentences(&merge(&spec, &wanted()).unwrap()),
        ["subset v1 has its own outlierDetection, which replaces this for its traffic"]
    );
}

#[test]
fn what_excludes_failover_is_refused_with_the_reason() {
    let distribute =
        json!({"loadBalancer": {"localityLbSetting": {"distribute": [{"from": "east/*", "to": {"east/*": 100}}]}}});
    insta::assert_snapshot!(refusals(&distribute).join("\n"), @"trafficPolicy has loadBalancer.localityLbSetting.distribute, which excludes failover: Istio refuses a rule with distribute and failover; with distribute alone no region takes over from another");
    for policy in [
        json!({"loadBalancer": {"simple": "PASSTHROUGH"}}),
        json!({"loadBalancer": {"zoneAwareLbSetting": {"enabled": true}}}),
        json!({"loadBalancer": {"localityLbSetting": {"failoverPriority": ["topology.kubernetes.io/region"]}}}),
        json!({"portLevelSettings": [{"port": {"number": 5000}, "loadBalancer": {"simple": "PASSTHROUGH"}}]}),
    ] {
        assert_eq!(refusals(&policy).len(), 1, "{policy}");
    }
}

#[test]
fn everything_that_excludes_failover_is_found_at_once() {
    let policy = json!({
        "loadBalancer": {"simple": "PASSTHROUGH", "zoneAwareLbSetting": {"enabled": true}},
        "portLevelSettings": [
            {"port": {"number": 5000}, "loadBalancer": {"localityLbSetting": {"distribute": [{"from": "*"}]}}},
        ],
    });
    let found: Vec<String> =
        refusals(&policy).iter().map(|text| text.split(',').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        found,
        [
            "trafficPolicy has loadBalancer.simple PASSTHROUGH",
            "trafficPolicy has loadBalancer.zoneAwareLbSetting",
            "portLevelSettings of port 5000 has loadBalancer.localityLbSetting.distribute",
        ]
    );
}

/// Parts of specs as users write them.
pub(crate) fn any_spec() -> impl Strategy<Value = Value> {
    let tls = prop_oneof![
        Just(Value::Null),
        Just(json!({"mode": "ISTIO_MUTUAL"})),
        Just(json!({"mode": "SIMPLE", "sni": "a"}))
    ];
    let detection = prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        (0_u32..6, 0_u32..=100)
            .prop_map(|(errors, percent)| json!({"consecutive5xxErrors": errors, "maxEjectionPercent": percent})),
        Just(json!({"interval": "5s", "baseEjectionTime": "1m0s", "unknownField": {"a": [1, 2]}})),
        Just(json!({"consecutiveGatewayErrors": 2, "consecutive5xxErrors": 0, "minHealthPercent": 20})),
    ];
    let balancer = prop_oneof![
        Just(Value::Null),
        Just(json!({"simple": "ROUND_ROBIN", "warmup": {"duration": "10s"}})),
        Just(json!({"localityLbSetting": {"enabled": false}})),
        Just(json!({"localityLbSetting": {"failover": [{"from": "east", "to": "north"}]}})),
        Just(json!({"localityLbSetting": {"failoverPriority": ["topology.istio.io/network"]}, "unknownField": 1})),
    ];
    let policy = (tls, detection, balancer).prop_map(|(tls, detection, balancer)| {
        let mut policy = Map::new();
        for (key, value) in [("tls", tls), ("outlierDetection", detection), ("loadBalancer", balancer)] {
            if !value.is_null() {
                policy.insert(key.into(), value);
            }
        }
        policy
    });
    let port = (prop_oneof![Just(5000_u16), Just(9090)], policy.clone()).prop_map(|(number, mut policy)| {
        policy.insert("port".into(), json!({"number": number}));
        Value::Object(policy)
    });
    let ports = prop::option::of(port.prop_map(|port| json!([port])));
    (prop::option::of(policy), ports, any::<bool>()).prop_map(|(policy, ports, subsets)| {
        let mut spec = json!({"host": "helloworld", "unknownField": {"kept": true}});
        if let Some(mut policy) = policy {
            policy.extend(ports.map(|ports| ("portLevelSettings".to_owned(), ports)));
            spec["trafficPolicy"] = Value::Object(policy);
        }
        if subsets {
            spec["subsets"] =
                json!([{"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}]);
        }
        spec
    })
}

/// Paths of all leaves except those that make up a failover.
fn strange_leaves(value: &Value, path: String, all: &mut Vec<(String, Value)>) {
    const OURS: [&str; 4] = ["/failover", "/enabled", "/consecutive5xxErrors", "/maxEjectionPercent"];
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| strange_leaves(value, format!("{path}/{key}"), all));
        }
        Value::Array(items) if !items.is_empty() && !path.ends_with("/failover") => {
            items.iter().enumerate().for_each(|(index, item)| strange_leaves(item, format!("{path}/{index}"), all));
        }
        Value::Object(_) => {}
        leaf if !OURS.iter().any(|ours| path.ends_with(ours)) => all.push((path, leaf.clone())),
        _ => {}
    }
}

proptest! {
    #[test]
    fn nothing_of_the_users_is_lost(spec in any_spec()) {
        let merged = merged(&spec);
        let mut leaves = Vec::new();
        strange_leaves(&spec, String::new(), &mut leaves);
        for (path, value) in leaves {
            prop_assert_eq!(merged.pointer(&path), Some(&value), "{}", path);
        }
    }

    #[test]
    fn merged_twice_is_merged_once(spec in any_spec()) {
        let once = merged(&spec);
        prop_assert_eq!(merged(&once), once);
    }

    #[test]
    fn undoing_gives_back_what_was(spec in any_spec()) {
        let merged = merged(&spec);
        let mut kept = Vec::new();
        let back = undo(&merged, &edits(&spec, &merged), &|_| false, &mut kept);
        prop_assert_eq!(back, spec);
        prop_assert!(kept.is_empty());
    }

    #[test]
    fn every_merged_policy_of_the_service_fails_over(spec in any_spec()) {
        let merged = merged(&spec);
        let policy = super::super::policy::of_port(&merged["trafficPolicy"], 5000);
        let detection = Detection::of(&read(&policy["outlierDetection"]));
        prop_assert!(detection.may_eject(2) >= 1);
        let pairs: Vec<FailoverPair> = read(&policy["loadBalancer"]["localityLbSetting"]["failover"]);
        for pair in both_ways() {
            prop_assert!(pairs.contains(&pair));
        }
    }
}

fn sentences(merged: &Merged) -> Vec<&str> {
    merged.findings.iter().map(|finding| finding.what.as_str()).collect()
}
