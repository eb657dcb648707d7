//! Remote secrets of a cluster, whoever wrote them: which clusters an istiod is to read, where, and what will keep it
//! from doing so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};

use zeroize::Zeroizing;

use super::{CLUSTER_ANNOTATION, LABEL, Token};
use crate::model::pki::chain::{Fingerprint, parse_bundle};

/// More than any kubeconfig of one cluster.
const MOST_BYTES: usize = 64 * 1024;

/// A cluster that a remote secret registers: each key of the Secret is a cluster name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisteredCluster {
    /// Name of the Secret.
    pub secret: String,
    /// Name that istiod gives the cluster.
    pub cluster: String,
    /// Address of its API server.
    pub server: Option<String>,
    /// The first certificate of the CA that must have signed the server's certificate.
    pub server_ca: Option<Fingerprint>,
    /// All certificates of that CA.
    pub authorities: Vec<Fingerprint>,
    /// SHA-256 of the bearer token, so that a replaced token is noticed; never shown itself.
    #[serde(skip)]
    pub token: Option<Fingerprint>,
    /// Why istiod will not use it or cannot reach the cluster with it; empty if all is well.
    pub faults: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
    contexts: Vec<NamedContext>,
    current_context: String,
    users: Vec<NamedUser>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
    client_certificate_data: Option<String>,
    username: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<AuthProvider>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthProvider {
    name: String,
}

/// The clusters that a remote secret registers, sorted by name.
pub fn read(secret: &Secret) -> Vec<RegisteredCluster> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let of_secret = secret_faults(secret);
    let read = |(cluster, text): (&String, &k8s_openapi::ByteString)| {
        let mut found = RegisteredCluster {
            secret: name.clone(),
            cluster: cluster.clone(),
            server: None,
            server_ca: None,
            authorities: Vec::new(),
            token: None,
            faults: of_secret.clone(),
        };
        match parse(&text.0) {
            Ok(kubeconfig) => read_kubeconfig(&kubeconfig, &mut found),
            Err(fault) => found.faults.push(fault.into()),
        }
        found
    };
    secret.data.iter().flatten().map(read).collect()
}

/// The bearer tokens themselves, by the name of the cluster that each is for.
pub fn tokens(secret: &Secret) -> Vec<(String, Token)> {
    let token = |(cluster, text): (&String, &k8s_openapi::ByteString)| {
        let mut kubeconfig = parse(&text.0).ok()?;
        let context = kubeconfig.contexts.iter().find(|context| context.name == kubeconfig.current_context)?;
        let user = context.context.user.clone();
        let found = kubeconfig.users.iter_mut().find(|entry| entry.name == user)?;
        let token = found.user.token.take().filter(|token| !token.is_empty())?;
        Some((cluster.clone(), Token(Zeroizing::new(token))))
    };
    secret.data.iter().flatten().filter_map(token).collect()
}

fn secret_faults(secret: &Secret) -> Vec<String> {
    let mut faults = Vec::new();
    let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL));
    if label.map(String::as_str) != Some("true") {
        faults.push(format!("istiod does not see it without the label {LABEL}=true"));
    }
    let named = secret.metadata.annotations.as_ref().and_then(|annotations| annotations.get(CLUSTER_ANNOTATION));
    let keys = secret.data.as_ref();
    if let (Some(named), Some(keys)) = (named, keys)
        && !keys.contains_key(named)
    {
        faults.push(format!("its annotation names cluster {}, for which it has no key", visible(named)));
    }
    faults
}

/// JSON is YAML too. The reader caps depth and aliases.
fn parse(text: &[u8]) -> Result<Kubeconfig, &'static str> {
    if text.len() > MOST_BYTES {
        return Err("its kubeconfig is larger than 64 KiB");
    }
    // The parser's message may quote the text, which holds a token.
    serde_yaml::from_slice(text).map_err(|_| "its kubeconfig is not YAML that istiod can read")
}

fn read_kubeconfig(kubeconfig: &Kubeconfig, found: &mut RegisteredCluster) {
    let current = &kubeconfig.current_context;
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == *current).map(|c| &c.context) else {
        found.faults.push("its kubeconfig has no current context".into());
        return;
    };
    match kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster) {
        Some(cluster) => read_cluster(&cluster.cluster, found),
        None => found.faults.push("its kubeconfig's context names no cluster".into()),
    }
    match kubeconfig.users.iter().find(|user| user.name == context.user) {
        Some(user) => read_user(&user.user, found),
        None => found.faults.push("its kubeconfig's context names no user".into()),
    }
}

fn read_cluster(cluster: &Cluster, found: &mut RegisteredCluster) {
    let server = visible(&cluster.server);
    if is_loopback(&server) {
        found.faults.push(format!("{server} leads a pod to itself"));
    }
    found.server = (!server.is_empty()).then_some(server);
    if found.server.is_none() {
        found.faults.push("its kubeconfig has no server".into());
    }
    if cluster.insecure_skip_tls_verify {
        found.faults.push("it does not verify the API server's certificate".into());
    }
    if cluster.certificate_authority.is_some() && cluster.certificate_authority_data.is_none() {
        found.faults.push("its CA is a file, which istiod does not have".into());
    }
    if let Some(data) = &cluster.certificate_authority_data {
        match STANDARD.decode(data.trim()).ok().and_then(|pem| parse_bundle(&pem).ok()) {
            Some(bundle) => {
                found.authorities = bundle.iter().map(|certificate| certificate.fingerprint).collect();
                found.server_ca = found.authorities.first().copied();
            }
            None => found.faults.push("its CA cannot be read".into()),
        }
    }
}

/// Finds what istiod refuses (istio/istio pkg/kube/util.go, `sanitizeKubeConfig`), and a missing credential.
fn read_user(user: &User, found: &mut RegisteredCluster) {
    let refused = [
        (user.exec.is_some(), "exec"),
        (user.token_file.is_some(), "tokenFile"),
        (user.client_certificate.is_some(), "client-certificate"),
        (user.client_key.is_some(), "client-key"),
        (user.auth_provider.as_ref().is_some_and(|provider| provider.name != "oidc"), "auth-provider"),
    ];
    for (_, field) in refused.into_iter().filter(|(used, _)| *used) {
        found.faults.push(format!("istiod refuses a kubeconfig with {field}"));
    }
    let token = user.token.as_deref().filter(|token| !token.is_empty());
    found.token = token.map(|token| Fingerprint::of(token.as_bytes()));
    let other = user.client_certificate_data.is_some() || user.username.is_some() || user.auth_provider.is_some();
    if token.is_none() && !other && found.faults.is_empty() {
        found.faults.push("its kubeconfig has no credential".into());
    }
}

fn is_loopback(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|loopback| host.starts_with(loopback))
}

/// Without control characters: the text comes from a cluster and goes to a terminal.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use proptest::prelude::*;

    use super::*;
    use crate::model::istio::remote_secret::{reader_credential, remote_secret};
    use crate::model::names::ClusterName;
    use crate::model::pki::authority::tests::root;

    fn ours() -> (Secret, Fingerprint) {
        let ca = root().certificate;
        let data = [("ca.crt", ca.pem()), ("token", "abc".into())]
            .map(|(key, text)| (key.into(), ByteString(text.into_bytes())));
        let credential = reader_credential(&Secret { data: Some(data.into()), ..Secret::default() }).unwrap();
        let east = ClusterName::new("east").unwrap();
        let secret = remote_secret(
            &east,
            "istio-system",
            "https://10.0.0.1:6443",
            &credential.ca_pem,
            &credential.token,
            "kubectl-mesh-mc",
        );
        (secret, ca.fingerprint)
    }

    /// Our own Secret with one text in its kubeconfig replaced.
    fn changed(from: &str, to: &str) -> Vec<String> {
        let (mut secret, _) = ours();
        let data = secret.data.as_mut().unwrap().get_mut("east").unwrap();
        let text = String::from_utf8(data.0.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        data.0 = text.replace(from, to).into_bytes();
        read(&secret).remove(0).faults
    }

    #[test]
    fn what_was_written_reads_without_faults() {
        let (secret, ca) = ours();
        assert_eq!(
            read(&secret),
            [RegisteredCluster {
                secret: "istio-remote-secret-east".into(),
                cluster: "east".into(),
                server: Some("https://10.0.0.1:6443".into()),
                server_ca: Some(ca),
                authorities: vec![ca],
                token: Some(Fingerprint::of(b"abc")),
                faults: vec![],
            }]
        );
    }

    #[test]
    fn the_token_itself_is_read_for_the_cluster_that_it_is_for() {
        let (secret, _) = ours();
        let tokens: Vec<(String, String)> =
            tokens(&secret).into_iter().map(|(cluster, token)| (cluster, token.reveal().to_owned())).collect();
        assert_eq!(tokens, [("east".to_owned(), "abc".to_owned())]);
    }

    #[test]
    fn no_trace_of_the_token_is_serialised() {
        let (secret, _) = ours();
        let json = serde_json::to_string(&read(&secret)).unwrap();
        assert!(!json.contains("token") && !json.contains(&Fingerprint::of(b"abc").full()), "{json}");
    }

    #[test]
    fn what_istiod_refuses_is_reported() {
        assert_eq!(changed("    token: abc", "    exec: {command: aws}"), ["istiod refuses a kubeconfig with exec"]);
        assert_eq!(changed("token: abc", "tokenFile: /var/token"), ["istiod refuses a kubeconfig with tokenFile"]);
        assert_eq!(
            changed("token: abc", "auth-provider: {name: gcp}"),
            ["istiod refuses a kubeconfig with auth-provider"]
        );
        assert_eq!(changed("token: abc", "auth-provider: {name: oidc}"), Vec::<String>::new());
        assert_eq!(changed("token: abc", "token: ''"), ["its kubeconfig has no credential"]);
    }

    #[test]
    fn what_cannot_lead_to_the_cluster_is_reported() {
        assert_eq!(
            changed("https://10.0.0.1:6443", "https://127.0.0.1:6443"),
            ["https://127.0.0.1:6443 leads a pod to itself"]
        );
        assert_eq!(changed("server: https://10.0.0.1:6443", "server: ''"), ["its kubeconfig has no server"]);
        assert_eq!(
            changed("current-context: east", "current-context: west"),
            ["its kubeconfig has no current context"]
        );
        assert_eq!(changed("kind: Config", "kind: [Config"), ["its kubeconfig is not YAML that istiod can read"]);
    }

    #[test]
    fn a_secret_that_istiod_does_not_see_is_reported() {
        let (mut secret, _) = ours();
        secret.metadata.labels = None;
        secret.metadata.annotations.as_mut().unwrap().insert(CLUSTER_ANNOTATION.into(), "west\u{1b}[2J".into());
        assert_eq!(
            read(&secret)[0].faults,
            [
                "istiod does not see it without the label istio/multiCluster=true",
                "its annotation names cluster west[2J, for which it has no key",
            ]
        );
    }

    #[test]
    fn one_secret_may_register_several_clusters() {
        let (mut secret, _) = ours();
        let data = secret.data.as_mut().unwrap();
        data.insert("west".into(), data["east"].clone());
        let names: Vec<_> = read(&secret).into_iter().map(|found| found.cluster).collect();
        assert_eq!(names, ["east", "west"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (mut secret, _) = ours();
            secret.data.as_mut().unwrap().insert("east".into(), ByteString(bytes));
            prop_assert_eq!(read(&secret).len(), 1);
        }
    }
}
