//! A lab comes and goes without a trace, and no end of it, however rude, gets in the way of the next.
//!
//! Run: `cargo test -p mesh-tests --test lab_leaves_nothing`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use meshlab::Lab;
use meshlab::events::{self, What};
use meshlab::inventory::Inventory;
use meshlab::state::State;
use rustix::process::{Pid, Signal, kill_process};

/// Labs of one machine may run side by side; what one leaves must not be taken for the other's.
static MACHINE: Mutex<()> = Mutex::new(());

/// A lab of the test's own, and what the machine was like before it.
struct Machine {
    state: State,
    before: Inventory,
    _alone: MutexGuard<'static, ()>,
}

impl Machine {
    fn before(name: &str) -> Self {
        let alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        meshlab(&["build"]);
        let state = State::of(&format!("{name}-{}", std::process::id())).unwrap();
        Self { before: Inventory::take(&state).unwrap(), state, _alone: alone }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshlab"));
        command.args(["--id", self.state.id()]).args(arguments);
        command
    }

    #[track_caller]
    fn meshlab(&self, arguments: &[&str]) -> String {
        succeeded(&self.command(arguments).output().unwrap())
    }

    /// Begins to bring clusters up and kills the supervisor as soon as a thing is done.
    #[track_caller]
    fn kill_supervisor_when(&self, done: &str) {
        let began = events::now();
        let mut up = self.command(&["up", "--no-operator"]).stdout(Stdio::null()).spawn().unwrap();
        // What an earlier run told stands there until the new supervisor has swept.
        let is = |event: &events::Event| event.at >= began && event.what == What::Done(done.to_owned());
        until(done, || events::read(&self.state.events()).iter().any(is));
        kill(self.state.holder().unwrap().pid.unwrap(), Signal::KILL);
        assert!(!up.wait().unwrap().success(), "up says that a lab is Ready whose supervisor is dead");
    }

    #[track_caller]
    fn is_as_it_was(&self) {
        assert_eq!(self.before.differences(&Inventory::take(&self.state).unwrap()), Vec::<String>::new());
    }
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn meshlab(arguments: &[&str]) -> String {
    succeeded(&Command::new(env!("CARGO_BIN_EXE_meshlab")).args(arguments).output().unwrap())
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        sleep(Duration::from_millis(10));
    }
}

fn kill(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}

#[test]
fn the_machine_is_as_it_was_before_a_lab() {
    let machine = Machine::before("clean");
    machine.meshlab(&["up"]);
    let lab = Lab::open(machine.state.id()).unwrap();
    let kubectl = |arguments: &[&str]| succeeded(&lab.kubectl("east").args(arguments).output().unwrap());
    kubectl(&["create", "service", "loadbalancer", "door", "--tcp=80:80"]);
    kubectl(&["wait", "service/door", "--for=jsonpath={.status.loadBalancer.ingress[0].ip}=10.99.1.1"]);
    let kubeconfig = std::fs::read_to_string(lab.kubeconfig()).unwrap();
    let ports: Vec<u16> = kubeconfig
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server: https://127.0.0.1:"))
        .map(|port| port.parse().unwrap())
        .collect();
    assert_eq!(ports.len(), 2);
    assert!(ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()));
    assert_ne!(machine.before.differences(&Inventory::take(&machine.state).unwrap()), Vec::<String>::new());

    machine.meshlab(&["down"]);
    machine.is_as_it_was();
    assert!(ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()));
}

#[test]
fn a_supervisor_that_is_killed_in_the_middle_of_up_blocks_nothing() {
    let machine = Machine::before("killed");
    machine.kill_supervisor_when("certificates, ports and control groups made");
    machine.kill_supervisor_when("node set up");
    machine.kill_supervisor_when("node Ready");
    machine.meshlab(&["up", "--no-operator"]);
    machine.meshlab(&["down"]);
    machine.is_as_it_was();

    machine.kill_supervisor_when("API server answers");
    machine.meshlab(&["down"]);
    machine.is_as_it_was();
}

#[test]
fn an_up_that_is_interrupted_leaves_nothing() {
    let machine = Machine::before("interrupted");
    for signal in [Signal::INT, Signal::TERM] {
        let mut up = machine.command(&["up", "--no-operator"]).spawn().unwrap();
        until("a node is set up", || !events::read(&machine.state.events()).is_empty());
        kill(Pid::from_child(&up), signal);
        assert!(!up.wait().unwrap().success());
        machine.is_as_it_was();
    }
}

#[test]
fn a_lab_that_runs_is_not_touched_by_others_of_its_id() {
    let machine = Machine::before("taken");
    let clusters = ["--clusters", "east", "--api-only", "--no-operator"];
    machine.meshlab(&[&["up"], &clusters[..]].concat());
    let holder = machine.state.holder().unwrap().pid;
    machine.meshlab(&[&["up"], &clusters[..]].concat());
    for others in [&["up", "--api-only"][..], &["with", "--", "true"], &["with", "--api-only", "--", "true"]] {
        assert!(!machine.command(others).status().unwrap().success(), "{others:?}");
    }
    assert_eq!(machine.state.holder().unwrap().pid, holder);
    machine.meshlab(&["status"]);
    machine.meshlab(&["down"]);
    machine.is_as_it_was();
}

#[test]
fn two_that_begin_at_once_end_with_one_lab() {
    let machine = Machine::before("twice");
    let begin = || machine.command(&["up", "--clusters", "east", "--api-only", "--no-operator"]).spawn().unwrap();
    let codes = [begin(), begin()].map(|mut up| up.wait().unwrap().success());
    assert!(codes.contains(&true), "neither came up");
    machine.meshlab(&["status"]);
    machine.meshlab(&["down"]);
    machine.is_as_it_was();
}

/// `meshlab with`, whose lab's id is the number of its process.
struct With {
    process: Child,
    state: State,
    before: Inventory,
    _alone: MutexGuard<'static, ()>,
}

impl With {
    fn command(words: &[&str]) -> Self {
        let alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        meshlab(&["build"]);
        let nobody = State::of("with-nobody").unwrap();
        let before = Inventory::take(&nobody).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_meshlab"))
            .args(["with", "--clusters", "east", "--api-only", "--no-operator", "--"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let state = State::of(&format!("with-{}", process.id())).unwrap();
        Self { process, state, before, _alone: alone }
    }

    /// Waits until the command has written its first line.
    fn await_word(&mut self) -> String {
        use std::io::{BufRead, BufReader};
        let mut line = String::new();
        BufReader::new(self.process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    #[track_caller]
    fn end(mut self) -> ExitStatus {
        let status = self.process.wait().unwrap();
        // Who kills `with` itself is not waited for by the supervisor.
        until("the lab is gone", || self.state.holder().is_none() && !self.state.folder().exists());
        assert_eq!(self.before.differences(&Inventory::take(&self.state).unwrap()), Vec::<String>::new());
        status
    }
}

#[test]
fn a_command_with_a_lab_has_its_kubeconfig_and_programs_and_keeps_its_exit_code() {
    // kubectl keeps what it discovers at home, and on a new machine would leave that.
    let script = "export HOME=$(dirname $KUBECONFIG); kubectl --context east get namespace default -o name && \
                  test -x $MESHLAB_BIN/istioctl && test -n $MESHLAB_ID && exit 7";
    let mut with = With::command(&["sh", "-c", script]);
    assert_eq!(with.await_word(), "namespace/default");
    assert_eq!(with.end().code(), Some(7));
}

#[test]
fn a_lab_ends_with_its_command_however_that_ends() {
    let mut with = With::command(&["sh", "-c", "echo up; kill -9 $$"]);
    assert_eq!(with.await_word(), "up");
    assert_eq!(with.end().code(), Some(128 + 9));
}

#[test]
fn a_signal_reaches_the_command_and_the_lab_ends_after_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut with = With::command(&["sh", "-c", "trap 'exit 5' INT TERM; echo up; while :; do sleep 0.1; done"]);
        assert_eq!(with.await_word(), "up");
        kill(Pid::from_child(&with.process), signal);
        assert_eq!(with.end().code(), Some(5));
    }
}

#[test]
fn a_lab_ends_with_its_owner_even_when_that_is_killed() {
    let mut with = With::command(&["sh", "-c", "echo up; exec sleep 20"]);
    assert_eq!(with.await_word(), "up");
    kill(Pid::from_child(&with.process), Signal::KILL);
    assert_eq!(with.end().signal(), Some(9));
}
