use super::*;
use crate::cluster::test_api_server::{Answer, answering};

fn image() -> ProbeImage {
    ProbeImage { image: "example.com/probe:1".into(), pull_secret: Some("registry/pull".parse().unwrap()) }
}

#[test]
fn the_pod_passes_restricted_pod_security_and_carries_no_token() {
    let [namespace, pod] = manifests("7f3a", &image(), Duration::from_secs(330), "test");
    assert_eq!(namespace["metadata"]["name"], "mesh-probe-7f3a");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    assert_eq!(namespace["metadata"]["labels"]["istio-injection"], "disabled");
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    assert!(spec["tolerations"].is_null());
}

#[test]
fn a_probe_lives_as_long_as_its_run_and_no_longer() {
    let [namespace, pod] = manifests("7f3a", &image(), Duration::from_secs(7230), "test");
    assert_eq!(namespace["metadata"]["annotations"][RUN_SECONDS], "7230");
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 7230);
    assert_eq!(pod["spec"]["containers"][0]["args"], json!(["wait", "--for", "7230"]));
}

#[tokio::test]
async fn a_namespace_of_the_probes_name_that_is_there_already_is_another_runs() {
    let exists = Answer::Status(409, json!({"reason": "AlreadyExists", "message": "already exists"}));
    let (cluster, asked) = answering([exists]);
    let deadline = Instant::now() + Duration::from_secs(1);
    let error = start(&cluster, "7f3a", &image(), deadline).await.unwrap_err();
    assert_eq!(error.what, "the namespace of the probe already exists in east");
    assert_eq!(asked.lock().unwrap().len(), 1, "no pod is created in it");
}

#[tokio::test]
async fn a_probe_is_deleted_by_its_uid_alone() {
    let namespace = json!({"metadata": {"name": "mesh-probe-7f3a", "uid": "u1", "labels": {"mesh-probe": "true"}}});
    let (cluster, asked) = answering([Answer::Status(200, namespace), Answer::Status(200, json!({}))]);
    remove_of(&cluster, "7f3a").await.unwrap();
    let (method, _, options) = asked.lock().unwrap()[1].clone();
    assert_eq!((method.as_str(), &options["preconditions"]["uid"]), ("DELETE", &json!("u1")));
    let (cluster, asked) =
        answering([Answer::Status(200, json!({"metadata": {"name": "mesh-probe-7f3a", "uid": "u2"}}))]);
    remove_of(&cluster, "7f3a").await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1, "one without the mark is somebody else's");
}

#[test]
fn only_marked_namespaces_of_our_name_are_leftovers() {
    let [namespace, _] = manifests("7f3a", &image(), Duration::from_secs(330), "test");
    assert!(is_ours(&namespace));
    let mut going = namespace.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(!is_ours(&going));
    assert!(!is_ours(&json!({"metadata": {"name": "mesh-probe-users", "labels": {}}})));
    assert!(!is_ours(&json!({"metadata": {"name": "sample", "labels": {"mesh-probe": "true"}}})));
}

#[test]
fn a_probe_is_left_over_only_when_its_run_must_have_ended() {
    let [mut namespace, _] = manifests("7f3a", &image(), Duration::from_secs(330), "test");
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    assert!(!is_over(&namespace, time("2030-01-01T00:00:00Z")), "its creation time is unknown");
    namespace["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(!is_over(&namespace, time("2026-01-01T00:05:30Z")));
    assert!(is_over(&namespace, time("2026-01-01T00:05:31Z")));
    namespace["metadata"]["annotations"] = json!({RUN_SECONDS: "for ever"});
    assert!(!is_over(&namespace, time("2026-01-01T00:30:00Z")));
    assert!(is_over(&namespace, time("2026-01-01T00:30:01Z")), "by then its pod has ended");
}

#[test]
fn a_namespace_names_the_run_whose_probe_it_is() {
    assert_eq!(run_id(&namespace("7f3a")), Some("7f3a"));
    assert_eq!(run_id("sample"), None);
}

#[test]
fn a_pod_that_ended_says_how() {
    let pod = json!({"status": {"phase": "Failed", "reason": "DeadlineExceeded"}});
    assert_eq!(ended(&pod).unwrap(), "the pod has ended: DeadlineExceeded");
    assert_eq!(ended(&json!({"status": {"phase": "Running"}})), None);
}
