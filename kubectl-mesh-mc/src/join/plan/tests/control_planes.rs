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

#[test]
fn an_istiod_that_does_not_govern_our_namespace_is_only_noted() {
    let ingress = |namespace: &str| Istiod {
        namespace: namespace.into(),
        name: "istiod-openshift-gateway".into(),
        ..Istiod::default()
    };
    let east = {
        let mut with = fresh("east");
        with.control_planes.istiods = vec![ingress("openshift-ingress")];
        with
    };
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    assert!(
        plan.findings.sentences().iter().any(|note| note.contains("openshift-ingress/istiod-openshift-gateway")),
        "{:?}",
        plan.findings
    );
    let east = {
        let mut with = fresh("east");
        with.control_planes.istiods = vec![ingress("istio-system")];
        with
    };
    assert!(
        refusal(&request(), &[east, fresh("west")], Some(&empty_folder()))
            .contains("that the Sail operator did not make")
    );
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
