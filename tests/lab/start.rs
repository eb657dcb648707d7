//! Bringing a lab up and down, seen from the one who asks: the supervisor is started, its events are shown, and what
//! went wrong is told with the end of the log that explains it.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::events::{self, Event, What};
use crate::leftovers::sweep;
use crate::spec::Spec;
use crate::state::{Holder, State, tail};

/// How often the events are looked at.
const PULSE: Duration = Duration::from_millis(50);
/// How much of a log explains what went wrong.
const TAIL: usize = 25;

/// A lab that was started by this process.
pub(crate) struct Started {
    supervisor: Child,
}

impl Started {
    /// Ends the lab and removes what is left of it. One of the same id that someone else began is not touched.
    pub(crate) fn end(mut self, state: &State) -> Result<()> {
        if self.supervisor.try_wait()?.is_none() {
            Holder { pid: Some(Pid::from_child(&self.supervisor)) }.end(Duration::from_secs(30))?;
            self.supervisor.wait()?;
        }
        // It may have been killed before it could clean up.
        if let Ok(lock) = state.lock()? {
            sweep(state, &lock)?;
            lock.remove()?;
        }
        Ok(())
    }
}

/// How a lab is brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It goes on by itself; one that fails is taken down.
    Free,
    /// The same, but one that fails stays to be looked at.
    Kept,
    /// It ends with the process that started it, however that ends.
    Held,
}

/// Starts the supervisor of a lab and returns when every cluster is Ready.
pub(crate) async fn up(spec: &Spec, manner: Manner, say: &dyn Fn(&str)) -> Result<Started> {
    let state = State::of(&spec.id)?;
    let began = Instant::now();
    let since = events::now();
    let mut started = Started { supervisor: start_supervisor(spec, manner == Manner::Held)? };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = follow(&state, spec, since, &mut started.supervisor, say) => outcome,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    if let Err(error) = outcome {
        let error = explain(&state, since, error);
        if manner == Manner::Kept && started.supervisor.try_wait()?.is_none() {
            bail!("{error:#}\nlab {} stays as it is (meshlab down --id {0} ends it)", spec.id);
        }
        started.end(&state)?;
        return Err(error);
    }
    say(&format!("{} Ready after {:.1} s", count(spec), began.elapsed().as_secs_f64()));
    Ok(started)
}

/// Waits for a lab that someone else has begun to bring up.
pub(crate) async fn await_ready(state: &State, spec: &Spec) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(spec.timeout);
    loop {
        let progress = Progress::of(&events::read(&state.events()), spec);
        match progress {
            Progress::Ready => return Ok(()),
            Progress::Failed(error) => return Err(anyhow::anyhow!(error)),
            Progress::Going if state.holder().is_none() => bail!("lab {} ended", state.id()),
            Progress::Going if Instant::now() > end => bail!("lab {} does not become Ready", state.id()),
            Progress::Going => tokio::time::sleep(PULSE).await,
        }
    }
}

/// Waits for clusters that are being made again: what was told of them before is of those that they were.
pub(crate) fn await_ready_since(state: &State, spec: &Spec, since: u64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(spec.timeout);
    loop {
        let mut events = events::read(&state.events());
        events.retain(|event| event.at >= since);
        match Progress::of(&events, spec) {
            Progress::Ready => return Ok(()),
            Progress::Failed(why) => bail!(why),
            Progress::Going if state.holder().is_none() => bail!("lab {} ended", state.id()),
            Progress::Going if Instant::now() > end => bail!("{} not Ready", count(spec)),
            Progress::Going => std::thread::sleep(PULSE),
        }
    }
}

/// `2 clusters`.
pub(crate) fn count(spec: &Spec) -> String {
    match spec.clusters.len() {
        1 => "1 cluster".to_owned(),
        more => format!("{more} clusters"),
    }
}

fn start_supervisor(spec: &Spec, held: bool) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("meshlab").args(["supervise", "--spec", &serde_json::to_string(spec)?]);
    if held {
        command.arg("--lifeline").stdin(Stdio::piped());
    } else {
        command.stdin(Stdio::null());
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).current_dir("/");
    command.spawn().context("start the supervisor")
}

/// Shows events until all clusters are Ready.
async fn follow(state: &State, spec: &Spec, since: u64, supervisor: &mut Child, say: &dyn Fn(&str)) -> Result<()> {
    let mut shown = 0;
    loop {
        let ended = supervisor.try_wait()?;
        let events: Vec<Event> = events::read(&state.events()).into_iter().filter(|event| event.at >= since).collect();
        for event in &events[shown..] {
            if let Some(line) = line(event, since, spec) {
                say(&line);
            }
        }
        shown = events.len();
        match Progress::of(&events, spec) {
            Progress::Ready => return Ok(()),
            Progress::Failed(why) => bail!(why),
            Progress::Going => {}
        }
        if let Some(status) = ended {
            let mut words = String::new();
            if let Some(mut stderr) = supervisor.stderr.take() {
                stderr.read_to_string(&mut words)?;
            }
            let words = words.trim().trim_start_matches("error: ");
            bail!("{}", if words.is_empty() { format!("the supervisor ended: {status}") } else { words.to_owned() });
        }
        tokio::time::sleep(PULSE).await;
    }
}

/// How far a lab is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// On its way.
    Going,
    /// All clusters are Ready.
    Ready,
    /// One will not be.
    Failed(String),
}

impl Progress {
    /// What the events say.
    pub(crate) fn of(events: &[Event], spec: &Spec) -> Self {
        let of = |name: &str| {
            let name = name.to_owned();
            events.iter().filter(move |event| event.cluster.as_deref() == Some(&name))
        };
        for event in events {
            if let What::Failed { why, .. } = &event.what {
                let place = event.cluster.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
                return Self::Failed(format!("{place}{why}"));
            }
        }
        let ready = |name: &str| of(name).any(|event| event.what == What::Ready);
        if spec.clusters.iter().all(|cluster| ready(&cluster.name)) { Self::Ready } else { Self::Going }
    }
}

fn line(event: &Event, since: u64, spec: &Spec) -> Option<String> {
    let what = match &event.what {
        What::Done(what) => what.clone(),
        What::Ready => "Ready".to_owned(),
        What::Ended { component, how } => format!("{component} ended: {how}"),
        What::Failed { .. } => return None,
    };
    let seconds = Duration::from_millis(event.at.saturating_sub(since)).as_secs_f64();
    let width = spec.clusters.iter().map(|cluster| cluster.name.len()).max().unwrap_or(0);
    Some(format!("{seconds:5.1} s  {:width$}  {what}", event.cluster.as_deref().unwrap_or("")))
}

/// Adds the end of the log of what failed.
fn explain(state: &State, since: u64, error: anyhow::Error) -> anyhow::Error {
    let mut events = events::read(&state.events()).into_iter().filter(|event| event.at >= since).peekable();
    if events.peek().is_none() {
        // The lab never began; what is there belongs to another.
        return error;
    }
    let failed = events.find_map(|event| match event.what {
        What::Failed { log, .. } => Some((event.cluster, log)),
        _ => None,
    });
    let path = match failed {
        Some((Some(cluster), log)) => state.cluster(&cluster).join(log.unwrap_or_else(|| "node.log".into())),
        _ => state.folder().join("lab.log"),
    };
    let tail = tail(&path, TAIL);
    if tail.is_empty() {
        return error;
    }
    anyhow::anyhow!("{error:#}\nthe end of {}:\n{tail}", path.display())
}

/// Ends a lab and removes what is left of it. Says whether there was one.
pub(crate) fn down(state: &State) -> Result<bool> {
    let mut ran = false;
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        match state.lock()? {
            Ok(lock) => {
                ran |= state.folder().exists();
                sweep(state, &lock)?;
                lock.remove()?;
                return Ok(ran);
            }
            Err(holder) => {
                ran = true;
                holder.end(Duration::from_secs(30))?;
                if Instant::now() > end {
                    bail!("someone brings lab {} up again and again", state.id());
                }
                // Between its lock and its number, or between its end and the kernel's.
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Writes one line for people.
pub(crate) fn tell(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{line}");
}
