use serde_json::json;

use super::*;

fn scope() -> Scope {
    Scope { system_namespace: "istio-system".into(), service: None, namespaces: Vec::new() }
}

fn istiod(name: &str, revision: &str, cluster: &Value) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"istio.io/rev": revision}},
        "spec": {"template": {"spec": {"containers": [{"name": "discovery", "image": "pilot:1.31.0", "env": [{"name": "CLUSTER_ID", "value": cluster}]}]}}},
    })
}

fn answers() -> Answers {
    Answers {
        namespaces: vec![
            json!({"metadata": {"name": "kube-system", "uid": "u-1"}}),
            json!({"metadata": {"name": "istio-system", "labels": {NETWORK_LABEL: "network-east"}}}),
        ],
        istiods: vec![istiod("istiod", "default", &json!("east"))],
        ..Answers::default()
    }
}

fn assembled(answers: Answers) -> Result<ObservedTraffic> {
    assemble("east", &scope(), answers)
}

#[test]
fn a_cluster_has_the_name_and_network_of_its_control_plane() {
    let seen = assembled(answers()).unwrap();
    assert_eq!((seen.name.as_str(), seen.uid.as_str()), ("east", "u-1"));
    assert_eq!(seen.network.unwrap().as_str(), "network-east");
    assert_eq!(seen.mesh_config.version.as_deref(), Some("1.31.0"));
}

#[test]
fn of_several_istiods_that_of_the_default_revision_governs() {
    let istiods = [istiod("istiod-canary", "canary", &json!("x")), istiod("istiod", "default", &json!("east"))];
    assert_eq!(assembled(Answers { istiods: istiods.into(), ..answers() }).unwrap().name.as_str(), "east");
}

#[test]
fn a_cluster_without_a_control_plane_is_refused() {
    let error = assembled(Answers { istiods: Vec::new(), ..answers() }).unwrap_err();
    assert_eq!(error.what, "east has no control plane of Istio");
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_control_plane_without_a_name_of_its_own_is_refused() {
    let istiods = vec![istiod("istiod", "default", &Value::Null)];
    let error = assembled(Answers { istiods, ..answers() }).unwrap_err();
    assert_eq!(error.what, "east has a name that no mesh of several clusters can use: \"Kubernetes\"");
}

#[test]
fn an_answer_that_does_not_say_which_cluster_it_is_is_refused() {
    let namespaces = vec![json!({"metadata": {"name": "default"}})];
    assert!(assembled(Answers { namespaces, ..answers() }).unwrap_err().what.contains("which cluster it is"));
}

#[test]
fn pods_are_read_of_the_services_namespace_and_of_what_else_is_wanted() {
    let service = ServiceName { namespace: "sample".into(), name: "a".into() };
    let narrow = Scope { service: Some(service), namespaces: vec!["clients".into(), "sample".into()], ..scope() };
    assert_eq!(narrow.pod_namespaces().unwrap().into_iter().collect::<Vec<_>>(), ["clients", "sample"]);
    assert!(scope().pod_namespaces().is_none());
}
