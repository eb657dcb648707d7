//! Objects of a live world with their status, kept for recorded ones: taken by `kubectl get`, without what belongs to the
//! cluster that they come from, without Secrets, and without what none of our commands reads.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::support::Kit;

/// Set where the live worlds of a run are recorded.
pub(crate) const RECORD: &str = "MESH_WORLDS_RECORD";

/// What is taken, where the cluster serves it. Webhooks are left out: nothing would answer them.
const KINDS: [&str; 19] = [
    "namespaces",
    "nodes",
    "istios.sailoperator.io",
    "istiorevisions.sailoperator.io",
    "istiorevisiontags.sailoperator.io",
    "istiocnis.sailoperator.io",
    "serviceaccounts",
    "configmaps",
    "services",
    "endpointslices.discovery.k8s.io",
    "deployments.apps",
    "replicasets.apps",
    "daemonsets.apps",
    "pods",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "gateways.networking.istio.io",
    "destinationrules.networking.istio.io",
    "virtualservices.networking.istio.io",
];

/// Namespaces that every cluster has.
const OF_KUBERNETES: [&str; 5] = ["default", "kube-system", "kube-public", "kube-node-lease", "sail-operator"];

/// Writes `recordings/<world>/<number>.yaml` and `<number>.status.yaml` for each cluster.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn record(kit: &Kit, world: &str, folder: &Path) -> Result<(), String> {
    let folder = folder.join("recordings").join(world);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    for (number, cluster) in (1..).zip(kit.clusters()) {
        let (mut objects, mut statuses) = (String::new(), String::new());
        let head = format!(
            "# Cluster {number} of the world {world}, taken on {date} by {RECORD}=1 (tests/worlds/README.md).\n"
        );
        for object in taken(kit, cluster) {
            let (object, status) = parted(object);
            write(&mut objects, &object);
            if let Some(status) = status {
                write(&mut statuses, &status);
            }
        }
        for (name, text) in [(format!("{number}.yaml"), objects), (format!("{number}.status.yaml"), statuses)] {
            fs::write(folder.join(name), format!("{head}{text}")).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn write(into: &mut String, object: &Value) {
    into.push_str("---\n");
    into.push_str(&serde_yaml::to_string(object).expect("JSON is YAML"));
}

fn taken(kit: &Kit, cluster: &str) -> Vec<Value> {
    let served = kit.kubectl(cluster, &["api-resources", "-o", "name"]).ok();
    let kinds = KINDS.iter().filter(|kind| served.lines().any(|line| line == **kind));
    let lists = kinds.map(|kind| kit.kubectl(cluster, &["get", kind, "--all-namespaces", "-o", "json"]).json());
    let items = lists.flat_map(|list| list["items"].as_array().cloned().unwrap_or_default());
    items.filter(is_of_the_mesh).map(clean).collect()
}

/// Not what Kubernetes, the operator or the API server make by themselves, nor what is made afresh when a recording is laid.
fn is_of_the_mesh(object: &Value) -> bool {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    let place = if kind == "Namespace" { &name } else { &namespace };
    let made_afresh = match kind.as_str() {
        "ConfigMap" => ["kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl", "istio-sidecar-injector", "values"]
            .iter()
            .any(|made| name == *made || name.starts_with(&format!("{made}-"))),
        "ServiceAccount" => name == "default",
        _ => false,
    };
    let is_a_lock = object.pointer("/metadata/annotations/control-plane.alpha.kubernetes.io~1leader").is_some();
    !OF_KUBERNETES.contains(&place.as_str()) && !made_afresh && !is_a_lock
}

/// An object as any cluster takes it.
fn clean(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in
            ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "generateName", "finalizers"]
        {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        metadata.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => drop_fields(&mut object["spec"], &["finalizers"]),
        "Service" => clean_service(&mut object["spec"]),
        "Pod" => {
            clean_pod(&mut object["spec"]);
            // It follows from what was left out.
            drop_fields(&mut object["status"], &["qosClass"]);
        }
        "Deployment" | "ReplicaSet" | "DaemonSet" => clean_pod(&mut object["spec"]["template"]["spec"]),
        "Node" => {
            object["spec"] = json!({"providerID": object["spec"]["providerID"]});
            drop_fields(&mut object["status"], &["images", "runtimeHandlers", "volumesAttached", "volumesInUse"]);
        }
        "EndpointSlice" => {
            for endpoint in object["endpoints"].as_array_mut().into_iter().flatten() {
                drop_fields(&mut endpoint["targetRef"], &["uid", "resourceVersion"]);
            }
        }
        _ => {}
    }
    // An object has the generation 1 once it was laid.
    at_generation_one(&mut object["status"]);
    without_nulls(&mut object);
    object
}

fn clean_service(spec: &mut Value) {
    if spec["clusterIP"] != "None" {
        drop_fields(spec, &["clusterIP", "clusterIPs"]);
    }
    drop_fields(spec, &["healthCheckNodePort"]);
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        drop_fields(port, &["nodePort"]);
    }
}

fn clean_pod(spec: &mut Value) {
    drop_fields(spec, &["volumes", "affinity", "tolerations", "securityContext", "priority", "preemptionPolicy"]);
    for kind in ["containers", "initContainers"] {
        for container in spec[kind].as_array_mut().into_iter().flatten() {
            let kept = ["name", "image", "ports", "env", "restartPolicy"];
            if let Some(container) = container.as_object_mut() {
                container.retain(|field, _| kept.contains(&field.as_str()));
            }
        }
    }
}

fn drop_fields(value: &mut Value, fields: &[&str]) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|field, _| !fields.contains(&field.as_str()));
    }
}

fn at_generation_one(status: &mut Value) {
    match status {
        Value::Object(map) => {
            for (field, value) in map {
                if field == "observedGeneration" {
                    *value = 1.into();
                } else {
                    at_generation_one(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(at_generation_one),
        _ => {}
    }
}

/// Indexing a field that is not there leaves a null behind.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// The object without its status, and the status by itself, as it is written to the subresource.
fn parted(mut object: Value) -> (Value, Option<Value>) {
    let status = object.as_object_mut().and_then(|map| map.remove("status"));
    // A namespace that is made is active.
    let status = status.filter(|_| object["kind"] != "Namespace");
    let status = status.filter(|status| status.as_object().is_some_and(|map| !map.is_empty())).map(|status| {
        let metadata: Map<String, Value> = ["name", "namespace"]
            .into_iter()
            .filter_map(|field| Some((field.to_owned(), object["metadata"].get(field)?.clone())))
            .collect();
        json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata, "status": status})
    });
    (object, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_cluster_is_not_kept() {
        let object = clean(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "managedFields": [],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 15443, "nodePort": 30001}], "type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.99.0.11"}]}},
        }));
        let (object, status) = parted(object);
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"},
                "spec": {"ports": [{"port": 15443}], "type": "LoadBalancer"}})
        );
        let ingress = json!({"loadBalancer": {"ingress": [{"ip": "10.99.0.11"}]}});
        assert_eq!(
            status.unwrap(),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}, "status": ingress})
        );
    }

    #[test]
    fn a_headless_service_stays_headless() {
        let service = clean(json!({"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None"}}));
        assert_eq!(service["spec"]["clusterIP"], "None");
    }

    #[test]
    fn a_status_speaks_of_the_generation_that_the_object_will_have() {
        let istio = clean(json!({"kind": "Istio", "metadata": {"generation": 3}, "status": {"observedGeneration": 3}}));
        assert_eq!(istio, json!({"kind": "Istio", "metadata": {}, "status": {"observedGeneration": 1}}));
    }

    #[test]
    fn a_pod_keeps_what_commands_read_of_it() {
        let pod = clean(json!({"kind": "Pod", "metadata": {}, "spec": {"nodeName": "n", "volumes": [1],
            "containers": [{"name": "istio-proxy", "image": "i", "env": [{"name": "A"}], "livenessProbe": {}}]}}));
        let container = json!({"name": "istio-proxy", "image": "i", "env": [{"name": "A"}]});
        assert_eq!(pod["spec"], json!({"nodeName": "n", "containers": [container]}));
    }

    #[test]
    fn what_others_make_afresh_is_left_out() {
        let object = |kind: &str, namespace: &str, name: &str| {
            is_of_the_mesh(&json!({"kind": kind, "metadata": {"namespace": namespace, "name": name}}))
        };
        assert!(object("ConfigMap", "istio-system", "istio") && object("Node", "", "east-node-1"));
        assert!(
            !object("ConfigMap", "sample", "istio-ca-root-cert") && !object("ConfigMap", "sample", "kube-root-ca.crt")
        );
        assert!(!object("Pod", "kube-system", "coredns") && !object("Namespace", "", "kube-system"));
        assert!(!object("ServiceAccount", "sample", "default") && object("ServiceAccount", "sample", "curl"));
    }
}
