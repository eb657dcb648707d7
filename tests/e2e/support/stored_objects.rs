//! What a cluster's etcd holds, kept and put back: in no time, and past finalizers and controllers that do not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshlab::spec::Extent;
use serde_json::{Value, json};

use super::shell::run_with_input;
use super::{Kit, until};

/// Keys in base64, in which their order is that of the keys' parts, and values in base64.
type Stored = BTreeMap<String, String>;

/// The folders of objects that API servers write by themselves.
const PASSING: [&str; 3] = ["/registry/events/", "/registry/leases/", "/registry/masterleases/"];
/// How many changes etcd takes at once (`--max-txn-ops`).
const AT_ONCE: usize = 128;

impl Kit {
    /// Whether nothing but the API server acts on what a cluster holds.
    pub(crate) fn is_recorded(&self, cluster: &str) -> bool {
        let extent = |lab: &meshlab::Lab| lab.spec().cluster(cluster).map(|cluster| cluster.extent).ok();
        self.ground.lab.as_ref().and_then(extent) == Some(Extent::Recorded)
    }

    /// Keeps what a recorded cluster holds.
    pub(crate) fn keep_stored(&self, cluster: &str) {
        let text = serde_json::to_string(&self.stored(cluster)).expect("a map of strings");
        fs::write(self.stored_file(cluster), text).expect("the folder of the kubeconfig");
    }

    /// Puts back what a recorded cluster held when that was kept.
    #[track_caller]
    pub(crate) fn put_stored_back(&self, cluster: &str) {
        let text = fs::read_to_string(self.stored_file(cluster)).expect("it was kept by the first test");
        let wanted: Stored = serde_json::from_str(&text).expect("it was written by this");
        // A controller may have been about to write once more.
        until(&format!("{cluster}: bare as it was found"), Duration::from_secs(20), || {
            let changes = changes(&self.stored(cluster), &wanted);
            let Some(first) = changes.first() else { return Ok(()) };
            let first = first.to_string();
            for some in changes.chunks(AT_ONCE) {
                self.etcd(cluster, "txn", &json!({"success": some}));
            }
            Err(format!("{} changes, the first {first}", changes.len()))
        });
    }

    fn stored_file(&self, cluster: &str) -> PathBuf {
        self.ground.kubeconfig.with_file_name(format!("stored-{cluster}.json"))
    }

    fn stored(&self, cluster: &str) -> Stored {
        let all = json!({"key": STANDARD.encode("/registry/"), "range_end": STANDARD.encode("/registry0")});
        let answer = self.etcd(cluster, "range", &all);
        let pair = |found: &Value| Some((found["key"].as_str()?.to_owned(), found["value"].as_str()?.to_owned()));
        let all = answer["kvs"].as_array().expect("etcd is never empty").iter().filter_map(pair);
        all.filter(|(key, _)| !passes(key)).collect()
    }

    /// A request to etcd's gateway, which speaks JSON.
    #[track_caller]
    fn etcd(&self, cluster: &str, verb: &str, body: &Value) -> Value {
        let mut command = self.command(super::kit::target_folder().join("meshlab"));
        command.args(["exec", cluster, "--", "curl", "--silent", "--show-error", "--fail-with-body"]);
        command.args(["--data-binary", "@-", &format!("http://127.0.0.1:2379/v3/kv/{verb}")]);
        run_with_input(&mut command, &body.to_string()).json()
    }
}

fn passes(key: &str) -> bool {
    let key = STANDARD.decode(key).unwrap_or_default();
    PASSING.iter().any(|folder| key.starts_with(folder.as_bytes()))
}

/// What etcd is to do: first whatever is there takes its old form again, then what is more goes.
fn changes(now: &Stored, wanted: &Stored) -> Vec<Value> {
    let put = wanted.iter().filter(|(key, value)| now.get(*key) != Some(value));
    let put = put.map(|(key, value)| json!({"requestPut": {"key": key, "value": value}}));
    let more = now.keys().filter(|key| !wanted.contains_key(*key));
    put.chain(more.map(|key| json!({"requestDeleteRange": {"key": key}}))).collect()
}
