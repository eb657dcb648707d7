//! A kubeconfig of the tests' own, in which the clusters that were named are called as tests call them.

use std::path::Path;
use std::process::Command;

use mesh_shared::plugin::error::{Error, Result};
use serde_json::{Value, json};

use crate::support::ground::NAMES;
use crate::support::shell::run;

/// Writes it, from what the user's own kubeconfig says of the contexts; that is only read.
///
/// # Errors
/// Where kubectl is missing or does not know a context, in its own words.
pub(crate) fn write(path: &Path, contexts: &[String]) -> Result<()> {
    let mut whole = json!({
        "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [], "current-context": NAMES[0],
    });
    for (context, name) in contexts.iter().zip(NAMES) {
        let entry = renamed(&of_context(context)?, name, &std::env::var("HOME").unwrap_or_default());
        for part in ["clusters", "users", "contexts"] {
            whole[part].as_array_mut().expect("a list").push(entry[part].clone());
        }
    }
    std::fs::write(path, whole.to_string()).map_err(|error| {
        Error::failed(format!("{} cannot be written", path.display()))
            .because(error.to_string())
            .fix("make room where files for a while lie, or name another place: TMPDIR")
    })
}

/// What kubectl says of one context, with everything that its kubeconfig refers to.
fn of_context(context: &str) -> Result<Value> {
    let refused = |why: String| {
        Error::usage(format!("context {context:?} cannot be used"))
            .because(why)
            .fix("name contexts of $KUBECONFIG that kubectl can use: kubectl config get-contexts")
    };
    let arguments = ["config", "view", "--raw", "--flatten", "--minify", "-o", "json", "--context", context];
    let mut kubectl = Command::new("kubectl");
    if !std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join("kubectl").exists()) {
        return Err(refused("there is no kubectl in PATH".into()));
    }
    let ended = run(kubectl.args(arguments));
    if ended.code != 0 {
        return Err(refused(ended.stderr.trim().to_owned()));
    }
    let config: Value = serde_json::from_str(&ended.stdout).map_err(|error| refused(error.to_string()))?;
    let is_whole = ["clusters", "contexts", "users"].iter().all(|part| config[*part][0].is_object());
    if is_whole { Ok(config) } else { Err(refused("it has no cluster or no user".into())) }
}

/// Its cluster, user and context under the names that a lab gives them.
fn renamed(config: &Value, name: &str, home: &str) -> Value {
    let (cluster, user) = (format!("{name}-api"), format!("{name}-admin"));
    let mut who = config["users"][0]["user"].clone();
    if let Some(plugin) = who.get_mut("exec").and_then(Value::as_object_mut) {
        // Tests have a home of their own, and what brings credentials looks into its user's.
        let mut variables = plugin.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
        if !variables.iter().any(|variable| variable["name"] == "HOME") {
            variables.push(json!({"name": "HOME", "value": home}));
        }
        plugin.insert("env".into(), variables.into());
    }
    json!({
        "clusters": {"name": cluster, "cluster": config["clusters"][0]["cluster"]},
        "users": {"name": user, "user": who},
        "contexts": {"name": name, "context": {"cluster": cluster, "user": user}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_called_as_tests_call_it_and_leads_where_it_led() {
        let config = json!({
            "clusters": [{"name": "kind-one", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "me", "user": {"token": "t"}}],
            "contexts": [{"name": "kind-one", "context": {"cluster": "kind-one", "user": "me", "namespace": "mine"}}],
        });
        assert_eq!(
            renamed(&config, "west", "/home/me"),
            json!({
                "clusters": {"name": "west-api", "cluster": {"server": "https://127.0.0.1:1"}},
                "users": {"name": "west-admin", "user": {"token": "t"}},
                "contexts": {"name": "west", "context": {"cluster": "west-api", "user": "west-admin"}},
            })
        );
    }

    #[test]
    fn what_brings_credentials_finds_its_users_home() {
        let config = json!({
            "clusters": [{"cluster": {}}], "contexts": [{}],
            "users": [{"user": {"exec": {"command": "aws", "env": [{"name": "AWS_PROFILE", "value": "a"}]}}}],
        });
        assert_eq!(
            renamed(&config, "east", "/home/me")["users"]["user"]["exec"]["env"],
            json!([{"name": "AWS_PROFILE", "value": "a"}, {"name": "HOME", "value": "/home/me"}])
        );
    }
}
