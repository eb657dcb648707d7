//! Why a pod does not start: what the kubelet says of its containers, and the events about it.

use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::request::{Call, items};

/// Reasons of a waiting container that do not go away by waiting.
const STUCK: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// Why this pod does not come up by itself, in words; none if it may.
pub(crate) fn stuck(pod: &Value) -> Option<String> {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let containers = ["initContainerStatuses", "containerStatuses"];
    let statuses = containers.iter().filter_map(|list| pod["status"][list].as_array()).flatten();
    for status in statuses {
        let waiting = &status["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default();
        if !STUCK.contains(&reason) {
            continue;
        }
        let container = status["name"].as_str().unwrap_or_default();
        let cause = match reason {
            "ErrImagePull" | "ImagePullBackOff" => {
                format!("image {} cannot be pulled", status["image"].as_str().unwrap_or_default())
            }
            _ => reason.to_owned(),
        };
        let said = waiting["message"]
            .as_str()
            .filter(|_| reason != "ImagePullBackOff")
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        return Some(format!("pod {name}, container {container}: {cause}{said}"));
    }
    let scheduled =
        pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "PodScheduled")?;
    (scheduled["status"] == "False" && scheduled["reason"] == "Unschedulable")
        .then(|| format!("pod {name} fits no node: {}", scheduled["message"].as_str().unwrap_or_default()))
}

/// Whether a pod is Ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// The newest warning about an object, if there is one that may be read.
pub(crate) async fn last_warning(cluster: &Cluster, namespace: &str, name: &str) -> Option<String> {
    let path =
        format!("/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3D{name}%2Ctype%3DWarning");
    let events = items(cluster.read(&Call::get(path)).await.ok());
    newest(&events)
}

/// The message of the newest of these events that names a cause: the kubelet follows each with others that only say
/// that it failed or waits.
pub(crate) fn newest(events: &[Value]) -> Option<String> {
    let when = |event: &Value| {
        ["lastTimestamp", "eventTime", "firstTimestamp"].iter().find_map(|key| event[key].as_str().map(str::to_owned))
    };
    let is_echo = |event: &Value| {
        event["message"].as_str().is_some_and(|text| text.starts_with("Error: ") || text.starts_with("Back-off "))
    };
    let event = events.iter().max_by_key(|event| (!is_echo(event), when(event)))?;
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    Some(format!("{}: {}", text("reason"), text("message")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"metadata": {"name": "istiod-1"}, "status": {"containerStatuses": [
            {"name": "discovery", "image": "registry.invalid/nowhere/pilot:1", "state": {"waiting": {"reason": reason, "message": message}}},
        ]}})
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named() {
        assert_eq!(
            stuck(&waiting("ErrImagePull", "no such host")).unwrap(),
            "pod istiod-1, container discovery: image registry.invalid/nowhere/pilot:1 cannot be pulled: no such host"
        );
    }

    #[test]
    fn a_container_that_is_being_made_is_not_stuck() {
        assert_eq!(stuck(&waiting("ContainerCreating", "")), None);
        assert_eq!(stuck(&waiting("PodInitializing", "")), None);
    }

    #[test]
    fn a_pod_that_fits_no_node_says_so() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu"},
        ]}});
        assert_eq!(stuck(&pod).unwrap(), "pod a fits no node: 0/1 nodes are available: 1 Insufficient cpu");
    }

    #[test]
    fn a_pod_that_is_on_its_way_out_is_no_trouble() {
        let mut pod = waiting("ErrImagePull", "");
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(stuck(&pod), None);
    }

    #[test]
    fn the_newest_event_that_names_a_cause_speaks() {
        let events = [
            json!({"lastTimestamp": "2026-01-01T00:00:01Z", "reason": "Failed", "message": "old"}),
            json!({"lastTimestamp": "2026-01-01T00:00:09Z", "reason": "SyncLoadBalancerFailed", "message": "quota exceeded"}),
            json!({"lastTimestamp": "2026-01-01T00:00:11Z", "reason": "Failed", "message": "Error: ImagePullBackOff"}),
        ];
        assert_eq!(newest(&events).unwrap(), "SyncLoadBalancerFailed: quota exceeded");
    }
}
