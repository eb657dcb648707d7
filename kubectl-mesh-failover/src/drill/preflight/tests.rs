use std::time::Duration;

use mesh_shared::plugin::finding::Verb;

use super::*;
use crate::drill::test_mesh::{name, pod_seen, seen};

fn rule(to: Option<&str>) -> Rule {
    Rule {
        name: "DestinationRule sample/helloworld".into(),
        failover_to: to.map(str::to_owned),
        outlier_detection: true,
        consecutive_5xx: 1,
        interval: Duration::from_secs(1),
        base_ejection: Duration::from_mins(1),
        max_ejection_percent: 100,
        hosts: 2,
    }
}

fn what<T: std::fmt::Debug>(result: Result<T, Finding>) -> String {
    result.unwrap_err().what
}

#[test]
fn a_member_without_a_context_is_named() {
    let (east, west) = (seen("east", "east-1", true), seen("west", "west-1", true));
    let mut known: BTreeSet<String> = ["east", "west", "north"].map(str::to_owned).into();
    let error = whole_mesh(&[&east, &west], &known).unwrap_err();
    assert_eq!(error.what, "no context is named for part of the mesh: north");
    assert!(error.fix[0].contains("--contexts"));
    known.remove("north");
    assert_eq!(whole_mesh(&[&east, &west], &known), Ok(()));
}

#[test]
fn a_cluster_goes_by_its_name_or_its_context() {
    let east = seen("east", "east-1", true);
    for wanted in ["east", "east-context"] {
        assert_eq!(cluster(&[&east], wanted, "--cluster").unwrap().identity.uid, "uid-east");
    }
    assert_eq!(cluster(&[&east], "north", "--cluster").unwrap_err().exit_code(), 2);
}

#[test]
fn a_service_that_is_elsewhere_is_said_to_be_there() {
    let (mut east, west) = (seen("east", "east-1", true), seen("west", "west-1", true));
    east.services.by_name.clear();
    let error = service(&[&east, &west], &east, &name()).unwrap_err();
    assert_eq!(error.fix, ["it is in west: --cluster west"]);
}

#[test]
fn one_of_several_ports_must_be_named() {
    let mut service = seen("east", "east-1", true).services.by_name.remove(&name()).unwrap();
    assert_eq!(port(&service, &name(), None).unwrap().port, 5000);
    service.ports.push(ServicePort { name: "admin".into(), port: 9000, target: "web".into(), protocol: String::new() });
    assert_eq!(what(port(&service, &name(), None)), "helloworld.sample has several ports and none is named");
    assert_eq!(port(&service, &name(), Some("admin")).unwrap().port, 9000);
    assert_eq!(port(&service, &name(), Some("5000")).unwrap().name, "http");
    assert!(port(&service, &name(), Some("1")).is_err());
}

#[test]
fn a_target_port_may_be_a_name() {
    let pod = pod_seen("a", "east-1", true, true);
    let port =
        |target: &str| ServicePort { name: String::new(), port: 80, target: target.into(), protocol: String::new() };
    assert_eq!(target_port(&port("web"), &[&pod]), Ok(8080));
    assert_eq!(target_port(&port("5000"), &[&pod]), Ok(5000));
    assert!(target_port(&port("none"), &[&pod]).is_err());
}

#[test]
fn nothing_ready_to_fail_is_refused() {
    assert!(what(failed_side(&seen("east", "east-1", false), &name())).contains("there is nothing to fail"));
    let side = failed_side(&seen("east", "east-1", true), &name()).unwrap();
    assert_eq!((side.region.as_str(), side.endpoints), ("east-1", 1));
}

#[test]
fn the_target_is_where_the_rule_leads() {
    let (east, west, north) =
        (seen("east", "east-1", true), seen("west", "west-1", true), seen("north", "north-1", true));
    let failed = failed_side(&east, &name()).unwrap();
    let target = |rule: Option<&Rule>| target_side(&[&east, &west, &north], &failed, &name(), rule);
    assert_eq!(target(Some(&rule(Some("north-1")))).unwrap().cluster.as_str(), "north");
    assert_eq!(target(Some(&rule(None))).unwrap().cluster.as_str(), "west");
    let error = target(Some(&rule(Some("south-1")))).unwrap_err();
    assert_eq!(error.why.as_deref(), Some("it has some in north-1 and west-1"));
}

#[test]
fn nothing_healthy_elsewhere_is_refused() {
    let (east, west) = (seen("east", "east-1", true), seen("west", "west-1", false));
    let failed = failed_side(&east, &name()).unwrap();
    let error = target_side(&[&east, &west], &failed, &name(), Some(&rule(Some("west-1")))).unwrap_err();
    assert_eq!(error.what, "helloworld.sample has no healthy endpoint outside east");
}

#[test]
fn without_a_rule_the_command_that_writes_one_is_named() {
    let error = governed(None, &name(), ("east-1", "west-1")).unwrap_err();
    assert_eq!(error.fix[1], "kubectl mesh-failover locality apply helloworld.sample --failover east-1=west-1");
    assert_eq!(governed(Some(&rule(None)), &name(), ("a", "b")), Ok(()));
}

#[test]
fn a_client_needs_a_ready_pod_with_a_sidecar() {
    let at = seen("east", "east-1", true);
    let (plain, ready, away) =
        (pod_seen("a", "", true, false), pod_seen("b", "", true, true), pod_seen("c", "", false, true));
    assert_eq!(client(&[&plain, &away, &ready], "deploy/x", &at).unwrap().name, "b");
    assert_eq!(what(client(&[&plain, &away], "deploy/x", &at)), "the client sample/a has no sidecar");
    assert_eq!(what(client(&[&away], "deploy/x", &at)), "deploy/x has no ready pod in east");
}

fn codes_of(findings: &Findings) -> Vec<&'static str> {
    for finding in findings {
        let code = finding.code;
        assert!(code.refused_by.contains(&Verb::Drill), "docs/findings.md does not say that a drill refuses on {code}");
    }
    findings.iter().map(|finding| finding.code.name).collect()
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let (mut east, mut west) = (seen("east", "east-1", false), seen("west", "west-1", true));
    let admin = ServicePort { name: "admin".into(), port: 5001, target: "5001".into(), protocol: "http".into() };
    east.services.by_name.get_mut(&name()).unwrap().ports.push(admin);
    let mut findings = Findings::default();
    assert!(served(&[&east, &west], &east, &name(), None, &mut findings).is_none());
    let failed =
        Side { cluster: east.membership.name.clone(), context: "c".into(), region: "east-1".into(), endpoints: 1 };
    (east.membership.network, west.membership.network) = (None, None);
    destination(&[&east, &west], &east, &failed, None, &name(), &mut findings);
    assert_eq!(
        codes_of(&findings),
        ["drill/no-such-port", "drill/no-endpoint", "drill/no-rule", "drill/target-not-exposed"]
    );
    let refused = findings.refuse(Verb::Drill).unwrap_err();
    assert_eq!(refused.also.len(), 3);
}

#[test]
fn what_needs_a_service_or_a_target_that_is_not_there_is_left_out() {
    let (mut east, west) = (seen("east", "east-1", false), seen("west", "west-1", false));
    let failed =
        Side { cluster: east.membership.name.clone(), context: "c".into(), region: "east-1".into(), endpoints: 1 };
    east.services.by_name.clear();
    let mut findings = Findings::default();
    assert!(served(&[&east, &west], &east, &name(), None, &mut findings).is_none());
    assert!(destination(&[&east, &west], &east, &failed, None, &name(), &mut findings).is_none());
    assert_eq!(codes_of(&findings), ["drill/no-service", "drill/nowhere-else"]);
}
