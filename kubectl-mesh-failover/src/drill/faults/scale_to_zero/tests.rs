use std::collections::BTreeMap;

use mesh_shared::model::seen::workload::{Autoscaler, Owners, Workload};

use super::*;
use crate::drill::test_mesh::{name, with_pods, workload};

fn changes(owners: &Owners, allow_owner: bool) -> Result<Vec<Changed>, Findings> {
    let (service, selector) = (name(), BTreeMap::new());
    ScaleToZero.changes(&Scene { service: &service, selector: &selector, port: 5000, owners, allow_owner })
}

fn scaled(workload: Workload, allow_owner: bool) -> Result<Vec<Changed>, Findings> {
    changes(&Owners { workloads: vec![workload], unscalable: vec![] }, allow_owner)
}

fn what(result: Result<Vec<Changed>, Findings>) -> String {
    result.unwrap_err().sentences().join("; ")
}

#[test]
fn what_stands_before_is_what_will_be_put_back() {
    let mut deployment = workload();
    deployment.autoscaler = Some(Autoscaler { name: "hpa".into(), least: 1, most: 3, keda: None });
    let changed = scaled(deployment, false).unwrap();
    assert!(
        matches!(&changed[0], Changed::Replicas(Replicas { before: 2, uid, autoscaler: Some(hpa), .. }) if uid == "u" && hpa == "hpa")
    );
}

#[test]
fn what_must_not_be_scaled_is_refused() {
    let mut zero = workload();
    zero.replicas = 0;
    assert_eq!(what(scaled(zero, true)), "Deployment sample/helloworld-v1 is already at zero");
    let mut volumes = workload();
    volumes.loses_volumes = true;
    assert_eq!(what(scaled(volumes, true)), "Deployment sample/helloworld-v1 would lose its volumes");
    let owners = Owners { workloads: vec![workload()], unscalable: vec![("DaemonSet".into(), "agent".into())] };
    assert_eq!(what(changes(&owners, true)), "DaemonSet agent cannot be scaled to zero");
    assert_eq!(what(changes(&Owners::default(), true)), "no workload here is behind helloworld.sample");
}

#[test]
fn everything_that_must_not_be_scaled_is_said_at_once() {
    let (mut zero, mut volumes) = (workload(), workload());
    zero.replicas = 0;
    zero.keeper = Some("Argo CD application shop".into());
    volumes.object.name = "helloworld-v2".into();
    volumes.loses_volumes = true;
    let owners = Owners { workloads: vec![zero, volumes], unscalable: vec![("DaemonSet".into(), "agent".into())] };
    assert_eq!(
        changes(&owners, false).unwrap_err().sentences(),
        [
            "DaemonSet agent cannot be scaled to zero",
            "Deployment sample/helloworld-v1 is already at zero",
            "Argo CD application shop manages Deployment sample/helloworld-v1 and may restore its replicas at once",
            "Deployment sample/helloworld-v2 would lose its volumes",
        ]
    );
}

#[test]
fn what_others_keep_is_scaled_only_when_it_is_allowed() {
    let mut gitops = workload();
    gitops.keeper = Some("Argo CD application shop".into());
    let mut keda = workload();
    keda.autoscaler = Some(Autoscaler { name: "keda-hpa-x".into(), least: 1, most: 3, keda: Some("x".into()) });
    for (kept, keeper) in [(gitops, "Argo CD application shop"), (keda, "KEDA ScaledObject x")] {
        let findings = scaled(kept.clone(), false).unwrap_err();
        let finding = findings.iter().next().unwrap();
        assert!(finding.what.starts_with(keeper) && finding.fix[0].contains("--allow-owner"), "{finding:?}");
        assert!(scaled(kept, true).is_ok());
    }
}

#[test]
fn scaling_fails_the_pods_behind_the_service() {
    let at = with_pods();
    let pods: Vec<&str> = ScaleToZero.pods(&at, &name()).unwrap().iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(pods, ["helloworld-east"]);
    let mut at = at;
    at.services.by_name.get_mut(&name()).unwrap().selector.clear();
    assert!(ScaleToZero.pods(&at, &name()).is_ok(), "what is scaled is found by the service's endpoints");
}

#[test]
fn an_autoscaler_that_rests_is_named_in_the_plan() {
    let mut scaled = workload();
    scaled.autoscaler = Some(Autoscaler { name: "hpa".into(), least: 1, most: 3, keda: None });
    let service = name();
    let planned = Planned { service: &service, workloads: &[scaled, workload()], pods: &[], also: &[] };
    let said = ScaleToZero.in_plan(&planned);
    assert_eq!(said.notes, ["HorizontalPodAutoscaler hpa (1 to 3) is inactive while helloworld-v1 is at zero."]);
    assert_eq!(said.will, "scale helloworld-v1 to 0 and back to 2, helloworld-v1 to 0 and back to 2");
}
