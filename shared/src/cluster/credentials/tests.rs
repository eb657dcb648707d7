//! Plugins that really run, through kube's real client: what is reported when they fail, and that it holds nothing of
//! theirs.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::time::Instant;

use super::*;
use crate::cluster::context::{Cluster, Connection, connect};
use crate::cluster::envoy::ProxyStats;
use crate::cluster::exec;
use crate::cluster::exec::Command;
use crate::cluster::istiod;
use crate::cluster::request::Call;
use crate::cluster::watch;
use crate::cluster::watch::Verdict;
use crate::plugin::error::{Error, Result};
use crate::plugin::terminal::Terminal;
use crate::plugin::terminal::error_message::render;

/// What no error may hold, in whatever form.
const CANARIES: [&str; 4] = ["ENVCANARY", "ARGCANARY", "OUTCANARY", "LINECANARY"];
const MODES: [&str; 3] = ["Never", "IfAvailable", "Always"];

/// What a plugin runs: it gives a token that has just expired until a file named `fail` exists; then it fails.
const UNTIL_TOLD: &str = r#"if [ -e "$FOLDER/fail" ]; then
    echo '{"status":{"token":"OUTCANARY"}}'
    printf 'your login has \033[2Jended\nLINECANARY\n' >&2
    exit 3
fi
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"OUTCANARY","expirationTimestamp":"2026-01-01T00:00:00Z"}}'"#;

/// A user's `exec` with a secret in each place for one.
fn plugin(script: &str, mode: &str, folder: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", script, "plugin", "--client-secret=ARGCANARY"],
        "env": [{"name": "CLIENT_SECRET", "value": "ENVCANARY"}, {"name": "FOLDER", "value": folder}],
        "interactiveMode": mode,
    }})
}

fn kubeconfig(cluster: &Value, user: &Value) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let text = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "a", "cluster": cluster}],
        "users": [{"name": "b", "user": user}],
        "contexts": [{"name": "east", "context": {"cluster": "a", "user": "b"}}],
    });
    file.write_all(text.to_string().as_bytes()).unwrap();
    file
}

async fn reached(cluster: &Value, user: &Value) -> Result<Cluster> {
    let file = kubeconfig(cluster, user);
    let connection =
        Connection { kubeconfig: Some(file.path().to_owned()), user_agent: "test/1".into(), ..Connection::default() };
    Ok(connect(&connection, &["east".into()]).await?.remove(0))
}

/// Nothing listens there: a request that is sent at all fails in another way.
fn nowhere() -> Value {
    json!({"server": "http://127.0.0.1:1"})
}

async fn refused(user: &Value) -> Error {
    reached(&nowhere(), user).await.unwrap_err()
}

/// The error as a person sees it; neither that nor any other form of it may hold a canary.
#[track_caller]
fn seen(error: &Error) -> String {
    let text = render(error, Terminal { live: false, asks: false, colour: false });
    let all = format!("{text}\n{error}\n{error:?}");
    for canary in CANARIES {
        assert!(!all.contains(canary), "{canary} in {all}");
    }
    text
}

#[tokio::test]
async fn a_plugin_that_fails_at_first_is_told_by_name_code_and_first_line() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("fail"), "").unwrap();
    let error = refused(&plugin(UNTIL_TOLD, "Never", folder.path().to_str().unwrap())).await;
    insta::assert_snapshot!(seen(&error), @r"
    error: no credentials for east
      where: context east
      why:   the credential plugin sh ended with exit code 3: your login has ended
      do:    log in again, or correct the user's exec in the kubeconfig
             then try: kubectl --context east version
    ");
    for mode in ["IfAvailable", "Always"] {
        let error = refused(&plugin(UNTIL_TOLD, mode, folder.path().to_str().unwrap())).await;
        insta::allow_duplicates!(insta::assert_snapshot!(seen(&error), @r"
        error: no credentials for east
          where: context east
          why:   the credential plugin sh ended with exit code 3; its output is above
          do:    log in again, or correct the user's exec in the kubeconfig
                 then try: kubectl --context east version
        "));
    }
}

/// The failure on every way to a cluster once its token has to be renewed and cannot be.
async fn at_a_refresh(mode: &str) -> Vec<(&'static str, Error)> {
    let folder = TempDir::new().unwrap();
    let cluster = reached(&nowhere(), &plugin(UNTIL_TOLD, mode, folder.path().to_str().unwrap())).await.unwrap();
    std::fs::write(folder.path().join("fail"), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let command = Command { namespace: "sample", pod: "client", container: "curl", argv: &["curl", "--version"] };
    let late = |last: String| Error::failed(last).fix("wait");
    let judge = |_: &watch::State| Verdict::<()>::Wait("nothing".into());
    vec![
        ("read", cluster.must(Call::get("/version")).await.unwrap_err()),
        ("exec", exec::run(&cluster, &command, b"", deadline).await.unwrap_err()),
        ("exec that goes on", exec::start(&cluster, &command).await.unwrap_err()),
        ("istiod", istiod::get(&cluster, "istio-system", "istiod", "/debug/clusterz", deadline).await.unwrap_err()),
        ("proxy", ProxyStats::connect(&cluster, "sample", "client").await.err().unwrap()),
        (
            "watch",
            watch::until(&cluster, &[watch::Source::all("/api/v1/pods")], deadline, judge, late).await.unwrap_err(),
        ),
    ]
}

#[tokio::test]
async fn a_plugin_that_fails_in_the_middle_of_a_run_is_told_the_same_on_every_way() {
    for (mode, why) in [
        ("Never", "the credential plugin sh ended with exit code 3: your login has ended"),
        ("IfAvailable", "the credential plugin sh ended with exit code 3; its output is above"),
        ("Always", "the credential plugin sh ended with exit code 3; its output is above"),
    ] {
        for (way, error) in at_a_refresh(mode).await {
            let text = seen(&error);
            assert_eq!(error.what, "no credentials for east", "{way}, {mode}: {text}");
            assert_eq!(error.why.as_deref(), Some(why), "{way}, {mode}");
            assert_eq!(error.remedy[0], "log in again, or correct the user's exec in the kubeconfig", "{way}, {mode}");
        }
    }
}

#[tokio::test]
async fn a_plugin_that_a_signal_ends_is_told_with_the_signal() {
    let error = refused(&plugin("echo OUTCANARY; kill -9 $$", "Never", "")).await;
    seen(&error);
    assert_eq!(error.why.as_deref(), Some("the credential plugin sh was ended by signal 9 (SIGKILL) and said nothing"));
    assert_eq!(error.remedy[0], "find out what ended it, then run the same command again");
}

#[tokio::test]
async fn a_plugin_that_is_not_there_is_told_with_the_hint_of_the_kubeconfig() {
    for mode in MODES {
        let mut user = plugin("", mode, "");
        user["exec"]["command"] = "kubelogin-of-nobody".into();
        let why = "the credential plugin kubelogin-of-nobody cannot be started: No such file or directory (os error 2)";
        let error = refused(&user).await;
        seen(&error);
        assert_eq!(error.why.as_deref(), Some(why));
        assert_eq!(error.remedy[0], "install it, add its folder to PATH, or correct the user's exec in the kubeconfig");
        user["exec"]["installHint"] = "brew install kubelogin\n\n\u{1b}[2J  or see https://kubelogin.example\n".into();
        let error = refused(&user).await;
        assert_eq!(error.remedy[0], "install it: brew install kubelogin\nor see https://kubelogin.example");
    }
}

#[tokio::test]
async fn a_plugin_that_may_not_be_run_is_told() {
    let mut user = plugin("", "Never", "");
    user["exec"]["command"] = "/etc/passwd".into();
    let error = refused(&user).await;
    seen(&error);
    let why = "the credential plugin /etc/passwd cannot be started: Permission denied (os error 13)";
    assert_eq!(error.why.as_deref(), Some(why));
    assert_eq!(error.remedy[0], "check that you may run it, or correct the user's exec in the kubeconfig");
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_and_not_shown() {
    let nonsense =
        "the credential plugin sh gave an answer that is not an ExecCredential (not shown, since it may hold a token)";
    let token =
        "the token that the credential plugin sh gave has characters that no request can carry, such as a line end";
    for (answer, why) in [
        ("OUTCANARY", nonsense),
        ("OUTCANARY: [", nonsense),
        (r#"{"status": "OUTCANARY"}"#, nonsense),
        (r#"{"status": {"token": ["OUTCANARY"]}}"#, nonsense),
        (r#"{"kind": "OUTCANARY"}"#, "the credential plugin sh answered without credentials (status)"),
        (
            r#"{"status": {"token": "t", "expirationTimestamp": "OUTCANARY"}}"#,
            "the credential plugin sh gave a token whose expiry is not a time",
        ),
        (r#"{"status": {"token": "OUTCANARY\n"}}"#, token),
    ] {
        for mode in MODES {
            let error = refused(&plugin(&format!("printf %s '{answer}'"), mode, "")).await;
            seen(&error);
            assert_eq!(error.why.as_deref(), Some(why), "{answer}");
        }
    }
    // A token that expires is only looked at when it is used.
    let answer = r#"{"status": {"token": "OUTCANARY\n", "expirationTimestamp": "2999-01-01T00:00:00Z"}}"#;
    let cluster = reached(&nowhere(), &plugin(&format!("printf %s '{answer}'"), "Never", "")).await.unwrap();
    let error = cluster.must(Call::get("/version")).await.unwrap_err();
    seen(&error);
    assert_eq!(error.why.as_deref(), Some(token));
}

#[tokio::test]
async fn a_plugin_that_gives_nothing_any_more_is_told() {
    let folder = TempDir::new().unwrap();
    let script = r#"if [ -e "$FOLDER/fail" ]; then echo '{"status":{}}'; exit; fi
        echo '{"status":{"token":"OUTCANARY","expirationTimestamp":"2026-01-01T00:00:00Z"}}'"#;
    let cluster = reached(&nowhere(), &plugin(script, "Never", folder.path().to_str().unwrap())).await.unwrap();
    std::fs::write(folder.path().join("fail"), "").unwrap();
    let error = cluster.must(Call::get("/version")).await.unwrap_err();
    seen(&error);
    let why = "the token has expired, and the credential plugin sh gave no usable one in its place";
    assert_eq!(error.why.as_deref(), Some(why));
}

#[tokio::test]
async fn no_value_of_a_kubeconfig_is_in_what_is_wrong_with_it() {
    let provider = |config: Value| json!({"auth-provider": {"name": "gcp", "config": config}});
    for (user, why) in [
        (
            json!({"token": "ARGCANARY\n"}),
            "the token of the kubeconfig has characters that no request can carry, such as a line end",
        ),
        (
            json!({"tokenFile": "ARGCANARY"}),
            "the file that tokenFile names cannot be read: No such file or directory (os error 2)",
        ),
        (
            json!({"client-certificate": "ARGCANARY", "client-key": "ARGCANARY"}),
            "the file that client-certificate names cannot be read: No such file or directory (os error 2)",
        ),
        (
            json!({"client-certificate-data": "ARGCANARY!", "client-key-data": "ARGCANARY!"}),
            "client-certificate-data is not base64",
        ),
        (
            json!({"client-certificate-data": "QVJHQ0FOQVJZ", "client-key-data": "ARGCANARY!"}),
            "client-key-data is not base64",
        ),
        (
            json!({"client-certificate-data": "QVJHQ0FOQVJZ", "client-key-data": "QVJHQ0FOQVJZ"}),
            "the client certificate has no key in PKCS#8 or PKCS#1",
        ),
        (
            json!({"client-certificate-data": "QVJHQ0FOQVJZ", "client-key-data": "LS0tLS1CRUdJTiBBUkdDQU5BUlkKQVJHQ0FOQVJZCg=="}),
            "the client certificate or its key is not PEM",
        ),
        (
            json!({"as": "ARGCANARY\n"}),
            "what it impersonates (as, as-groups, as-uid, as-user-extra) cannot be sent in a header",
        ),
        (
            json!({"auth-provider": {"name": "azure", "config": {"access-token": "ARGCANARY"}}}),
            "the auth-provider azure of the kubeconfig is not supported",
        ),
        (
            json!({"auth-provider": {"name": "oidc", "config": {"client-secret": "ARGCANARY"}}}),
            "the auth-provider oidc of the kubeconfig has no id-token",
        ),
        (
            provider(json!({"access-token": "ARGCANARY", "expiry": "ARGCANARY"})),
            "the auth-provider gcp gave a token whose expiry is not a time",
        ),
        (
            provider(json!({"cmd-path": "sh", "cmd-args": "-c false ARGCANARY"})),
            "sh, the command of auth-provider gcp, ended with exit code 1 and said nothing",
        ),
        (
            provider(json!({"cmd-path": "echo", "cmd-args": "ARGCANARY", "token-key": "{.ARGCANARY}"})),
            "echo, the command of auth-provider gcp, gave an answer that is not JSON (not shown, since it may hold a token)",
        ),
        (
            provider(json!({"cmd-path": "echo", "cmd-args": "{\"OUTCANARY\":1}", "token-key": "{.ARGCANARY}"})),
            "echo, the command of auth-provider gcp, cannot be run, or its answer has no token where token-key says",
        ),
        (
            json!({"exec": {"apiVersion": "v1", "env": [{"name": "A", "value": "ENVCANARY"}]}}),
            "the user's exec in the kubeconfig names no command",
        ),
    ] {
        let error = refused(&user).await;
        seen(&error);
        assert_eq!(error.why.as_deref(), Some(why), "{user}");
    }
    for (cluster, why) in [
        (
            json!({"server": "https://a:1", "proxy-url": "ftp://u:ARGCANARY@h:1"}),
            "the proxy-url of its cluster, or HTTPS_PROXY, does not begin with http, https or socks5",
        ),
        (
            json!({"server": "https://a:1", "proxy-url": "http://u:ARGCANARY {h"}),
            "the proxy-url of its cluster, or HTTPS_PROXY, is not an address",
        ),
        (json!({"server": "https://u:ARGCANARY {h"}), "the server of its cluster is not an address"),
        (
            json!({"server": "https://a:1", "certificate-authority-data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClFWSkhRMEZPUVZKWgotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg=="}),
            "the certificate-authority of its cluster is not a certificate",
        ),
        (
            json!({"server": "https://a:1", "tls-server-name": "ARGCANARY {"}),
            "the tls-server-name of its cluster is not a name",
        ),
    ] {
        let error = reached(&cluster, &json!({"token": "t"})).await.err().unwrap_or_else(|| panic!("{cluster}"));
        seen(&error);
        assert_eq!((error.why.as_deref(), error.exit_code()), (Some(why), 2), "{cluster}");
    }
}

#[tokio::test]
async fn an_address_is_shown_without_the_password_in_it() {
    let cluster =
        reached(&json!({"server": "http://u:ARGCANARY@127.0.0.1:1/x"}), &json!({"token": "t"})).await.unwrap();
    assert_eq!(cluster.server, "http://127.0.0.1:1/x");
    assert!(!format!("{cluster:?}").contains("ARGCANARY"));
    seen(&cluster.must(Call::get("/version")).await.unwrap_err());
}

#[test]
fn arguments_in_a_command_are_no_part_of_its_name() {
    assert_eq!(name_of("aws"), "aws");
    assert_eq!(name_of("/usr/local/bin/aws"), "/usr/local/bin/aws");
    assert_eq!(name_of("login --client-secret=ARGCANARY"), "login …");
    let folder = TempDir::new().unwrap();
    let with_blank: PathBuf = folder.path().join("my login");
    std::fs::write(&with_blank, "").unwrap();
    assert_eq!(name_of(with_blank.to_str().unwrap()), with_blank.to_str().unwrap());
}

#[test]
fn only_the_first_line_that_says_something_is_taken() {
    assert_eq!(first_line(b"\n  \n\x1b[31mexpired\x1b[0m\r\nmore"), Some("expired".into()));
    assert_eq!(first_line(b"progress\rdone"), Some("progress".into()));
    assert_eq!(first_line(b" \n\n"), None);
    assert_eq!(first_line(&[b'x'; 5000]).unwrap().len(), LONGEST_LINE);
}

#[test]
fn an_error_of_credentials_is_found_however_deep_it_is() {
    let io = std::io::Error::other(AuthError::ExecPluginFailed);
    let error = kube::Error::Service(Box::new(kube::Error::ReadEvents(io)));
    assert!(matches!(find(&error), Some(AuthError::ExecPluginFailed)));
    assert!(find(&kube::Error::Service("auth exec command 'x' failed".into())).is_none());
}
