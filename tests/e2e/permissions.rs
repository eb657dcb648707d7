//! Every command is run as exactly the user whom docs/permissions makes for it: the files grant enough, nothing that is not
//! needed, and what is missing is said before anything is written.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test permissions`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use meshlab::audit::Event;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::Kit;
use support::permitted_users::{Grant, Right, authorised, explained, resource, rights};
use support::requests::describe;
use support::running::Running;
use support::sample::NAMESPACE;
use support::shell::Ended;

const CLUSTERS: [&str; 2] = ["east", "west"];
const SERVICE: &str = "helloworld.sample";
const OPERATORS: &str = "bindings-operators.yaml";
const TEAM: &str = "bindings-team.yaml";
const VIEW: Grant = ("mesh-failover-view.yaml", OPERATORS);

const HEAD: &str = "| command | reads | writes | connects to |\n|---|---|---|---|";

/// Who does what.
const USERS: [(&str, &[Grant]); 11] = [
    ("careful-joiner", &[("mesh-mc-join.yaml", OPERATORS)]),
    ("joiner", &[("mesh-mc-join.yaml", OPERATORS), ("mesh-mc-probe.yaml", OPERATORS)]),
    (
        "puller",
        &[("mesh-mc-join.yaml", OPERATORS), ("mesh-mc-probe.yaml", OPERATORS), ("mesh-mc-pull-secret.yaml", OPERATORS)],
    ),
    ("viewer", &[VIEW]),
    ("finder", &[VIEW, ("mesh-failover-peers.yaml", OPERATORS)]),
    ("exposer", &[VIEW, ("mesh-failover-expose.yaml", OPERATORS)]),
    ("labeller", &[VIEW, ("mesh-failover-regions-set.yaml", OPERATORS)]),
    ("router", &[VIEW, ("mesh-failover-locality.yaml", TEAM)]),
    ("driller", &[VIEW, ("mesh-failover-drill.yaml", TEAM)]),
    ("lister", &[VIEW, ("mesh-failover-drill-list.yaml", OPERATORS)]),
    (
        "developer",
        &[
            ("mesh-failover-view.yaml", TEAM),
            ("mesh-failover-locality.yaml", TEAM),
            ("mesh-failover-drill.yaml", TEAM),
            ("mesh-failover-drill-list.yaml", TEAM),
        ],
    ),
];

/// A command that was run.
#[derive(Clone)]
struct Done {
    user: &'static str,
    command: &'static str,
    began: Timestamp,
    ended: Timestamp,
}

/// The home of the test that ran all commands, and what it ran.
static ALL: Mutex<Option<(PathBuf, Vec<Done>)>> = Mutex::new(None);

/// All commands, each run once by its user; the first test that needs it runs them.
fn all() -> Option<(Kit, Vec<Done>)> {
    let kit = Kit::of(&CLUSTERS)?;
    kit.lab("what users need is told by audit logs, and those are read on the lab alone")?;
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((home, done)) = &*all {
        return Some((kit.at(home.clone()), done.clone()));
    }
    kit.bare();
    let mut office = Office { kit, done: Vec::new() };
    office.join();
    office.see_and_expose();
    office.govern();
    office.drill();
    office.run("exposer", "mesh-failover unexpose", &["unexpose", SERVICE, "--yes"]).ok();
    let Office { kit, done } = office;
    *all = Some((kit.home().to_owned(), done.clone()));
    Some((kit, done))
}

/// Where each command is run by the user who is allowed to.
struct Office {
    kit: Kit,
    done: Vec<Done>,
}

impl Office {
    /// The kubeconfig of a user, who is made where there is none yet.
    fn kubeconfig(&self, user: &str) -> String {
        kubeconfig(&self.kit, user)
    }

    /// Runs a command as its user, and notes it under the name that docs/security.md has for it.
    fn run(&mut self, user: &'static str, command: &'static str, arguments: &[&str]) -> Ended {
        let kubeconfig = self.kubeconfig(user);
        let began = Timestamp::now();
        let ended = as_user(&self.kit, command, &kubeconfig, arguments);
        self.done.push(Done { user, command, began, ended: Timestamp::now() });
        ended
    }

    fn join(&mut self) {
        for cluster in CLUSTERS {
            for namespace in ["istio-system", "istio-cni"] {
                self.kit.kubectl(cluster, &["create", "namespace", namespace]).ok();
            }
        }
        let join = ["join", "--yes"];
        self.run("careful-joiner", "mesh-mc join --no-probe", &[&join[..], &["--no-probe"]].concat()).ok();
        self.forget_credentials();
        self.run("joiner", "mesh-mc join, only credentials missing", &join).ok();
        self.forget_credentials();
        for cluster in CLUSTERS {
            let login = ["--docker-server=registry.example.com", "--docker-username=ada", "--docker-password=secret"];
            let secret = ["create", "secret", "docker-registry", "mesh-probe-pull", "-n", "default"];
            self.kit.kubectl(cluster, &[&secret[..], &login].concat()).ok();
        }
        let pulling = [&join[..], &["--image-pull-secret", "default/mesh-probe-pull"]].concat();
        self.run("puller", "mesh-mc join --image-pull-secret, only credentials missing", &pulling).ok();
        for cluster in CLUSTERS {
            self.kit.kubectl(cluster, &["delete", "secret", "mesh-probe-pull", "-n", "default"]).ok();
        }
        let second = self.run("joiner", "mesh-mc join, nothing missing", &join);
        assert!(second.stderr.contains("Nothing to change"), "{second}");
    }

    fn forget_credentials(&self) {
        for (cluster, peer) in [("east", "west"), ("west", "east")] {
            let secret = format!("istio-remote-secret-{peer}");
            self.kit.kubectl(cluster, &["delete", "secret", "-n", "istio-system", &secret]).ok();
        }
    }

    fn see_and_expose(&mut self) {
        let region = "topology.kubernetes.io/region";
        self.kit.kubectl("west", &["label", "node", "west-node-1", &format!("{region}-")]).ok();
        self.run("labeller", "mesh-failover regions set", &["regions", "set", "west=west-region", "--yes"]).ok();
        self.kit.run_applications("east", "v1");
        self.kit.run_applications("west", "v2");
        for cluster in CLUSTERS {
            self.kit.apply(cluster, &[second()]);
        }
        self.run("viewer", "mesh-failover regions", &["regions"]).ok();
        self.run("exposer", "mesh-failover expose", &["expose", SERVICE, "--yes"]).ok();
        self.run("exposer", "mesh-failover expose", &["expose", "second.sample", "--yes"]).ok();
        self.run("exposer", "mesh-failover unexpose", &["unexpose", "second.sample", "--yes"]).ok();
        self.kit.await_route("east", "west");
        self.run("viewer", "mesh-failover list", &["list"]).ok();
        self.run("finder", "mesh-failover list, without --contexts", &["list", SERVICE]).ok();
    }

    fn govern(&mut self) {
        let apply = ["locality", "apply", SERVICE, "--failover", "east-region=west-region", "--yes"];
        let changed = [&apply[..], &["--base-ejection-time", "8s"]].concat();
        self.run("router", "mesh-failover locality apply", &apply).ok();
        self.run("router", "mesh-failover locality apply", &changed).ok();
        self.run("viewer", "mesh-failover locality show", &["locality", "show", SERVICE]).ok();
        let differs = self.run("viewer", "mesh-failover locality diff", &["locality", "diff", SERVICE]);
        assert_eq!(differs.code, 1, "{differs}");
        self.run("router", "mesh-failover locality remove", &["locality", "remove", SERVICE, "--yes"]).ok();
        let told = self.run("developer", "mesh-failover locality apply", &changed);
        assert_eq!(told.code, 0, "{told}");
        let partly = "You may not read every namespace of east and west: gateways and rules were looked for only in \
                      istio-system and sample.";
        assert!(told.stderr.contains(partly), "{told}");
    }

    fn drill(&mut self) {
        let held = self.run("developer", "mesh-failover drill --fault scale-to-zero", &drill("scale-to-zero"));
        assert_eq!(held.code, 0, "{held}");
        let errors = self.run("driller", "mesh-failover drill --fault upstream-errors", &drill("upstream-errors"));
        assert_eq!(errors.code, 0, "{errors}");
        self.kill_a_drill();
        let listed = self.run("lister", "mesh-failover drill list", &["drill", "list"]).ok();
        assert!(listed.contains(SERVICE), "{listed}");
        let own = self.run("developer", "mesh-failover drill list -n", &["drill", "list", "-n", NAMESPACE]).ok();
        // The two are alike but for the age, which goes on.
        assert!(own.contains(SERVICE) && own.lines().count() == listed.lines().count(), "{own}\n{listed}");
        let recover = ["drill", "recover", SERVICE, "--force", "--yes"];
        self.run("driller", "mesh-failover drill recover", &recover).ok();
    }

    fn kill_a_drill(&mut self) {
        let kubeconfig = self.kubeconfig("driller");
        let began = Timestamp::now();
        let command = "mesh-failover drill --fault scale-to-zero";
        let mut running = Running::start(self.kit.failover_command(&connected(&kubeconfig, &drill("scale-to-zero"))));
        running.until_it_says("fault: accepted");
        running.signal(Signal::KILL);
        running.end();
        self.done.push(Done { user: "driller", command, began, ended: Timestamp::now() });
    }
}

fn kubeconfig(kit: &Kit, user: &str) -> String {
    let path = kit.home().join(format!("{user}.yaml"));
    let (_, grants) = USERS.iter().find(|(name, _)| *name == user).unwrap();
    let path = if path.exists() { path } else { kit.kubeconfig_granted(&CLUSTERS, user, grants) };
    path.display().to_string()
}

/// Runs a command of either plugin with a kubeconfig, in both clusters.
fn as_user(kit: &Kit, command: &str, kubeconfig: &str, arguments: &[&str]) -> Ended {
    if command.ends_with("without --contexts") {
        return kit.mesh_failover(&[arguments, &["--context", "east", "--kubeconfig", kubeconfig]].concat());
    }
    let arguments = connected(kubeconfig, arguments);
    if command.starts_with("mesh-mc") { kit.mesh_mc(&arguments) } else { kit.mesh_failover(&arguments) }
}

fn connected<'a>(kubeconfig: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--contexts", "east,west", "--kubeconfig", kubeconfig]].concat()
}

fn drill(fault: &str) -> Vec<&str> {
    let what = ["drill", SERVICE, "--fault", fault, "--cluster", "east", "--from", "deploy/curl", "--path", "/hello"];
    let how = ["--match", "version: v[0-9]", "--baseline", "3s", "--hold", "3s", "--no-report", "--yes"];
    [&what[..], &how].concat()
}

/// A Service that can be exposed beside the other.
fn second() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "second", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "helloworld"}, "ports": [{"name": "tcp-hello", "port": 5000}]},
    })
}

/// Whether a request is about what a user is to be granted: every authenticated user may read what there is, and ask what it may.
fn is_granted(event: &Event) -> bool {
    !event.resource.is_empty() && event.group != "authorization.k8s.io"
}

/// The requests of a user in both clusters.
fn requests_of(kit: &Kit, user: &str, since: Timestamp) -> Vec<Event> {
    let of = |cluster: &&str| kit.requests(cluster, since).into_iter().filter(|event| event.user == user);
    CLUSTERS.iter().flat_map(of).filter(is_granted).collect()
}

#[test]
fn every_command_is_done_by_the_user_of_its_file_and_nothing_is_forbidden_to_it() {
    let Some((kit, done)) = all() else { return };
    let since = done[0].began;
    for (user, grants) in USERS {
        let asked = requests_of(&kit, user, since);
        assert!(!asked.is_empty(), "{user} did nothing");
        let granted = rights(grants);
        let unknown: Vec<String> = asked
            .iter()
            .filter(|event| event.code != 403)
            .flat_map(authorised)
            .filter(|event| !granted.iter().any(|right| right.covers(event)))
            .map(|event| describe(&event))
            .collect();
        assert!(unknown.is_empty(), "{user} has more than its files grant: {unknown:?}");
        let forbidden: BTreeSet<String> = asked.iter().filter(|event| event.code == 403).map(describe).collect();
        // Who sees one namespace asks for all first.
        let all_namespaces = ["services", "pods", "gateways", "destinationrules"];
        let expected: BTreeSet<String> = match user {
            "developer" => all_namespaces.iter().map(|kind| format!("list {kind} /")).collect(),
            _ => BTreeSet::new(),
        };
        assert_eq!(forbidden, expected, "{user}");
    }
}

#[test]
fn no_right_is_granted_that_nothing_needs() {
    let Some((kit, done)) = all() else { return };
    let since = done[0].began;
    let mut granted: Vec<Right> = Vec::new();
    let mut needed: Vec<Right> = Vec::new();
    for (user, grants) in USERS {
        let own = rights(grants);
        let allowed = requests_of(&kit, user, since).into_iter().filter(|event| event.code != 403);
        for event in allowed.flat_map(|event| authorised(&event)) {
            let event = &event;
            let mut covering = own.iter().filter(|right| right.covers(event));
            // What one rule alone allows is what that rule is for.
            if let Some(first) = covering.next()
                && covering.all(|other| other.is_of_the_rule_of(first))
                && !needed.iter().any(|known| known.is_of_the_rule_of(first))
            {
                needed.push(first.clone());
            }
        }
        granted.extend(own);
    }
    let is_needed = |right: &Right| needed.iter().any(|known| known.is_of_the_rule_of(right));
    let files: BTreeSet<&str> = granted.iter().map(|right| right.file).collect();
    let mut wrong = BTreeSet::new();
    for file in files {
        let own: Vec<&Right> = granted.iter().filter(|right| right.file == file).collect();
        let explained = explained(file);
        let of = |right: &Right| explained.iter().find(|one| (&one.role, &one.words) == (&right.role, &right.words()));
        for right in &own {
            let told = format!("{file}: {}: {} {:?}", right.role, right.words(), right.names);
            match of(right) {
                None if !is_needed(right) => wrong.insert(format!("nothing needs {told}")),
                Some(one) if !one.sometimes && is_needed(right) => wrong.insert(format!("it is seen: {told}")),
                _ => false,
            };
        }
        for one in &explained {
            if !own.iter().any(|right| (&right.role, right.words()) == (&one.role, one.words.clone())) {
                wrong.insert(format!("{file}: {} is not granted: {}", one.role, one.words));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_of_the_security_page_is_what_the_api_servers_saw() {
    let Some((kit, done)) = all() else { return };
    let view: BTreeSet<String> = rights(&[VIEW]).iter().map(|right| plural(&right.resource)).collect();
    let mut rows: BTreeMap<&str, [BTreeSet<String>; 3]> = BTreeMap::new();
    for one in &done {
        let row = rows.entry(one.command).or_default();
        let during = |event: &&Event| event.received <= one.ended && event.code != 403;
        for event in requests_of(&kit, one.user, one.began).iter().filter(during) {
            // Why something does not come up is read now and then.
            if event.resource != "events" {
                row[column(event)].insert(plural(&resource(event)));
            }
        }
    }
    for [reads, ..] in rows.values_mut().filter(|[reads, ..]| reads.is_superset(&view)) {
        *reads = reads.difference(&view).cloned().chain(["*view*".to_owned()]).collect();
    }
    let words = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
    let row = |(command, [reads, writes, connects]): (&&str, &[BTreeSet<String>; 3])| {
        format!("| {command} | {} | {} | {} |", words(reads), words(writes), words(connects))
    };
    let mut wanted = vec![format!("*view* is {}.", words(&view)), String::new(), HEAD.to_owned()];
    wanted.extend(rows.iter().map(row));
    let wanted = wanted.join("\n");
    let page = include_str!("../../docs/security.md");
    assert!(page.contains(&wanted), "docs/security.md should have:\n{wanted}");
}

/// Without the API group.
fn plural(resource: &str) -> String {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let plural = resource.split('.').next().unwrap_or_default();
    if subresource.is_empty() { plural.to_owned() } else { format!("{plural}/{subresource}") }
}

/// Reads, writes, connects.
fn column(event: &Event) -> usize {
    let connects = ["exec", "portforward"].contains(&event.subresource.as_str());
    if connects { 2 } else { usize::from(event.is_mutating()) }
}

#[test]
fn every_file_of_roles_has_a_user() {
    let used: BTreeSet<&str> = USERS.iter().flat_map(|(_, grants)| grants.iter().map(|(file, _)| *file)).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let roles: BTreeSet<String> = names.filter(|name| name.starts_with("mesh-")).collect();
    assert_eq!(roles, used.into_iter().map(ToOwned::to_owned).collect());
}

/// What a user meets who lacks a file: the refusal, before which nothing was written.
fn refusal(kit: &Kit, user: &str, command: &str, arguments: &[&str]) -> String {
    let kubeconfig = kubeconfig(kit, user);
    let began = Timestamp::now();
    let refused = as_user(kit, command, &kubeconfig, arguments);
    assert_eq!(refused.code, 1, "{refused}");
    kit.assert_nothing_written(began);
    kit.plain(&refused.stderr)
}

#[test]
fn who_has_one_file_too_few_is_told_which_before_anything_is_written() {
    let Some((kit, _)) = all() else { return };
    let of_viewer = |arguments: &[&str]| refusal(&kit, "viewer", "mesh-failover", arguments);
    insta::assert_snapshot!("expose_without_its_file", of_viewer(&["expose", SERVICE, "--yes"]));
    let apply = ["locality", "apply", SERVICE, "--base-ejection-time", "9s", "--yes"];
    insta::assert_snapshot!("locality_apply_without_its_file", of_viewer(&apply));
    insta::assert_snapshot!("drill_without_its_file", of_viewer(&drill("upstream-errors")));
    insta::assert_snapshot!("drill_list_without_its_file", in_one(&of_viewer(&["drill", "list"])));
    let recover = of_viewer(&["drill", "recover", SERVICE, "--yes"]);
    insta::assert_snapshot!("drill_recover_without_its_file", in_one(&recover));
    let unnamed = refusal(&kit, "viewer", "mesh-failover list, without --contexts", &["list"]);
    insta::assert_snapshot!("clusters_that_are_not_named_without_the_file_for_peers", unnamed);
    // Of several forbidden reads, the one answered first is reported.
    let all = refusal(&kit, "developer", "mesh-failover list", &["list"]);
    assert!(
        all.starts_with("error[permissions/missing]: not allowed in ") && all.contains("/mesh-failover-view.yaml\n"),
        "{all}"
    );
    // Then a join has something to do.
    for cluster in CLUSTERS {
        let secrets = ["delete", "secret", "-n", "istio-system", "-l", "istio/multiCluster=true"];
        kit.kubectl(cluster, &secrets).ok();
    }
    let unprobed = refusal(&kit, "careful-joiner", "mesh-mc join", &["join", "--yes"]);
    insta::assert_snapshot!("join_without_the_file_for_the_probe", unprobed);
    let unread = refusal(&kit, "viewer", "mesh-mc join", &["join", "--yes"]);
    assert!(
        unread.starts_with("error[permissions/missing]: not allowed in ") && unread.contains("/mesh-mc-join.yaml\n"),
        "{unread}"
    );
}

/// Both clusters refuse it, and the one that answers first is reported.
fn in_one(said: &str) -> String {
    said.replace("west", "east")
}
