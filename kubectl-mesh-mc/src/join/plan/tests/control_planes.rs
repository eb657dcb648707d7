use mesh_shared::model::istio::mesh_settings::MeshSettings;
use mesh_shared::model::seen::known::Known;

use super::*;

#[test]
fn without_the_operator_both_ways_to_install_it_are_named() {
    let bare = {
        let mut with = fresh("west");
        with.control_planes.sail = None;
        with
    };
    let error = plan(&request(), &[fresh("east"), bare], Some(&empty_folder())).map(|_| ()).unwrap_err();
    let remedy = error.remedy.join("\n");
    assert!(remedy.contains("OLM") && remedy.contains("helm install"), "{remedy}");
}

#[test]
fn a_version_that_the_operator_does_not_know_is_refused_with_those_it_has() {
    let request = JoinRequest { istio_version: Some("1.99.0".into()), ..request() };
    let text = refusal(&request, &[fresh("east"), fresh("west")], Some(&empty_folder()));
    assert!(text.contains("v1.99.0") && text.contains("v1.31.0-beta.1, v1.30.3"), "{text}");
}

#[test]
fn the_operators_default_version_is_written_out_where_it_may_be_read() {
    let hidden = {
        let mut with = fresh("west");
        with.control_planes.sail =
            Some(SailApi { version: "v1".into(), istio_versions: Vec::new(), default_version: None });
        with
    };
    let plan = plan(&request(), &[fresh("east"), hidden], Some(&empty_folder())).unwrap();
    let spec = |index: usize| &plan.control_planes[&plan.members[index].name].istio.as_ref().unwrap()["spec"];
    assert_eq!(spec(0)["version"], "v1.31.0-beta.1");
    assert!(spec(1).get("version").is_none());
}

#[test]
fn a_version_without_its_v_is_understood() {
    let request = JoinRequest { istio_version: Some("1.30.3".into()), ..request() };
    let plan = plan(&request, &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(plan.control_planes.values().next().unwrap().version, "v1.30.3");
}

#[test]
fn a_control_plane_that_does_not_fit_is_refused_with_what_differs() {
    let istio = json!({"metadata": {"name": "default"}, "spec": {"namespace": "istio-system", "values": {
        "global": {"meshID": "mesh1", "network": "network1", "multiCluster": {"clusterName": "east"}},
        "pilot": {"cni": {"enabled": false}}}}});
    let east = {
        let mut with = fresh("east");
        with.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
        with
    };
    let text = refusal(&request(), &[east, fresh("west")], Some(&empty_folder()));
    assert!(text.contains(".spec.values.pilot.cni.enabled is false, wanted true"), "{text}");
}

fn istiod(namespace: &str, trust_bundle: &str) -> Istiod {
    Istiod {
        namespace: namespace.into(),
        name: "istiod".into(),
        trust_bundle: trust_bundle.into(),
        ..Istiod::default()
    }
}

fn with_istiod(istiod: Istiod) -> ObservedCluster {
    let mut with = fresh("east");
    with.control_planes.istiods = vec![istiod];
    with
}

fn settings(mesh: &serde_json::Value) -> Known<MeshSettings> {
    Known::Known(MeshSettings::read(mesh).unwrap())
}

fn selecting(mesh: &str) -> serde_json::Value {
    json!({"discoverySelectors": [{"matchLabels": {"mesh": mesh}}]})
}

#[test]
fn an_istiod_that_the_operator_did_not_make_refuses_in_our_namespace() {
    let east = with_istiod(istiod("istio-system", "istio-ca-root-cert"));
    assert!(
        refusal(&request(), &[east, fresh("west")], Some(&empty_folder()))
            .contains("that the Sail operator did not make")
    );
}

#[test]
fn an_istiod_that_publishes_its_root_under_another_name_is_only_noted() {
    let east = with_istiod(istiod("openshift-ingress", "openshift-gw-ca-root-cert"));
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(plan.findings.sentences(), ["east: istiod openshift-ingress/istiod is not ours and stays as it is"]);
}

#[test]
fn a_new_control_plane_that_would_write_into_the_namespaces_of_another_is_refused_with_both_ways_out() {
    let other = |mesh: Known<MeshSettings>| Istiod { settings: mesh, ..istiod("team", "istio-ca-root-cert") };
    for mesh in [settings(&json!({})), settings(&selecting("theirs")), Known::NotAsked] {
        let observed = [with_istiod(other(mesh)), fresh("west")];
        let error = plan(&request(), &observed, Some(&empty_folder())).map(|_| ()).unwrap_err();
        assert_eq!(error.code.unwrap().name, "control-plane/overlaps");
        let remedy = error.remedy.join("\n");
        assert!(remedy.contains("discoverySelectors[0].matchLabels.mesh=mesh1"), "{remedy}");
        assert!(remedy.contains("--set global.trustBundleName=mesh1-root-cert"), "{remedy}");
    }
    let named = JoinRequest { values: json!({"global": {"trustBundleName": "mesh1-root-cert"}}), ..request() };
    let observed = [with_istiod(other(settings(&json!({})))), fresh("west")];
    let planned = plan(&named, &observed, Some(&empty_folder())).unwrap();
    let publishes = planned.steps.iter().any(|(_, step)| {
        matches!(&step.action, Action::Task(Task::VerifyRoot { config_map, .. }) if config_map == "mesh1-root-cert")
    });
    assert!(publishes);
}

#[test]
fn disjoint_selectors_let_two_control_planes_live_in_one_cluster() {
    let other = Istiod { settings: settings(&selecting("theirs")), ..istiod("team", "istio-ca-root-cert") };
    let mut east = with_istiod(other);
    let namespace = json!({"metadata": {"labels": {"mesh": "ours"}}});
    east.objects.insert(ObjectKey::new("Namespace", "", "istio-system"), namespace.clone());
    let mut west = fresh("west");
    west.objects.insert(ObjectKey::new("Namespace", "", "istio-system"), namespace);
    let request = JoinRequest { values: json!({"meshConfig": selecting("ours")}), ..request() };
    assert!(plan(&request, &[east, west], Some(&empty_folder())).is_ok());
}

#[test]
fn selectors_that_leave_out_the_control_planes_own_namespace_are_refused() {
    let request = JoinRequest { values: json!({"meshConfig": selecting("ours")}), ..request() };
    let observed = [fresh("east"), fresh("west")];
    assert_eq!(codes(&request, &observed, Some(&empty_folder())), ["control-plane/selectors-miss-own-namespace"; 2]);
}

#[test]
fn a_control_plane_that_is_there_already_is_only_warned_of_its_neighbour() {
    let mut east = with_istiod(Istiod { settings: settings(&json!({})), ..istiod("team", "istio-ca-root-cert") });
    let istio = standing_istio("east", &json!({}));
    east.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    let sentences = plan.findings.sentences();
    assert!(sentences[0].contains("write ConfigMap istio-ca-root-cert into the same namespaces"), "{sentences:?}");
}

/// An Istio that fits, with this status.
fn standing_istio(name: &str, status: &serde_json::Value) -> serde_json::Value {
    let global =
        json!({"meshID": "mesh1", "network": format!("network-{name}"), "multiCluster": {"clusterName": name}});
    json!({
        "metadata": {"name": "default", "generation": 2}, "status": status,
        "spec": {"namespace": "istio-system", "version": "v1.31.0-beta.1", "values": {"global": global, "pilot": {"cni": {"enabled": true}}}},
    })
}

#[test]
fn a_reader_account_that_nobody_will_make_is_refused_with_the_tag_that_makes_it() {
    let with = |status: serde_json::Value, tags: Known<Vec<String>>| {
        let mut east = fresh("east");
        let object = standing_istio("east", &status);
        east.control_planes.istios = vec![ObservedResource { name: "default".into(), object }];
        east.control_planes.tags = tags;
        plan(&request(), &[east, fresh("west")], Some(&empty_folder())).map(|_| ())
    };
    let settled = json!({"observedGeneration": 2, "activeRevisionName": "default-v1-31-0"});
    let error = with(settled.clone(), Known::Known(vec!["prod".into()])).unwrap_err();
    assert_eq!(error.code.unwrap().name, "access/no-reader");
    assert!(error.remedy.join("\n").contains("kind: IstioRevisionTag\nmetadata: {name: default}"), "{error:?}");
    assert!(with(settled, Known::Known(vec!["default".into()])).is_ok());
    let unsettled = json!({"observedGeneration": 1, "activeRevisionName": "default-v1-31-0"});
    assert!(with(unsettled, Known::NotAsked).is_ok());
    assert!(with(json!({"observedGeneration": 2, "activeRevisionName": "default"}), Known::NotAsked).is_ok());
}

#[test]
fn a_reader_account_that_the_values_switch_off_is_refused() {
    let request = JoinRequest { values: json!({"global": {"enableReaderRBAC": false}}), ..request() };
    assert_eq!(codes(&request, &[fresh("east"), fresh("west")], Some(&empty_folder())), ["access/no-reader"; 2]);
}

#[test]
fn versions_two_minors_apart_and_ambient_mode_are_warned_of() {
    let mut east = fresh("east");
    let mut istio = standing_istio("east", &json!({}));
    istio["spec"]["version"] = json!("v1.29.2");
    istio["spec"]["profile"] = json!("ambient");
    east.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
    let warned = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(
        warned.findings.sentences(),
        ["Istio 1.29.2 in east and 1.31.0-beta.1 in west", "east is in ambient mode"]
    );
    let near = JoinRequest { istio_version: Some("1.30.3".into()), ..request() };
    assert!(plan(&near, &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap().findings.is_empty());
}

#[test]
fn a_value_that_the_join_sets_itself_is_refused() {
    let request = JoinRequest { values: json!({"global": {"network": "mine"}}), ..request() };
    let text = refusal(&request, &[fresh("east"), fresh("west")], Some(&empty_folder()));
    assert!(text.contains("global.network"), "{text}");
}

#[test]
fn openshift_sets_the_cni_itself() {
    let east = {
        let mut with = fresh("east");
        with.platform.openshift = true;
        with
    };
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    let values =
        |index: usize| plan.control_planes[&plan.members[index].name].istio.as_ref().unwrap()["spec"]["values"].clone();
    assert!(values(0).get("pilot").is_none());
    assert_eq!(values(1)["pilot"]["cni"]["enabled"], true);
}
