mod control_planes;
mod gateways;
mod names;
mod remote_access;
mod trust;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use mesh_shared::engine::steps::StepId;
use mesh_shared::machine::{clock, random};
use mesh_shared::model::istio::cacerts;
use mesh_shared::model::istio::remote_secret::reading::RegisteredCluster;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::pki::authority::Root;
use mesh_shared::model::pki::chain::{Certificate, Fingerprint};
use mesh_shared::model::seen::access::RemoteAccess;
use mesh_shared::model::seen::access::{AddressSource, ApiAddress, RemoteSecretFound};
use mesh_shared::model::seen::control_plane::ControlPlanes;
use mesh_shared::model::seen::control_plane::{Istiod, ObservedResource, SailApi};
use mesh_shared::model::seen::identity::{Identity, Platform};
use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::probes::{ProbeNamespace, Probes};
use mesh_shared::model::seen::trust::Trust;
use serde_json::json;

use mesh_shared::model::names::NetworkName;
use mesh_shared::model::pki::key::KeyAlgorithm;

use super::*;
use crate::keep::ca_folder::{KeptRoot, SignedFor};
use crate::work::tasks::{Action, Phase, Task, title};

fn request() -> JoinRequest {
    JoinRequest {
        managed_by: "kubectl-mesh-mc",
        mesh: None,
        istio_version: None,
        values: json!({}),
        cluster_names: BTreeMap::new(),
        networks: BTreeMap::new(),
        api_servers: BTreeMap::new(),
        key_algorithm: KeyAlgorithm::Rsa4096,
        gateway_annotations: BTreeMap::new(),
        gateway_internal: false,
        probe: true,
        system_namespace: "istio-system".into(),
        cni_namespace: "istio-cni".into(),
    }
}

fn fresh(context: &str) -> ObservedCluster {
    ObservedCluster {
        identity: Identity { context: context.into(), uid: format!("uid-of-{context}") },
        platform: Platform { kubernetes: "1.36.3".into(), ..Platform::default() },
        control_planes: ControlPlanes {
            sail: Some(SailApi {
                version: "v1".into(),
                istio_versions: vec!["v1.31.0-beta.1".into(), "v1.30.3".into()],
                default_version: Some("v1.31.0-beta.1".into()),
            }),
            ..ControlPlanes::default()
        },
        trust: Trust::none(clock::now()),
        access: RemoteAccess {
            api_addresses: vec![ApiAddress {
                url: format!("https://{context}.example:6443"),
                ca_pem: "ca".into(),
                source: AddressSource::Endpoint,
            }],
            authorities: vec![Fingerprint::of(context.as_bytes())],
            ..RemoteAccess::default()
        },
        gateways: Known::Known(Vec::new()),
        probes: Probes::default(),
        objects: BTreeMap::new(),
    }
}

/// The cluster as it is once every step of a plan for it is done.
fn finished(plan: &JoinPlan, index: usize, before: &ObservedCluster) -> ObservedCluster {
    let name = &plan.members[index].name;
    let mut after = before.clone();
    for (_, step) in plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(name)) {
        match &step.action {
            Action::Write(Write::Apply { manifest }) => {
                after.objects.insert(ObjectKey::of(manifest), manifest.clone());
                let resource = ObservedResource { name: "default".into(), object: manifest.clone() };
                match manifest["kind"].as_str() {
                    Some("Istio") => after.control_planes.istios.push(resource),
                    Some("IstioCNI") => after.control_planes.cni = Some(resource),
                    Some("Secret") => after.access.reader_token = Some(token_of(name.as_str())),
                    _ => {}
                }
            }
            Action::Task(Task::CreateCacerts { .. }) => {
                after.trust.cacerts = with_root(&before.identity.context, "one").trust.cacerts;
            }
            Action::Task(Task::WriteRemoteSecret { peer, .. }) => after.access.remote_secrets.push(RemoteSecretFound {
                secret: format!("istio-remote-secret-{peer}"),
                resource_version: "7".into(),
                ours: true,
                clusters: vec![registered(peer.as_str())],
                fault: None,
            }),
            _ => {}
        }
    }
    after
}

/// The root of this name: the same one at every call.
fn authority(text: &str) -> Arc<Root> {
    static ROOTS: LazyLock<Mutex<BTreeMap<String, Arc<Root>>>> = LazyLock::new(Mutex::default);
    let made = || {
        let key = random::new_key(KeyAlgorithm::EcdsaP256).unwrap();
        Arc::new(Root::create(key, random::new_serial().unwrap(), clock::now()).unwrap())
    };
    ROOTS.lock().unwrap().entry(text.to_owned()).or_insert_with(made).clone()
}

fn certificate(text: &str) -> Certificate {
    authority(text).certificate.clone()
}

fn token_of(cluster: &str) -> Fingerprint {
    Fingerprint::of(format!("token of {cluster}").as_bytes())
}

/// What a remote secret of a join says of a cluster.
fn registered(cluster: &str) -> RegisteredCluster {
    RegisteredCluster {
        secret: format!("istio-remote-secret-{cluster}"),
        cluster: cluster.into(),
        server: Some(format!("https://{cluster}.example:6443")),
        server_ca: Some(Fingerprint::of(cluster.as_bytes())),
        authorities: vec![Fingerprint::of(cluster.as_bytes())],
        token: Some(token_of(cluster)),
        faults: Vec::new(),
    }
}

fn root(text: &str) -> Fingerprint {
    certificate(text).fingerprint
}

fn empty_folder() -> CaFolderState {
    CaFolderState {
        path: PathBuf::from("/ca"),
        exists: false,
        root: None,
        intermediates: BTreeMap::new(),
        signed_for: Vec::new(),
        faults: Vec::new(),
    }
}

fn folder_with(text: &str, signed_for: &[&str]) -> CaFolderState {
    CaFolderState {
        exists: true,
        root: Some(KeptRoot {
            fingerprint: root(text),
            not_after: "2036-01-01T00:00:00Z".parse().unwrap(),
            has_key: true,
        }),
        signed_for: signed_for
            .iter()
            .map(|context| SignedFor {
                cluster: (*context).into(),
                uid: format!("uid-of-{context}"),
                intermediate: Fingerprint::of(context.as_bytes()),
            })
            .collect(),
        ..empty_folder()
    }
}

fn with_root(context: &str, text: &str) -> ObservedCluster {
    trusting(context, text, &[])
}

/// A cluster whose `cacerts` is of this root, and whose workloads trust others as well.
fn trusting(context: &str, text: &str, beside: &[&str]) -> ObservedCluster {
    let mut with = fresh(context);
    let key = random::new_key(KeyAlgorithm::EcdsaP256).unwrap();
    let (name, serial) = (ClusterName::new(context).unwrap(), random::new_serial().unwrap());
    let issued = authority(text).issue(&name, "istio-system", key, serial, clock::now()).unwrap();
    let beside: Vec<Certificate> = beside.iter().map(|text| certificate(text)).collect();
    let secret = cacerts::cacerts(&issued, &beside, "istio-system", "test");
    with.trust.cacerts = Some(cacerts::read(&secret, with.trust.at));
    with
}

fn refusal(request: &JoinRequest, observed: &[ObservedCluster], folder: Option<&CaFolderState>) -> String {
    let error = plan(request, observed, folder).map(|plan| plan.steps.len()).unwrap_err();
    for error in std::iter::once(&error).chain(&error.also) {
        let code = error.code.unwrap();
        assert!(code.refused_by.contains(&Verb::Join), "docs/findings.md does not say that join refuses on {code}");
    }
    error.to_string()
}

#[test]
fn two_fresh_clusters_get_everything() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(plan.mesh.as_str(), "mesh1");
    assert_eq!(plan.trust.root, super::super::trust::RootSource::New);
    let titles: Vec<String> = plan
        .steps
        .iter()
        .filter(|(_, step)| step.action.writes())
        .map(|(_, step)| format!("{} {}", step.cluster.as_ref().map_or("-", |name| name.as_str()), title(&step.action)))
        .collect();
    insta::assert_debug_snapshot!(titles);
}

#[test]
fn nothing_but_the_probe_is_written_before_the_addresses_are_proved() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    let proved = plan
        .steps
        .iter()
        .find(|(_, step)| matches!(step.action, Action::Task(Task::SettleAddresses { .. })))
        .unwrap()
        .0;
    for (id, step) in plan.steps.iter().filter(|(_, step)| step.action.writes() && step.part != Phase::Probe) {
        assert!(comes_after(&plan, id, proved), "{}", title(&step.action));
    }
}

#[test]
fn trust_stands_everywhere_before_any_control_plane_is_asked_for() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    let trusted: Vec<StepId> = plan
        .steps
        .iter()
        .filter(|(_, step)| matches!(step.action, Action::Task(Task::CreateCacerts { .. })))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(trusted.len(), 2);
    for (id, step) in plan.steps.iter() {
        let Action::Write(Write::Apply { manifest }) = &step.action else { continue };
        if manifest["apiVersion"] == "sailoperator.io/v1" {
            assert!(trusted.iter().all(|trusted| comes_after(&plan, id, *trusted)), "{}", title(&step.action));
        }
    }
}

#[test]
fn a_remote_secret_is_written_only_after_its_token_is_proved() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    for (id, step) in plan.steps.iter() {
        if let Action::Task(Task::WriteRemoteSecret { peer, .. }) = &step.action {
            let is_proof =
                |action: &Action| matches!(action, Action::Task(Task::ProveToken { peer: of, .. }) if of == peer);
            let proved = plan.steps.iter().find(|(_, other)| is_proof(&other.action) && other.cluster == step.cluster);
            assert!(comes_after(&plan, id, proved.unwrap().0));
        }
    }
}

#[test]
fn probes_are_removed_after_everybody_who_uses_them() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    for (id, step) in
        plan.steps.iter().filter(|(_, step)| matches!(step.action, Action::Task(Task::RemoveProbe { .. })))
    {
        let users: Vec<_> = plan
            .steps
            .iter()
            .filter(|(_, other)| {
                other.cluster == step.cluster
                    && matches!(
                        other.action,
                        Action::Task(
                            Task::ProveAddresses { .. } | Task::ProveToken { .. } | Task::VerifyGateways { .. }
                        )
                    )
            })
            .collect();
        assert!(users.len() >= 3);
        assert!(users.into_iter().all(|(user, _)| comes_after(&plan, id, user)));
    }
}

#[test]
fn a_finished_mesh_has_nothing_to_change_and_starts_no_pod() {
    let before = [fresh("east"), fresh("west")];
    let first = plan(&request(), &before, Some(&empty_folder())).unwrap();
    let after = [finished(&first, 0, &before[0]), finished(&first, 1, &before[1])];
    let second = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    assert_eq!(second.steps.changes(), 0);
    assert!(
        second
            .steps
            .iter()
            .all(|(_, step)| !matches!(step.action, Action::Task(Task::StartProbe | Task::VerifyGateways { .. })))
    );
    assert!(second.steps.iter().any(|(_, step)| matches!(step.action, Action::Task(Task::VerifyDiscovery { .. }))));
}

#[test]
fn a_third_cluster_changes_nothing_of_the_two_but_adds_its_remote_secret() {
    let before = [fresh("east"), fresh("west")];
    let first = plan(&request(), &before, Some(&empty_folder())).unwrap();
    let now = [finished(&first, 0, &before[0]), finished(&first, 1, &before[1]), fresh("north")];
    let second = plan(&request(), &now, Some(&folder_with("one", &["east", "west"]))).unwrap();
    let of_east: BTreeSet<String> = second
        .steps
        .iter()
        .filter(|(_, step)| step.cluster.as_ref().is_some_and(|name| name.as_str() == "east") && step.action.writes())
        .map(|(_, step)| title(&step.action))
        .collect();
    assert_eq!(
        of_east.iter().map(String::as_str).collect::<Vec<_>>(),
        ["remote secret of north", "remove the probe", "start the probe"]
    );
}

#[test]
fn a_probe_whose_run_has_ended_is_removed_and_one_whose_run_may_live_is_not() {
    let mut east = fresh("east");
    let named = |name: &str| ProbeNamespace { name: name.into(), uid: format!("uid-of-{name}") };
    east.probes.other = ["mesh-probe-dead", "mesh-probe-beef"].map(named).into();
    east.probes.note_ended_runs(|namespace| namespace == "mesh-probe-dead");
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    let removed: Vec<&Action> = plan
        .steps
        .iter()
        .map(|(_, step)| &step.action)
        .filter(|action| matches!(action, Action::Task(Task::RemoveLeftoverProbes { .. })))
        .collect();
    assert_eq!(removed, [&Action::Task(Task::RemoveLeftoverProbes { namespaces: vec![named("mesh-probe-dead")] })]);
    assert_eq!(plan.findings.sentences(), ["another run may be at work in east: it has the probe mesh-probe-beef"]);
}

/// The codes of all findings on which a join refuses.
fn codes(request: &JoinRequest, observed: &[ObservedCluster], folder: Option<&CaFolderState>) -> Vec<&'static str> {
    let error = plan(request, observed, folder).map(|_| ()).unwrap_err();
    std::iter::once(&error).chain(&error.also).map(|error| error.code.unwrap().name).collect()
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let request = JoinRequest {
        istio_version: Some("1.99.0".into()),
        values: json!({"global": {"network": "mine"}}),
        networks: [("nort".to_owned(), NetworkName::new("n").unwrap())].into(),
        ..request()
    };
    let west = {
        let mut with = with_root("west", "two");
        with.control_planes.sail = None;
        with.access.api_addresses = Vec::new();
        with
    };
    let north = {
        let mut with = with_root("north", "one");
        with.trust.cacerts.as_mut().unwrap().problems.push("no key".into());
        with
    };
    assert_eq!(
        codes(&request, &[with_root("east", "one"), west, north], Some(&empty_folder())),
        [
            "control-plane/reserved-value",
            "mesh/unknown-cluster",
            "trust/cacerts-unusable",
            "trust/roots-differ",
            "control-plane/unknown-version",
            "control-plane/no-operator",
            "control-plane/unknown-version",
            "access/no-address",
        ]
    );
}

#[test]
fn what_cannot_be_judged_is_left_out() {
    let twin = {
        let mut with = fresh("west");
        with.identity.uid = "uid-of-east".into();
        with.access.api_addresses = Vec::new();
        with
    };
    assert_eq!(codes(&request(), &[fresh("east"), twin], Some(&empty_folder())), ["mesh/one-cluster-twice"]);
    let mesh = |context: &str, id: &str| {
        let istio = json!({"spec": {"values": {"global": {"meshID": id, "network": context}}}});
        {
            let mut with = fresh(context);
            with.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
            with
        }
    };
    assert_eq!(codes(&request(), &[mesh("east", "one"), mesh("west", "two")], None), ["mesh/ids-differ"]);
    let differ = [with_root("east", "one"), with_root("west", "two"), fresh("north")];
    assert_eq!(codes(&request(), &differ, Some(&folder_with("one", &["east"]))), ["trust/roots-differ"]);
}

#[test]
fn without_probes_no_pod_is_started() {
    let request = JoinRequest { probe: false, ..request() };
    let plan = plan(&request, &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    assert!(
        plan.steps
            .iter()
            .all(|(_, step)| !matches!(step.action, Action::Task(Task::StartProbe | Task::RemoveProbe { .. })))
    );
}

fn comes_after(plan: &JoinPlan, step: StepId, before: StepId) -> bool {
    let needs = &plan.steps.get(step).unwrap().needs;
    needs.iter().any(|need| *need == before || comes_after(plan, *need, before))
}
