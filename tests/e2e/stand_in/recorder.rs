//! What a client of the Sail API sees, event by event.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::select_all};
use kube::{
    Api, Client, Config,
    api::DynamicObject,
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
    runtime::watcher::{self, Event, watcher},
};
use serde_json::Value;

/// One event of one object.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) kind: &'static str,
    pub(crate) generation: i64,
    pub(crate) observed: Option<i64>,
    pub(crate) status: Value,
    pub(crate) is_deleting: bool,
    pub(crate) is_gone: bool,
}

impl Seen {
    pub(crate) fn state(&self) -> &str {
        self.status["state"].as_str().unwrap_or("None")
    }

    fn conditions(&self) -> impl Iterator<Item = &Value> {
        self.status["conditions"].as_array().into_iter().flatten()
    }

    /// The message of a condition.
    pub(crate) fn message(&self, condition: &str) -> &str {
        let mut found = self.conditions().filter(|c| c["type"] == condition);
        found.next().and_then(|c| c["message"].as_str()).unwrap_or_default()
    }

    /// Whether a condition is True.
    pub(crate) fn holds(&self, condition: &str) -> bool {
        self.conditions().any(|c| c["type"] == condition && c["status"] == "True")
    }

    /// As the recordings of the real operator have it: `gen 1 obs 1 Healthy; Reconciled=True, Ready=True`.
    pub(crate) fn line(&self) -> String {
        let conditions: Vec<String> = self
            .conditions()
            .map(|c| {
                let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
                let reason = if text("status") == "True" { String::new() } else { format!(" {}", text("reason")) };
                format!("{}={}{reason}", text("type"), text("status")).trim_end().to_owned()
            })
            .collect();
        let observed = self.observed.map_or_else(|| "none".into(), |observed| observed.to_string());
        format!("gen {} obs {observed} {}; {}", self.generation, self.state(), conditions.join(", "))
    }
}

/// Everything that was seen of the Sail resources of one cluster.
pub(crate) struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
}

const KINDS: [&str; 3] = ["Istio", "IstioRevision", "IstioCNI"];

impl Recorder {
    /// Begins to record what changes from now on.
    pub(crate) fn start(kubeconfig: PathBuf, context: &str, version: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (ready, begun) = mpsc::channel();
        let (context, version, log) = (context.to_owned(), version.to_owned(), Arc::clone(&seen));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(record(kubeconfig, context, version, log, ready));
        });
        for _ in KINDS {
            begun.recv_timeout(Duration::from_secs(30)).expect("the Sail API can be watched");
        }
        Self { seen }
    }

    fn log(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was seen so far.
    pub(crate) fn rewind(&self) {
        self.log().clear();
    }

    /// All events of a kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<Seen> {
        self.log().iter().filter(|seen| seen.kind == kind).cloned().collect()
    }

    /// The events of a kind as lines, each once.
    pub(crate) fn lines(&self, kind: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.of(kind).iter().map(Seen::line).collect();
        lines.dedup();
        lines
    }

    /// Waits for an event of a kind that is as described.
    #[track_caller]
    pub(crate) fn until(&self, kind: &str, what: &str, is: impl Fn(&Seen) -> bool) -> Seen {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            if let Some(found) = self.of(kind).into_iter().find(&is) {
                return found;
            }
            assert!(Instant::now() < end, "{kind} is never {what}; it was:\n{}", self.lines(kind).join("\n"));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asserts that the lines of a kind contain these, in this order, whatever is between them.
    #[track_caller]
    pub(crate) fn assert_in_order(&self, kind: &str, expected: &[&str]) {
        let lines = self.lines(kind);
        let mut rest = lines.iter();
        for wanted in expected {
            assert!(
                rest.any(|line| line == wanted),
                "{kind} is not in this order:\n{}\nbut was:\n{}",
                expected.join("\n"),
                lines.join("\n")
            );
        }
    }
}

async fn record(
    kubeconfig: PathBuf,
    context: String,
    version: String,
    log: Arc<Mutex<Vec<Seen>>>,
    ready: mpsc::Sender<()>,
) {
    let file = Kubeconfig::read_from(kubeconfig).expect("the lab's kubeconfig");
    let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(file, &options).await.expect("a context of the lab");
    let client = Client::try_from(config).expect("a client");
    let watches = KINDS.map(|kind| {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("sailoperator.io", &version, kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        watcher(api, watcher::Config::default()).map(move |event| (kind, event)).boxed()
    });
    let mut events = select_all(watches);
    while let Some((kind, event)) = events.next().await {
        let (object, is_gone) = match event {
            Ok(Event::Apply(object)) => (object, false),
            Ok(Event::Delete(object)) => (object, true),
            Ok(Event::InitDone) => {
                let _ = ready.send(());
                continue;
            }
            Ok(Event::Init | Event::InitApply(_)) | Err(_) => continue,
        };
        let status = object.data.get("status").cloned().unwrap_or_default();
        log.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
            at: Instant::now(),
            kind,
            generation: object.metadata.generation.unwrap_or_default(),
            observed: status["observedGeneration"].as_i64(),
            status,
            is_deleting: object.metadata.deletion_timestamp.is_some(),
            is_gone,
        });
    }
}
