//! Joins that stop midway, for reasons that no check beforehand can see: they say what exists and how to go on.
//!
//! Run: `meshlab with --clusters east,west --balancer west=pending -- cargo test -p mesh-tests --test stopped`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use meshlab::node::components::Component;
use meshlab::node::control::Action;
use meshlab::spec::Balancer;
use support::shell::Ended;
use support::{Kit, ca_folder};

const CLUSTERS: [&str; 2] = ["east", "west"];

fn clusters() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    let lab = kit.lab("balancers, operators and networks that fail are made on the lab alone")?;
    if lab.spec().cluster("west").unwrap().balancer != Balancer::Pending {
        eprintln!("not run: the lab's balancer in west gives addresses (meshlab with --balancer west=pending)");
        return None;
    }
    kit.bare();
    Some(kit)
}

/// What a join that stopped has to say, and what it must have left and not left.
#[track_caller]
fn assert_says_what_stands(kit: &Kit, ended: &Ended, began: Timestamp) {
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("written so far in east:"), "{ended}");
    assert!(ended.stderr.contains("Secret istio-system/cacerts"), "{ended}");
    assert!(ended.stderr.contains("run the same command again"), "{ended}");
    assert!(!ended.stderr.contains("Nothing was written."), "{ended}");
    for cluster in CLUSTERS {
        assert!(!kit.writes(cluster, began).is_empty(), "{cluster}: nothing was written at all");
        assert_no_probe(kit, cluster);
    }
}

/// The probe's namespace is gone or going.
#[track_caller]
fn assert_no_probe(kit: &Kit, cluster: &str) {
    let list = kit.get(cluster, &["namespaces"]).unwrap();
    for namespace in list["items"].as_array().unwrap() {
        let metadata = &namespace["metadata"];
        let ours = metadata["name"].as_str().unwrap().starts_with("mesh-probe-");
        assert!(!ours || !metadata["deletionTimestamp"].is_null(), "{cluster}: {metadata}");
    }
}

#[test]
fn a_version_past_its_end_of_life_is_told_at_once_in_the_operators_words() {
    let Some(kit) = clusters() else { return };
    let (began, clock) = (Timestamp::now(), Instant::now());
    let ended = kit.mesh_mc(&["join", "--contexts", "east,west", "--yes", "--istio-version", "v1.28.0"]);
    assert!(clock.elapsed() < Duration::from_mins(1), "it took {:?}", clock.elapsed());
    assert_says_what_stands(&kit, &ended, began);
    assert!(ended.stderr.contains("end-of-life"), "{ended}");
}

#[test]
fn an_operator_that_does_nothing_is_waited_for_until_the_time_is_over() {
    let Some(kit) = clusters() else { return };
    let lab = kit.ground.lab.as_ref().unwrap();
    lab.supervise("west", Component::SailStandIn, Action::Pause).unwrap();
    let (began, clock) = (Timestamp::now(), Instant::now());
    let ended = kit.mesh_mc(&["join", "--contexts", "east,west", "--yes", "--timeout", "40s"]);
    let took = clock.elapsed();
    lab.supervise("west", Component::SailStandIn, Action::Resume).unwrap();
    assert!(took < Duration::from_mins(1), "it took {took:?}");
    assert_says_what_stands(&kit, &ended, began);
    assert!(ended.stderr.contains("context west"), "{ended}");
    assert!(ended.stderr.contains("Istio"), "{ended}");
}

#[test]
fn an_address_that_is_never_assigned_is_named_with_its_service() {
    let Some(kit) = clusters() else { return };
    let (began, clock) = (Timestamp::now(), Instant::now());
    let ended = kit.mesh_mc(&["join", "--contexts", "east,west", "--yes", "--timeout", "60s"]);
    assert!(clock.elapsed() < Duration::from_secs(80), "it took {:?}", clock.elapsed());
    assert_says_what_stands(&kit, &ended, began);
    assert!(ended.stderr.contains("istio-eastwestgateway"), "{ended}");
    assert!(ended.stderr.contains("context west"), "{ended}");
    // Nothing but the address was missing.
    kit.assert_everyone_sees_everyone(&CLUSTERS);
}

#[test]
fn an_api_server_that_peers_cannot_reach_stops_the_join_before_anything_else_is_written() {
    let Some(kit) = clusters() else { return };
    // TEST-NET-1: no such host, and no port of the node's either.
    for address in ["https://192.0.2.1:6443", "https://10.99.0.12:1"] {
        let began = Timestamp::now();
        let given = format!("west={address}");
        let ended =
            kit.mesh_mc(&["join", "--contexts", "east,west", "--yes", "--api-server", &given, "--timeout", "60s"]);
        assert_eq!(ended.code, 1, "{ended}");
        assert!(ended.stderr.contains(address), "{ended}");
        assert!(ended.stderr.contains("--api-server"), "{ended}");
        assert!(ca_folder::tree(&kit.data()).is_empty(), "a root was made");
        for cluster in CLUSTERS {
            let writes = kit.writes(cluster, began);
            assert!(writes.iter().all(|write| write.contains("mesh-probe-")), "{cluster}: {writes:?}");
            assert_no_probe(&kit, cluster);
        }
    }
}
