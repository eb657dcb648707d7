use super::*;

#[test]
fn one_cluster_under_two_contexts_is_refused() {
    let twin = {
        let mut with = fresh("west");
        with.identity.uid = "uid-of-east".into();
        with
    };
    let text = refusal(&request(), &[fresh("east"), twin], Some(&empty_folder()));
    assert!(text.starts_with("contexts east and west are one cluster"), "{text}");
}

#[test]
fn names_and_networks_that_collide_are_refused() {
    let same = ClusterName::new("same").unwrap();
    let named = JoinRequest {
        cluster_names: [("east".to_owned(), same.clone()), ("west".to_owned(), same)].into(),
        ..request()
    };
    let observed = [fresh("east"), fresh("west")];
    assert!(refusal(&named, &observed, Some(&empty_folder())).contains("the same cluster name same"));
    let net = NetworkName::new("net").unwrap();
    let networked =
        JoinRequest { networks: [("east".to_owned(), net.clone()), ("west".to_owned(), net)].into(), ..request() };
    assert!(refusal(&networked, &observed, Some(&empty_folder())).contains("the same network net"));
}

#[test]
fn a_name_for_what_is_not_joined_is_a_usage_error_that_lists_what_is() {
    let named =
        JoinRequest { cluster_names: [("nort".to_owned(), ClusterName::new("n").unwrap())].into(), ..request() };
    let networked = JoinRequest { networks: [("nort".to_owned(), NetworkName::new("n").unwrap())].into(), ..request() };
    for wrong in [named, networked] {
        let error = plan(&wrong, &[fresh("east"), fresh("west")], Some(&empty_folder())).map(|_| ()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.why.as_ref().unwrap().ends_with("are east, west"), "{error:?}");
        assert_eq!(error.remedy, ["name one of these, or join that one too: --contexts"]);
    }
}

#[test]
fn names_and_networks_that_stand_are_kept() {
    let istio = json!({"metadata": {"name": "default"}, "spec": {"namespace": "istio-system", "values": {
        "global": {"meshID": "shop", "network": "network1", "multiCluster": {"clusterName": "cluster1"}},
        "pilot": {"cni": {"enabled": true}}}}});
    let east = {
        let mut with = with_root("east", "one");
        with.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
        with
    };
    let plan = plan(&request(), &[east, fresh("west")], Some(&folder_with("one", &["east"]))).unwrap();
    assert_eq!(plan.mesh.as_str(), "shop");
    assert_eq!((plan.members[0].name.as_str(), plan.members[0].network.as_str()), ("cluster1", "network1"));
}

#[test]
fn a_namespace_that_is_being_deleted_refuses_the_plan() {
    let mut east = fresh("east");
    let name = ObjectKey::new("Namespace", "", "istio-system");
    let object =
        json!({"kind": "Namespace", "metadata": {"name": "istio-system", "deletionTimestamp": "2026-11-25T03:04:05Z"}});
    east.objects.insert(name, object);
    let error = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap_err();
    assert_eq!(error.code.unwrap().name, "admission/namespace-terminating");
    assert_eq!(error.place.as_deref(), Some("context east, Namespace istio-system"));
}

#[test]
fn a_network_that_control_plane_and_namespace_do_not_agree_on_is_refused_with_both() {
    let istio = json!({"metadata": {"name": "default"}, "spec": {"namespace": "istio-system", "values": {"global": {"network": "network1"}}}});
    let mut east = fresh("east");
    east.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
    let label = json!({"metadata": {"labels": {"topology.istio.io/network": "other"}}});
    east.objects.insert(ObjectKey::new("Namespace", "", "istio-system"), label);
    let text = refusal(&request(), &[east, fresh("west")], Some(&empty_folder()));
    assert!(text.contains("network \"network1\" by its control plane and in \"other\" by its namespace"), "{text}");
}
