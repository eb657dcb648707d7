//! The seed's applications: helloworld v1 in one cluster, v2 in another, a client in each.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Kit;

/// The namespace of the applications.
pub(crate) const NAMESPACE: &str = "sample";

/// The service as clients call it.
pub(crate) const HOST: &str = "helloworld.sample.svc.cluster.local";

// The demo shows the same to people.
const CLIENT: &str = include_str!("../../demo/client.yaml");
const HELLOWORLD_V1: &str = include_str!("../../demo/helloworld-v1.yaml");
const HELLOWORLD_V2: &str = include_str!("../../demo/helloworld-v2.yaml");
const PEER_LOG: &str = include_str!("../../demo/peer-log.yaml");
const EXPOSE: &str = include_str!("exposure.yaml");

/// The client on clusters that do not have the lab's images, unless `MESH_E2E_CURL` names another.
const CURL: &str = "docker.io/curlimages/curl:8.16.0";

/// The server there, which says what it is told to; unless `MESH_E2E_HELLOWORLD_V1` and `MESH_E2E_HELLOWORLD_V2` name others that
/// say `version: v1` and `version: v2` on port 5000. Istio's own helloworld computes a million roots for each answer, and drills
/// ask 50 times a second.
const ECHO: &str = "docker.io/hashicorp/http-echo:1.0.0";

fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|image| !image.is_empty())
}

/// Has the server's container run from a published image.
fn publish(container: &mut Value, version: &str) {
    if let Some(image) = named(&format!("MESH_E2E_HELLOWORLD_{}", version.to_uppercase())) {
        container["image"] = image.into();
        return;
    }
    container["image"] = ECHO.into();
    container["args"] = json!(["-listen=:5000", format!("-text=Hello version: {version}")]);
}

/// The namespace, the service, the client, one version of the server, and proxies that log who asked.
fn applications(version: &str) -> Vec<Value> {
    let server = match version {
        "v1" => HELLOWORLD_V1,
        "v2" => HELLOWORLD_V2,
        other => panic!("there is no helloworld {other}"),
    };
    [CLIENT, server, PEER_LOG].into_iter().flat_map(documents).collect()
}

/// The seed's exposure of the one service on the east-west gateway, to be applied where it is served.
pub(crate) fn exposure() -> Value {
    documents(EXPOSE).remove(0)
}

/// The documents of a file of YAML.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).expect("YAML")).collect()
}

/// What a series of requests met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) v1: usize,
    pub(crate) v2: usize,
    pub(crate) other: Vec<String>,
}

impl Kit {
    /// The container of the client.
    pub(crate) fn client_container(&self) -> Value {
        if self.ground.lab.is_some() {
            return json!({"name": "curl", "image": "docker.io/lab/curl:1", "imagePullPolicy": "IfNotPresent"});
        }
        // A published image runs curl and nothing else unless it is told to.
        let (image, sleep) = (named("MESH_E2E_CURL").unwrap_or_else(|| CURL.to_owned()), ["sleep", "86400"]);
        json!({
            "name": "curl", "image": image, "imagePullPolicy": "IfNotPresent", "command": sleep,
        })
    }

    /// Brings the applications up in a cluster and waits until they are Available.
    #[track_caller]
    pub(crate) fn run_applications(&self, cluster: &str, version: &str) {
        let mut objects = applications(version);
        for object in objects.iter_mut().filter(|object| object["kind"] == "Deployment") {
            let container = &mut object["spec"]["template"]["spec"]["containers"][0];
            if container["name"] == "curl" {
                *container = self.client_container();
            } else if self.ground.lab.is_none() {
                publish(container, version);
            }
        }
        self.apply(cluster, &objects);
        for name in [format!("helloworld-{version}"), "curl".to_owned()] {
            let deployment = format!("deployment/{name}");
            self.kubectl(cluster, &["rollout", "status", &deployment, "-n", NAMESPACE, "--timeout=300s"]).ok();
        }
    }

    /// Sends requests from the client of a cluster, one after the other, with a name that the access logs show.
    #[track_caller]
    pub(crate) fn call(&self, cluster: &str, count: usize, agent: &str) -> Answers {
        let script = format!(
            "i=0; while [ $i -lt {count} ]; do curl -sS -A {agent} http://{HOST}:5000/hello 2>&1; i=$((i+1)); done; echo END"
        );
        let all = self
            .kubectl(cluster, &["exec", "-n", NAMESPACE, "deploy/curl", "-c", "curl", "--", "sh", "-c", &script])
            .ok();
        let Some(lines) = all.trim_end().strip_suffix("END") else { panic!("the output of exec is not whole: {all}") };
        let mut answers = Answers::default();
        for line in lines.lines() {
            if line.contains("version: v1") {
                answers.v1 += 1;
            } else if line.contains("version: v2") {
                answers.v2 += 1;
            } else {
                answers.other.push(line.to_owned());
            }
        }
        answers
    }
}
