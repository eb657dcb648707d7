//! A join that is killed anywhere is followed by one that reaches the same end.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test killed`; with `MESH_TEST_EVERY_KILL=1` it is
//! killed after each of its writes instead of after five of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::ca_folder::{Tree, tree};
use support::requests::USER_AGENT;
use support::shell::{Ended, finish};
use support::{Kit, until};

const CLUSTERS: [&str; 2] = ["east", "west"];
const JOIN: [&str; 4] = ["join", "--contexts", "east,west", "--yes"];

fn clusters() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    kit.lab("it is killed by what the audit logs say, and those are read on the lab alone")?;
    kit.bare();
    Some(kit)
}

#[test]
fn a_join_killed_after_any_of_its_writes_is_finished_by_the_next() {
    let Some(kit) = clusters() else { return };
    let began = kit.join("east,west");
    let writes: usize = CLUSTERS.iter().map(|cluster| kit.writes(cluster, began).len()).sum();
    let wanted = end_state(&kit);
    assert!(writes >= 20, "a join of two clusters makes {writes} writes");
    let every = std::env::var_os("MESH_TEST_EVERY_KILL").is_some();
    let moments: Vec<usize> =
        if every { (1..writes).collect() } else { (1..=5).map(|part| part * writes / 6).collect() };
    drop(kit);
    for after in moments {
        // Every run has its own home, and with it a CA folder.
        let Some(kit) = clusters() else { return };
        let killed = end_after(&kit, after, Signal::KILL);
        assert_eq!(killed.code, 128 + 9, "{killed}");
        let (roots, keys) = (roots(&kit), tree(&kit.data()));

        let rerun = kit.mesh_mc(&JOIN);

        assert_eq!(rerun.code, 0, "after a kill at write {after} of {writes}: {rerun}");
        assert_nothing_lost(&keys, &tree(&kit.data()));
        let root = kit.fingerprint(&kit.ca_folder().join("root-cert.pem"));
        assert!(roots.iter().all(|seen| *seen == root), "write {after}: the root changed: {roots:?}, now {root}");
        for cluster in CLUSTERS {
            assert_eq!(kit.root_of(cluster), root, "write {after}, {cluster}");
        }
        kit.assert_everyone_sees_everyone(&CLUSTERS);
        assert_eq!(end_state(&kit), wanted, "write {after}");
        await_no_probes(&kit);
        let third = kit.join("east,west");
        kit.assert_nothing_written(third);
    }
}

#[test]
fn a_join_that_is_interrupted_says_what_stands_and_is_finished_by_the_next() {
    let Some(kit) = clusters() else { return };
    // The first writes are the probes' own, and they go again.
    let early = "nothing was written but the probe's namespaces, now removed; the same command starts from scratch";
    for (signal, after, said) in [(Signal::INT, 3, early), (Signal::TERM, 14, "run the same command again")] {
        let interrupted = end_after(&kit, after, signal);
        assert_eq!(interrupted.code, 128 + signal.as_raw(), "{interrupted}");
        assert!(interrupted.stderr.contains(said), "{interrupted}");
        await_no_probes(&kit);
    }
    let roots = roots(&kit);
    kit.join("east,west");
    let root = kit.fingerprint(&kit.ca_folder().join("root-cert.pem"));
    assert!(roots.iter().all(|seen| *seen == root), "{roots:?}, now {root}");
    kit.assert_everyone_sees_everyone(&CLUSTERS);
}

/// Starts a join and sends it a signal once the API servers have logged so many of its writes.
fn end_after(kit: &Kit, writes: usize, signal: Signal) -> Ended {
    let mut logs = CLUSTERS.map(|cluster| Log::at_its_end(kit, cluster));
    let mut command = kit.product(&JOIN);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(2);
    let pid = Pid::from_child(&child);
    let mut seen = 0;
    while seen < writes {
        seen += logs.iter_mut().map(Log::new_writes).sum::<usize>();
        if seen < writes {
            assert!(Instant::now() < end, "only {seen} of {writes} writes came");
            // The log has no way to tell that it grew.
            sleep(Duration::from_millis(2));
        }
    }
    // A join that has ended by itself is its own zombie until it is waited for: the signal cannot hit another.
    kill_process(pid, signal).unwrap();
    finish(&command, child)
}

/// The audit log of a cluster, read on from where it was.
struct Log {
    lines: BufReader<File>,
    half: String,
}

impl Log {
    fn at_its_end(kit: &Kit, cluster: &str) -> Self {
        use std::io::Seek as _;
        let folder = &kit.ground.kubeconfig;
        let path: PathBuf = folder.with_file_name("clusters").join(cluster).join("audit/audit.log");
        let mut file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.seek(std::io::SeekFrom::End(0)).unwrap();
        Self { lines: BufReader::new(file), half: String::new() }
    }

    /// How many writes of the product were answered since the last look.
    fn new_writes(&mut self) -> usize {
        let mut count = 0;
        while self.lines.read_line(&mut self.half).unwrap() > 0 && self.half.ends_with('\n') {
            count += usize::from(is_write(&self.half));
            self.half.clear();
        }
        count
    }
}

fn is_write(line: &str) -> bool {
    if !line.contains(USER_AGENT) {
        return false;
    }
    let event: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let changes = ["create", "update", "patch", "delete"].contains(&text(&event["verb"]).as_str());
    let asks = text(&event["objectRef"]["resource"]).ends_with("reviews")
        || ["exec", "portforward"].contains(&text(&event["objectRef"]["subresource"]).as_str());
    event["stage"] == "ResponseComplete" && changes && !asks && !text(&event["requestURI"]).contains("dryRun=")
}

/// Every root that anybody may have seen so far.
fn roots(kit: &Kit) -> Vec<String> {
    let kept = kit.ca_folder().join("root-cert.pem");
    let mut roots = Vec::new();
    if kept.exists() {
        roots.push(kit.fingerprint(&kept));
    }
    for cluster in CLUSTERS {
        if kit.get(cluster, &["secret", "-n", "istio-system", "cacerts"]).is_some() {
            roots.push(kit.root_of(cluster));
        }
    }
    roots
}

/// What was kept before is kept now, byte for byte, but for the record that grows and what a write had not finished.
#[track_caller]
fn assert_nothing_lost(before: &Tree, after: &Tree) {
    for (path, file) in before {
        let name = path.to_string_lossy();
        if name.ends_with("clusters.json") || name.contains(".unfinished-") {
            continue;
        }
        assert!(after.get(path) == Some(file), "{name} was lost or changed");
    }
}

#[track_caller]
fn await_no_probes(kit: &Kit) {
    for cluster in CLUSTERS {
        until(&format!("no probe in {cluster}"), Duration::from_mins(1), || {
            let names = kit.kubectl(cluster, &["get", "namespaces", "-o", "name"]).ok();
            if names.contains("mesh-probe-") { Err(names) } else { Ok(()) }
        });
    }
}

/// What a join leaves, without what is different in every run: objects by cluster, kind and name with their specs.
fn end_state(kit: &Kit) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    for cluster in CLUSTERS {
        let sail = kit.get(cluster, &["istios.sailoperator.io,istiocnis.sailoperator.io"]).unwrap();
        let kinds = "deployments,services,serviceaccounts,secrets,configmaps";
        let system = kit.get(cluster, &[kinds, "-n", "istio-system"]).unwrap();
        let namespaces = kit.get(cluster, &["namespaces", "istio-system", "istio-cni"]).unwrap();
        for item in [&sail, &system, &namespaces].into_iter().flat_map(|list| list["items"].as_array().unwrap()) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = text(&item["metadata"]["name"]);
            let own = item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubectl-mesh-mc";
            let mut spec = item["spec"].clone();
            if text(&item["kind"]) == "Service" {
                for given in ["clusterIP", "clusterIPs", "ports", "healthCheckNodePort"] {
                    spec.as_object_mut().unwrap().shift_remove(given);
                }
            }
            if own {
                let labels = item["metadata"]["labels"].clone();
                state.insert(format!("{cluster} {} {name}", text(&item["kind"])), serde_json::json!([labels, spec]));
            } else {
                state.insert(format!("{cluster} {} {name}", text(&item["kind"])), Value::Null);
            }
        }
    }
    // Helm's release numbers depend on what it met on the way.
    state.retain(|name, _| !name.contains("sh.helm.release"));
    state
}

#[test]
fn a_write_is_told_from_a_question() {
    let line = |verb: &str, resource: &str, uri: &str| {
        format!(
            r#"{{"stage":"ResponseComplete","verb":"{verb}","requestURI":"{uri}","userAgent":"kubectl-mesh-mc/0.1.0","objectRef":{{"resource":"{resource}"}}}}"#
        )
    };
    assert!(is_write(&line("patch", "secrets", "/api/v1/secrets/a?fieldManager=b")));
    assert!(!is_write(&line("create", "istios", "/apis/istios?dryRun=All")));
    assert!(!is_write(&line("create", "selfsubjectaccessreviews", "/apis")));
    assert!(!is_write(&line("get", "secrets", "/api/v1/secrets/a")));
}
