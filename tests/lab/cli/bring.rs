//! The commands that bring labs up and down.

use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use super::Knobs;
use crate::Lab;
use crate::build;
use crate::preflight;
use crate::spec::{Balancer, Choice, Cluster, DOMAIN, Extent, Parts, SailVersion, Spec, check_name};
use crate::start::{self, Manner, tell};
use crate::state::State;

/// The clusters' addresses end with 11 and what follows.
const MOST_CLUSTERS: usize = 200;

pub(super) fn build() -> Result<()> {
    let built = build::build(&|line| tell(line))?;
    tell(&format!(
        "programs  {}\nimages    {}\nistio     {}",
        built.bin.display(),
        built.store.display(),
        built.istio.display()
    ));
    Ok(())
}

pub(super) fn up(id: &str, knobs: &Knobs, keep: bool) -> Result<()> {
    preflight::check_machine()?;
    let spec = spec(id, knobs)?;
    let state = State::of(id)?;
    if state.holder().is_some() {
        let there = state.spec().with_context(|| format!("lab {id} is just beginning or ending"))?;
        if there.clusters != spec.clusters {
            bail!("lab {id} runs already, with other clusters or knobs (meshlab down --id {id} ends it)");
        }
        runtime()?.block_on(start::await_ready(&state, &there))?;
        tell(&format!("lab {id} runs already: {} Ready", start::count(&there)));
    } else {
        preflight::check_watches(&spec)?;
        tell(&format!("lab {id}: {} in {}", names(&spec), state.folder().display()));
        let manner = if keep { Manner::Kept } else { Manner::Free };
        runtime()?.block_on(start::up(&spec, manner, &tell))?;
    }
    let flag = if id == "lab" { String::new() } else { format!(" --id {id}") };
    tell(&format!("`meshlab status{flag}` shows it, `meshlab down{flag}` ends it"));
    super::show::print(&format!("export KUBECONFIG={}\n", state.kubeconfig().display()))
}

pub(super) fn down(id: &str) -> Result<()> {
    let began = std::time::Instant::now();
    if start::down(&State::of(id)?)? {
        tell(&format!("lab {id} is gone after {:.1} s", began.elapsed().as_secs_f64()));
    } else {
        tell(&format!("lab {id} did not run"));
    }
    Ok(())
}

pub(super) fn rebuild(id: &str, cluster: &str) -> Result<()> {
    let began = std::time::Instant::now();
    Lab::open(id)?.rebuild(cluster)?;
    tell(&format!("cluster {cluster} is another after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

pub(super) fn with(id: Option<String>, knobs: &Knobs, words: &[String]) -> Result<ExitCode> {
    preflight::check_machine()?;
    // A lab of its own: one that runs already belongs to someone else.
    let id = id.unwrap_or_else(|| format!("with-{}", std::process::id()));
    let spec = spec(&id, knobs)?;
    preflight::check_watches(&spec)?;
    let state = State::of(&id)?;
    ensure!(state.holder().is_none(), "lab {id} runs already (meshlab down --id {id} ends it)");
    runtime()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tell(&format!("lab {id}: {} in {}", names(&spec), state.folder().display()));
        let started = start::up(&spec, Manner::Held, &tell).await?;
        let outcome = async {
            let (program, arguments) = words.split_first().context("no command was given")?;
            let mut child = tokio::process::Command::new(program)
                .args(arguments)
                .envs(environment(&spec, &state)?)
                .spawn()
                .with_context(|| format!("run {program}"))?;
            let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
            loop {
                let passed = tokio::select! {
                    status = child.wait() => return Ok(status?),
                    _ = interrupt.recv() => rustix::process::Signal::INT,
                    _ = terminate.recv() => rustix::process::Signal::TERM,
                    _ = hangup.recv() => rustix::process::Signal::HUP,
                };
                // A terminal has told the command itself.
                let told = passed == rustix::process::Signal::INT && std::io::stdin().is_terminal();
                if let Some(pid) = pid.filter(|_| !told) {
                    let _ = rustix::process::kill_process(pid, passed);
                }
            }
        };
        let outcome: Result<ExitStatus> = outcome.await;
        started.end(&state)?;
        Ok(code_of(outcome?))
    })
}

/// What a command learns of the lab.
fn environment(spec: &Spec, state: &State) -> Result<Vec<(&'static str, std::ffi::OsString)>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(spec.parts.bin.clone()).chain(std::env::split_paths(&path)))?;
    Ok(vec![
        ("KUBECONFIG", state.kubeconfig().into()),
        ("MESHLAB_ID", spec.id.clone().into()),
        ("MESHLAB_CACHE", state.root().into()),
        ("MESHLAB_BIN", spec.parts.bin.clone().into()),
        ("MESHLAB_ISTIO", spec.parts.istio.clone().into()),
        ("PATH", path),
    ])
}

/// The exit code that a shell would give.
pub(super) fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn names(spec: &Spec) -> String {
    spec.clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn spec(id: &str, knobs: &Knobs) -> Result<Spec> {
    let clusters = clusters(knobs)?;
    let built = build::build(&|line| tell(line)).context("build the parts of a cluster")?;
    let own = std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned();
    ensure!(
        clusters.iter().all(|cluster| cluster.sail.is_none()) || own.join("sail-stand-in").exists(),
        "sail-stand-in is not beside meshlab in {} (cargo build -p mesh-tests, or --no-operator)",
        own.display()
    );
    let sail_crds = match std::env::var_os("SAIL_CRDS").filter(|value| !value.is_empty()) {
        Some(folder) => {
            Some(std::fs::canonicalize(&folder).with_context(|| format!("SAIL_CRDS={}", folder.display()))?)
        }
        None => None,
    };
    Ok(Spec {
        id: id.to_owned(),
        clusters,
        parts: Parts { bin: built.bin, store: built.store, istio: built.istio, own },
        sail_crds,
        timeout: knobs.timeout,
    })
}

fn clusters(knobs: &Knobs) -> Result<Vec<Cluster>> {
    ensure!(knobs.clusters.len() <= MOST_CLUSTERS, "at most {MOST_CLUSTERS} clusters");
    let meant = |flags: &[String], name: &str| flags.iter().any(|flag| flag.is_empty() || flag == name);
    let flags = [
        &knobs.no_operator,
        &knobs.api_only,
        &knobs.recorded,
        &knobs.external_ip,
        &knobs.tls_front,
        &knobs.connect_proxy,
    ];
    let named = Choice::named(&knobs.sail_versions)
        .chain(Choice::named(&knobs.balancer))
        .chain(Choice::named(&knobs.cluster_domain))
        .chain(flags.into_iter().flatten().map(String::as_str).filter(|name| !name.is_empty()));
    for name in named {
        ensure!(
            knobs.clusters.iter().any(|cluster| cluster == name),
            "a knob names the cluster {name}, which is not asked for"
        );
    }
    let mut clusters: Vec<Cluster> = Vec::new();
    for (index, name) in (1u8..).zip(&knobs.clusters) {
        check_name("cluster", name)?;
        ensure!(clusters.iter().all(|other| other.name != *name), "cluster {name} is named twice");
        let sail = Choice::of(&knobs.sail_versions, name).unwrap_or(SailVersion::V1);
        let extent = match (meant(&knobs.recorded, name), meant(&knobs.api_only, name)) {
            (true, _) => Extent::Recorded,
            (false, true) => Extent::ApiOnly,
            (false, false) => Extent::Whole,
        };
        let external_ip = meant(&knobs.external_ip, name);
        let no_operator = meant(&knobs.no_operator, name);
        ensure!(!(extent == Extent::Recorded && no_operator), "{name}: a recorded cluster serves the Sail API");
        ensure!(
            extent == Extent::Whole || !external_ip,
            "{name}: a cluster without a node has no external address (--external-ip=CLUSTER is for one)"
        );
        clusters.push(Cluster {
            name: name.clone(),
            index,
            sail: (!no_operator).then_some(sail),
            balancer: Choice::of(&knobs.balancer, name).unwrap_or(Balancer::Ip),
            extent,
            external_ip,
            domain: Choice::of(&knobs.cluster_domain, name).map_or_else(|| DOMAIN.to_owned(), |domain| domain.0),
            tls_front: meant(&knobs.tls_front, name),
            connect_proxy: meant(&knobs.connect_proxy, name),
        });
    }
    Ok(clusters)
}
