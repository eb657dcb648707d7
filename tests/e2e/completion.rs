//! kubectl completes the plugins in bash, zsh and fish: verbs and flags, and names as they stand in kubeconfig and clusters at that
//! moment.
//!
//! Run: `meshlab with --clusters east,west --api-only -- cargo test -p mesh-tests --test completion`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Kit;
use support::kit::target_folder;
use support::screen::Screen;
use support::shell::run;

const CLUSTERS: [&str; 2] = ["east", "west"];
const PATIENCE: Duration = Duration::from_secs(20);

/// A lab whose API servers hold what names are taken from, and a folder in which both helpers are installed.
fn completed() -> Option<(Kit, PathBuf)> {
    let kit = Kit::of(&CLUSTERS)?;
    kit.lab("it completes what stands in the lab")?;
    for cluster in CLUSTERS {
        kit.apply(cluster, &objects(cluster));
    }
    let folder = kit.home().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let dir = folder.display().to_string();
    kit.mesh_mc(&["completion", "install", "--dir", &dir]).ok();
    kit.mesh_failover(&["completion", "install", "--dir", &dir]).ok();
    Some((kit, folder))
}

/// A mesh of both clusters, of which a third one is known to east alone and to no kubeconfig.
fn objects(cluster: &str) -> Vec<Value> {
    let peers = if cluster == "east" { &["west", "north"][..] } else { &["east"] };
    let remote_secret = |peer: &&str| {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": format!("istio-remote-secret-{peer}"), "namespace": "istio-system",
                "labels": {"istio/multiCluster": "true"}, "annotations": {"networking.istio.io/cluster": peer},
            },
        })
    };
    let workload = |kind: &str, namespace: &str, name: &str, labels: Value, env: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "discovery", "image": "none", "env": env}]},
                },
            },
        })
    };
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let service = |name: &str, namespace: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"ports": [{"port": 80}]},
        })
    };
    let objects = vec![
        namespace("istio-system"),
        namespace("sample"),
        workload(
            "Deployment",
            "istio-system",
            "istiod",
            json!({"app": "istiod"}),
            json!([{"name": "CLUSTER_ID", "value": cluster}]),
        ),
        workload("Deployment", "sample", "curl", json!({}), json!([])),
        service("helloworld", "sample"),
        service(&format!("only-{cluster}"), "sample"),
        service("kube-dns", "kube-system"),
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "labelled", "labels": {"topology.kubernetes.io/region": format!("{cluster}-region")}},
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "mesh-failover-drill-helloworld", "namespace": "sample", "labels": {"mesh-failover/record": "true"},
            },
        }),
    ];
    objects.into_iter().chain(peers.iter().map(remote_secret)).collect()
}

/// A program in the test's surroundings, with the helpers in its PATH.
fn command(kit: &Kit, folder: &Path, program: &str) -> Command {
    let mut command = kit.command(program);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).unwrap().to_owned();
    let folders = [folder.to_owned()].into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders).unwrap());
    command
}

/// What kubectl offers bash at the end of a line: the texts, and its directive.
fn offered(kit: &Kit, folder: &Path, line: &str) -> (BTreeSet<String>, String) {
    let mut bash = command(kit, folder, "bash");
    // Not its last command, so that bash does not become kubectl.
    let said = run(bash.args(["-c", "kubectl __complete \"$@\"; exit", "bash"]).args(line.split(' '))).ok();
    let mut lines: Vec<&str> = said.lines().collect();
    let directive = lines.pop().unwrap().to_owned();
    let texts = lines.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    (texts.collect(), directive)
}

fn texts(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn kubectl_offers_what_may_stand_there() {
    let Some((kit, folder)) = completed() else { return };
    let both = "--contexts east,west";
    for (line, wanted, directive) in [
        ("mesh-mc ", &["join", "completion", "version", "help"][..], ":4"),
        ("mesh-mc join --conte", &["--contexts"], ":4"),
        ("mesh-mc join --contexts ", &["east", "west"], ":6"),
        ("mesh-mc join --contexts east,we", &["east,west"], ":4"),
        ("mesh-mc join --contexts=east,", &["east,west"], ":4"),
        ("mesh-mc join --contexts east,west --network ", &["east=", "west="], ":6"),
        ("mesh-mc join --key-algorithm ecdsa", &["ecdsa-p256"], ":4"),
        ("mesh-mc join --values ", &[], ":0"),
        ("mesh-mc join --ca-dir ", &[], ":16"),
        ("mesh-failover expose hel", &["helloworld.sample"], ":4"),
        ("mesh-failover expose only", &["only-east.sample", "only-west.sample"], ":4"),
        ("mesh-failover expose --context west only", &["only-east.sample", "only-west.sample"], ":4"),
        ("mesh-failover expose --contexts west only", &["only-west.sample"], ":4"),
        ("mesh-failover unexpose --contexts east -n sample only", &["only-east"], ":4"),
        ("mesh-failover expose helloworld -n sam", &["sample"], ":4"),
        (&format!("mesh-failover {both} expose x --clusters "), &["east", "west"], ":6"),
        ("mesh-failover expose x --clusters east,", &["east,north", "east,west"], ":6"),
        (
            "mesh-failover drill ",
            &["helloworld.sample", "list", "only-east.sample", "only-west.sample", "recover"],
            ":4",
        ),
        ("mesh-failover drill helloworld.sample --from ", &["deploy/curl"], ":4"),
        ("mesh-failover drill helloworld.sample --fault s", &["scale-to-zero"], ":4"),
        ("mesh-failover drill recover ", &["helloworld.sample"], ":4"),
        ("mesh-failover locality apply x --failover ", &["east-region=", "west-region="], ":6"),
        (&format!("mesh-failover {both} locality apply x --failover east-region="), &["east-region=west-region"], ":6"),
        ("mesh-failover regions set ", &["east=", "north=", "west="], ":6"),
        ("mesh-failover regions set east=e", &["east=east-region"], ":4"),
        ("mesh-failover locality ", &["apply", "diff", "show", "remove"], ":4"),
        ("mesh-failover unexpose -n kube-system kube-", &["kube-dns"], ":4"),
        ("mesh-failover expose kube-", &[], ":4"),
        ("mesh-failover drill helloworld.sample --confirm ", &[], ":4"),
        ("mesh-failover list --kubeconfig /nowhere --contexts ", &[], ":4"),
    ] {
        assert_eq!(offered(&kit, &folder, line), (texts(wanted), directive.to_owned()), "{line}");
    }
}

#[test]
fn a_cluster_that_does_not_answer_holds_nobody_up() {
    let Some((kit, folder)) = completed() else { return };
    let lab =
        |what: &str| run(kit.command(target_folder().join("meshlab")).args([what, "west", "kube-apiserver"])).ok();
    lab("pause");
    let begun = Instant::now();
    let (found, _) = offered(&kit, &folder, "mesh-failover expose --contexts east,west only");
    let took = begun.elapsed();
    lab("resume");
    assert_eq!(found, texts(&["only-east.sample"]));
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// A shell in a terminal with kubectl's completion in it; Ctrl-G prints the line that is being typed, since what a terminal shows of
/// it depends on the terminal, and takes it away.
struct Typing {
    screen: Screen,
}

impl Typing {
    /// None where the shell, or what its completion depends on, is not on this machine.
    fn start(kit: &Kit, folder: &Path, (needed, line, begin): (&str, &str, &str)) -> Option<Self> {
        if !Path::new(needed).exists() {
            eprintln!("not run: there is no {needed}");
            return None;
        }
        let mut screen = Screen::start(&mut command(kit, folder, "script"), line);
        screen.press(&format!("{begin}\n"));
        screen.press("echo be''gin\n");
        screen.await_text("begin", PATIENCE);
        Some(Self { screen })
    }

    /// Types this and TAB behind `kubectl`, and expects this line of it.
    #[track_caller]
    fn tab(&mut self, keys: &str, line: &str) {
        self.screen.press(&format!("kubectl {keys}\t\u{7}"));
        let shown = self.screen.await_text(&format!("[kubectl {line}]"), PATIENCE);
        assert!(!shown.contains("unknown option"), "an error of the shell's own: {shown}");
    }

    #[track_caller]
    fn what_all_shells_make_alike(&mut self) {
        self.tab("mesh-mc jo", "mesh-mc join ");
        self.tab("mesh-mc join --contexts ea", "mesh-mc join --contexts east");
        self.tab("mesh-mc join --contexts east,we", "mesh-mc join --contexts east,west ");
        self.tab("mesh-mc join --contexts=east,we", "mesh-mc join --contexts=east,west ");
        self.tab("mesh-failover expose hel", "mesh-failover expose helloworld.sample ");
        self.tab("mesh-failover regions set east=e", "mesh-failover regions set east=east-region ");
    }

    /// In zsh and fish, whose scripts take a dash before `=` for that of a flag.
    #[track_caller]
    fn both_halves_at_once(&mut self) {
        let east = "mesh-failover --contexts east regions set";
        self.tab(&format!("{east} ea"), &format!("{east} east=east-region "));
        self.tab(&format!("{LOCALITY} --failover ea"), &format!("{LOCALITY} --failover east-region=west-region"));
        let half = format!("{LOCALITY} --failover east-region=");
        self.tab(&half, &half);
    }
}

const LOCALITY: &str = "mesh-failover locality apply x";

#[test]
fn bash_completes_at_a_tab() {
    let Some((kit, folder)) = completed() else { return };
    let bash = (
        "/usr/share/bash-completion/bash_completion",
        "bash --noprofile --norc -i",
        "bind -x '\"\\C-g\": printf \"[%s]\\n\" \"$READLINE_LINE\"; READLINE_LINE='\n\
         . /usr/share/bash-completion/bash_completion; eval \"$(kubectl mesh-mc completion bash)\"",
    );
    let Some(mut bash) = Typing::start(&kit, &folder, bash) else { return };
    bash.what_all_shells_make_alike();
    bash.tab("mesh-mc join --contexts=ea", "mesh-mc join --contexts=east");
    for flag in ["--failover ", "--failover="] {
        bash.tab(&format!("{LOCALITY} {flag}ea"), &format!("{LOCALITY} {flag}east-region="));
        bash.tab(&format!("{LOCALITY} {flag}east-region="), &format!("{LOCALITY} {flag}east-region=west-region"));
    }
}

#[test]
fn zsh_completes_at_a_tab() {
    let Some((kit, folder)) = completed() else { return };
    let zsh = (
        "/usr/bin/zsh",
        "zsh -f -i",
        "show() { zle -I; print -r -- \"[$BUFFER]\"; BUFFER= }; zle -N show; bindkey -e; bindkey '^G' show; autoload -Uz compinit\n\
         compinit -u -D; eval \"$(kubectl mesh-mc completion zsh)\"",
    );
    let Some(mut zsh) = Typing::start(&kit, &folder, zsh) else { return };
    zsh.what_all_shells_make_alike();
    zsh.tab("mesh-mc join --contexts=ea", "mesh-mc join --contexts=east");
    zsh.both_halves_at_once();
    zsh.tab(&format!("{LOCALITY} --failover=ea"), &format!("{LOCALITY} --failover=east-region=west-region"));
    let half = format!("{LOCALITY} --failover=east-region=");
    zsh.tab(&half, &format!("{half}west-region"));
}

#[test]
fn fish_completes_at_a_tab() {
    let Some((kit, folder)) = completed() else { return };
    let fish = (
        "/usr/bin/fish",
        "fish --no-config --interactive",
        "set -g fish_autosuggestion_enabled 0; bind \\cg 'echo \"[\"(commandline)\"]\"; commandline -r \"\"'; kubectl mesh-mc completion fish | source",
    );
    let Some(mut fish) = Typing::start(&kit, &folder, fish) else { return };
    fish.what_all_shells_make_alike();
    fish.tab("mesh-mc join --contexts=ea", "mesh-mc join --contexts=east ");
    fish.both_halves_at_once();
    let half = format!("{LOCALITY} --failover=east-region=");
    fish.tab(&half, &format!("{half}west-region "));
}

#[test]
fn a_helper_can_be_run_by_everybody_and_is_written_by_its_owner_alone() {
    let Some((_kit, folder)) = completed() else { return };
    for name in ["kubectl_complete-mesh_mc", "kubectl_complete-mesh_failover"] {
        assert_eq!(folder.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
}
