//! The seed's applications: helloworld v1 in one cluster, v2 in another, a client in each.

use serde_json::{Value, json};

use super::Kit;

/// The namespace of the applications.
pub(crate) const NAMESPACE: &str = "sample";

/// The service as clients call it.
pub(crate) const HOST: &str = "helloworld.sample.svc.cluster.local";

/// Has the servers' proxies log who asked. The demo shows it to people.
const PEER_LOG: &str = include_str!("../../demo/peer-log.yaml");

/// The namespace, the service, the client and one version of the server.
pub(crate) fn applications(version: &str) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}}),
        account("helloworld"),
        account("curl"),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "helloworld", "namespace": NAMESPACE, "labels": {"app": "helloworld"}},
            "spec": {"selector": {"app": "helloworld"}, "ports": [{"name": "http", "port": 5000}]},
        }),
        deployment(
            "helloworld",
            &format!("helloworld-{version}"),
            version,
            &format!("docker.io/lab/helloworld:{version}"),
        ),
        deployment("curl", "curl", "v1", "docker.io/lab/curl:1"),
        serde_yaml::from_str(PEER_LOG).expect("YAML"),
    ]
}

fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}})
}

fn deployment(app: &str, name: &str, version: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": {"app": app, "version": version}},
            "template": {
                "metadata": {"labels": {"app": app, "version": version}},
                "spec": {
                    "serviceAccountName": app, "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": app, "image": image, "imagePullPolicy": "IfNotPresent"}],
                },
            },
        },
    })
}

/// The seed's exposure of the one service on the east-west gateway, to be applied where it is served.
pub(crate) fn exposure() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": "cross-network-gateway", "namespace": "istio-system"},
        "spec": {
            "selector": {"istio": "eastwestgateway"},
            "servers": [{
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": [HOST],
            }],
        },
    })
}

/// What a series of requests met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) v1: usize,
    pub(crate) v2: usize,
    pub(crate) other: Vec<String>,
}

impl Kit {
    /// Brings the applications up in a cluster and waits until they are Available.
    #[track_caller]
    pub(crate) fn run_applications(&self, cluster: &str, version: &str) {
        self.apply(cluster, &applications(version));
        for name in [format!("helloworld-{version}"), "curl".to_owned()] {
            let deployment = format!("deployment/{name}");
            self.kubectl(cluster, &["rollout", "status", &deployment, "-n", NAMESPACE, "--timeout=120s"]).ok();
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
