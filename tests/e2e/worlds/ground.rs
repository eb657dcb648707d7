//! A world made, and what is run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meshlab::Lab;
use meshlab::node::components::Component;
use meshlab::node::control::Action;

use crate::catalogue;
use crate::format::{Command, Fact, Kind, Operator, World};
use crate::record::record;
use crate::support::Kit;
use crate::support::shell::{Ended, run};
use crate::verdict::Seen;

/// How long a fact may take to become true: gateways are found, endpoints pushed, statuses written.
const PATIENCE: Duration = Duration::from_secs(90);

/// Clusters, and where the files of one world are made.
pub(crate) struct Ground<'a> {
    kit: &'a Kit,
    lab: &'a Lab,
    world: &'a World,
    /// Files of this world alone.
    work: PathBuf,
}

impl<'a> Ground<'a> {
    pub(crate) fn of(kit: &'a Kit, lab: &'a Lab, world: &'a World) -> Self {
        let work = kit.home().join(&world.name);
        fs::create_dir_all(&work).expect("the home can be written to");
        Self { kit, lab, world, work }
    }

    /// Makes the world by its own file.
    ///
    /// # Errors
    /// What its manual's commands said where one of them failed.
    pub(crate) fn make(&self) -> Result<(), String> {
        if self.world.operator == Operator::None {
            self.remove_operator();
        }
        self.script("make.sh")
    }

    /// Takes away what does not go by deletion, and brings the operator back.
    ///
    /// # Errors
    /// What the world's own file for it said where it failed.
    pub(crate) fn unmake(&self) -> Result<(), String> {
        let ended = if self.folder().join("unmake.sh").exists() { self.script("unmake.sh") } else { Ok(()) };
        if self.world.operator == Operator::None {
            self.bring_operator_back();
        }
        ended
    }

    /// Waits until a fact is true.
    ///
    /// # Errors
    /// Why it is not, with what its judge said last.
    pub(crate) fn fact(&self, fact: &Fact) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let ended = self.bash(&format!(". \"$WORLDS/steps.sh\"\n{}", fact.run));
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let Some(why) = fact.objection(ended.code, &said) else { return Ok(()) };
            if Instant::now() >= end {
                return Err(format!("{why} in:\n{said}"));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Runs one of our commands.
    pub(crate) fn run(&self, command: &Command) -> Seen {
        let began = Timestamp::now();
        let ended = self.bash(&command.run);
        let clusters = self.kit.clusters();
        let writes = clusters.iter().flat_map(|cluster| {
            self.kit.writes(cluster, began).into_iter().map(move |write| format!("{cluster}: {write}"))
        });
        Seen { exit: ended.code, writes: writes.collect(), said: format!("{}{}", ended.stdout, ended.stderr) }
    }

    /// Keeps its objects for recorded worlds.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) fn record(&self) -> Result<(), String> {
        record(self.kit, &self.world.name, &catalogue::folder())
    }

    fn folder(&self) -> PathBuf {
        catalogue::folder().join(&self.world.name)
    }

    fn script(&self, name: &str) -> Result<(), String> {
        let file = self.folder().join(name).display().to_string();
        let ended = self.bash(&format!("exec bash '{file}'"));
        if ended.code == 0 { Ok(()) } else { Err(ended.to_string()) }
    }

    fn bash(&self, script: &str) -> Ended {
        let shared = self.kit.home().join("shared");
        fs::create_dir_all(&shared).expect("the home can be written to");
        let mut command = self.kit.command("bash");
        command
            .args(["-o", "pipefail", "-c", script])
            .current_dir(&self.work)
            .env("WORLDS", catalogue::folder())
            .env("WORLD", self.folder())
            .env("SHARED", shared)
            .env("KIND", if self.world.kind == Kind::Live { "live" } else { "recorded" })
            .env("APPLICATIONS", Path::new(env!("CARGO_MANIFEST_DIR")).join("demo"))
            .env("MESHLAB_ISTIO", &self.lab.spec().parts.istio);
        for (number, cluster) in (1..).zip(self.lab.clusters()) {
            command.env(format!("CTX_CLUSTER{number}"), &cluster.name);
            command.env(format!("API_CLUSTER{number}"), format!("https://{}:6443", cluster.address()));
        }
        run(&mut command)
    }

    /// A cluster in which nobody has ever installed the operator: neither it nor any CRD.
    fn remove_operator(&self) {
        for cluster in self.kit.clusters() {
            self.lab.supervise(cluster, Component::SailStandIn, Action::Pause).expect("the stand-in runs");
            let all = self.kit.kubectl(cluster, &["get", "crds", "-o", "name"]).ok();
            let istios: Vec<&str> =
                all.lines().filter(|name| name.ends_with(".istio.io") || name.ends_with(".sailoperator.io")).collect();
            if !istios.is_empty() {
                self.kit.kubectl(cluster, &[&["delete", "--timeout=60s"], &istios[..]].concat()).ok();
            }
        }
    }

    fn bring_operator_back(&self) {
        for cluster in self.kit.clusters() {
            // What the world made goes first: the operator would find CRDs that are not its own.
            let all = self.kit.kubectl(cluster, &["get", "crds", "-o", "name"]).ok();
            let istios: Vec<&str> = all.lines().filter(|name| name.ends_with(".istio.io")).collect();
            if !istios.is_empty() {
                self.kit.kubectl(cluster, &[&["delete", "--timeout=60s"], &istios[..]].concat()).ok();
            }
            self.lab.supervise(cluster, Component::SailStandIn, Action::Resume).expect("it was paused");
            self.lab.supervise(cluster, Component::SailStandIn, Action::Restart).expect("it runs");
            let crd = "crd/istios.sailoperator.io";
            crate::support::until("the Sail API is back", Duration::from_mins(1), || {
                let ended = self.kit.kubectl(cluster, &["wait", "--for=condition=Established", crd, "--timeout=20s"]);
                if ended.code == 0 { Ok(()) } else { Err(ended.to_string()) }
            });
        }
    }
}
