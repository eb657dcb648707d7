//! Live state of a few objects, kept by watches and judged again whenever one changes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{Stream, TryStreamExt};
use http::Request;
use kube::api::WatchEvent;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::api_fault::{Fault, clean_value};
use super::context::Cluster;
use super::request::{Call, items};
use crate::plugin::error::{Error, Result};

/// The API server ends a watch after this; it is then started again.
const WATCH_SECONDS: u32 = 290;
/// A judgement may depend on how long something lasts, so it is also made this often without any change.
const TICK: Duration = Duration::from_millis(500);
/// What looks done is judged once more after this: watches of several objects are not in step with each other.
const SETTLE: Duration = Duration::from_millis(50);

/// If watching is forbidden and listing is allowed, the list is read this often.
const POLL: Duration = Duration::from_millis(200);
/// A watch that says nothing for this long is begun again: a connection may be dead without anybody saying so.
const IDLE: Duration = Duration::from_secs(30);
/// An API server that restarts may not know anybody for a moment: credentials that it refuses for longer are refused.
const UNKNOWN: Duration = Duration::from_secs(10);
/// What keeps failing, such as a kind that is not served yet, is asked for at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One collection, or one object of it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: String,
    /// It only helps to explain: if it may not be read, it stays empty.
    optional: bool,
}

impl Source {
    /// One object of a collection.
    pub(crate) fn one(collection: &str, name: &str) -> Self {
        Self::at(format!("{collection}?fieldSelector=metadata.name%3D{name}"))
    }

    /// All objects of a collection with a label (`key=value`).
    pub(crate) fn labelled(collection: &str, key: &str, value: &str) -> Self {
        Self::at(format!("{collection}?labelSelector={}%3D{value}", key.replace('/', "%2F")))
    }

    /// All objects of a collection.
    pub(crate) fn all(collection: &str) -> Self {
        Self::at(format!("{collection}?"))
    }

    fn at(path: String) -> Self {
        Self { path, optional: false }
    }

    /// The same, for what only helps to explain.
    pub(crate) fn if_allowed(self) -> Self {
        Self { optional: true, ..self }
    }

    fn watch_path(&self) -> String {
        format!("{}&watch=true&timeoutSeconds={WATCH_SECONDS}", self.path)
    }
}

/// What a judgement says.
pub(crate) enum Verdict<T> {
    /// The awaited state is there.
    Done(T),
    /// Not yet; says what is missing.
    Wait(String),
    /// It never will be.
    Never(Error),
}

/// The objects of each source, in the order in which the sources were given.
pub(crate) type State = Vec<BTreeMap<String, Value>>;

enum Change {
    /// The source is read from its beginning.
    Begin,
    /// This is all that there is.
    All(BTreeMap<String, Value>),
    Put(String, Value),
    Remove(String),
    /// The source cannot be read, and never will be.
    Refused(Fault),
}

/// Watches the sources until the judgement is final.
///
/// # Errors
/// The judgement's own; a watch that is forbidden; the error that `late` makes of the last judgement at the deadline.
pub(crate) async fn until<T>(
    cluster: &Cluster,
    sources: &[Source],
    deadline: Instant,
    mut judge: impl FnMut(&State) -> Verdict<T>,
    late: impl FnOnce(String) -> Error,
) -> Result<T> {
    let (sender, mut changes) = mpsc::channel(64);
    let mut watches = JoinSet::new();
    for (index, source) in sources.iter().enumerate() {
        watches.spawn(follow(cluster.clone(), index, source.clone(), sender.clone()));
    }
    let mut state: State = vec![BTreeMap::new(); sources.len()];
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = String::from("it has not been seen");
    let mut settling: Option<Instant> = None;
    loop {
        let wake = settling.unwrap_or(deadline).min(deadline);
        tokio::select! {
            Some((index, change)) = changes.recv() => record(cluster, sources, &mut state, index, change)?,
            _ = tick.tick() => {}
            () = sleep_until(wake) => if Instant::now() >= deadline { return Err(late(last)) }
        }
        while let Ok((index, change)) = changes.try_recv() {
            record(cluster, sources, &mut state, index, change)?;
        }
        match judge(&state) {
            Verdict::Done(found) => match settling {
                Some(since) if Instant::now() >= since => return Ok(found),
                Some(_) => {}
                None => settling = Some(Instant::now() + SETTLE),
            },
            Verdict::Wait(missing) => {
                settling = None;
                last = missing;
            }
            Verdict::Never(error) => return Err(error),
        }
    }
}

fn record(cluster: &Cluster, sources: &[Source], state: &mut State, index: usize, change: Change) -> Result<()> {
    let Some(objects) = state.get_mut(index) else { return Ok(()) };
    match change {
        Change::Begin => objects.clear(),
        Change::All(all) => *objects = all,
        Change::Put(name, object) => {
            objects.insert(name, object);
        }
        Change::Remove(name) => {
            objects.remove(&name);
        }
        Change::Refused(fault) => {
            let path = sources.get(index).map(|source| source.path.clone()).unwrap_or_default();
            return Err(fault.into_error(cluster, &Call::get(path)));
        }
    }
    Ok(())
}

/// Reads a source for as long as anyone listens. A broken watch is started again: its first events are all that there
/// is.
async fn follow(cluster: Cluster, index: usize, source: Source, sender: mpsc::Sender<(usize, Change)>) {
    let mut watchable = true;
    let mut pause = Pause(POLL);
    let mut unknown_since: Option<Instant> = None;
    while !sender.is_closed() {
        let begun = Instant::now();
        let ended = if watchable {
            listen(&cluster, index, &source, &sender).await
        } else {
            look(&cluster, index, &source, &sender).await
        };
        if !matches!(&ended, Err(fault) if fault.code() == Some(401)) {
            unknown_since = None;
        }
        match ended {
            Err(fault)
                if fault.code() == Some(401)
                    && unknown_since.get_or_insert(begun).elapsed() < UNKNOWN
                    && cluster.tried_until().is_some() =>
            {
                sleep(pause.after(true)).await;
            }
            Err(fault) if fault.is_forbidden() && watchable => watchable = false,
            Err(fault) if fault.is_forbidden() && source.optional => return,
            // A credential plugin may prompt the user: it is not run again and again.
            Err(fault) if fault.is_forbidden() || fault.code() == Some(401) || fault.lacks_credentials() => {
                let _ = sender.send((index, Change::Refused(fault))).await;
                return;
            }
            // A watch that broke after living longer than any pause is not a failure in a row.
            ended => sleep(pause.after(ended.is_err() && begun.elapsed() < LONGEST_PAUSE)).await,
        }
    }
}

/// How long to wait before a source is read again: each failure in a row doubles it.
struct Pause(Duration);

impl Pause {
    fn after(&mut self, failed: bool) -> Duration {
        let now = if failed { self.0 } else { POLL };
        self.0 = if failed { (now * 2).min(LONGEST_PAUSE) } else { POLL };
        now
    }
}

/// Reads a source once.
async fn look(
    cluster: &Cluster,
    index: usize,
    source: &Source,
    sender: &mpsc::Sender<(usize, Change)>,
) -> Result<(), Fault> {
    let list = cluster.read(&Call::get(&source.path)).await?;
    let all = items(Some(list)).into_iter().map(|object| (name_of(&object), object)).collect();
    let _ = sender.send((index, Change::All(all))).await;
    Ok(())
}

async fn listen(
    cluster: &Cluster,
    index: usize,
    source: &Source,
    sender: &mpsc::Sender<(usize, Change)>,
) -> Result<(), Fault> {
    let broken = |text: &str| Fault::new(super::api_fault::Cause::Broken, text);
    let request = Request::get(source.watch_path()).body(Vec::new()).map_err(|error| broken(&error.to_string()))?;
    let opened = timeout(cluster.request_timeout, cluster.client.request_events::<Value>(request)).await;
    let events = opened.map_err(|_| broken("no answer"))?.map_err(|error| cluster.fault(&error))?;
    let mut events = std::pin::pin!(events);
    let listening = |change| async move { sender.send((index, change)).await.is_ok() };
    if !listening(Change::Begin).await {
        return Ok(());
    }
    while let Some(event) = next(&mut events, IDLE).await.map_err(|error| cluster.fault(&error))? {
        let change = match event {
            WatchEvent::Added(mut object) | WatchEvent::Modified(mut object) => {
                clean_value(&mut object);
                Change::Put(name_of(&object), object)
            }
            WatchEvent::Deleted(mut object) => {
                clean_value(&mut object);
                Change::Remove(name_of(&object))
            }
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => return Err(cluster.fault(&kube::Error::Api(status))),
        };
        if !listening(change).await {
            return Ok(());
        }
    }
    Ok(())
}

/// The next event; none at the end of the watch, and if nothing comes for too long.
async fn next<T, E>(events: &mut (impl Stream<Item = Result<T, E>> + Unpin), idle: Duration) -> Result<Option<T>, E> {
    timeout(idle, events.try_next()).await.unwrap_or(Ok(None))
}

fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
