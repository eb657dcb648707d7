//! Puts back what a record says was changed: by the drill itself, and by `drill recover` from anywhere.

use std::time::Duration;

use mesh_shared::cluster::apply::{delete, get};
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::kinds::Target;
use mesh_shared::error::{Error, Result};
use mesh_shared::run::change::carry_out;
use tokio::time::{Instant, sleep};

use super::record::{self, Changed, Record};
use super::recording::PutBack;
use super::restore::{self, Decision};
use crate::cli::MANAGER;

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Puts back every change that is still the drill's, and reads back what stands then. A cluster that cannot be reached is tried
/// again until the deadline. `told` is called with what is in the way.
pub async fn put_back(
    cluster: &Cluster,
    record: &Record,
    deadline: Instant,
    told: &(dyn Fn(String) + Send + Sync),
) -> Vec<PutBack> {
    let mut all = Vec::new();
    for changed in &record.changed {
        all.push(one(cluster, record, changed, deadline, told).await);
    }
    all
}

async fn one(
    cluster: &Cluster,
    record: &Record,
    changed: &Changed,
    deadline: Instant,
    told: &(dyn Fn(String) + Send + Sync),
) -> PutBack {
    let (mut pause, mut said) = (PAUSE, String::new());
    loop {
        match attempt(cluster, record, changed).await {
            Ok(done) => return done,
            Err(error) if Instant::now() + pause < deadline => {
                let words = format!("putting back is tried again: {error}");
                if words != said {
                    told(words.clone());
                    said = words;
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => {
                let unknown = restore::told(record, changed, None);
                return PutBack {
                    after: "unknown".into(),
                    restored: false,
                    fault: Some(format!("it could not be put back in time: {error}")),
                    ..unknown
                };
            }
        }
    }
}

async fn attempt(cluster: &Cluster, record: &Record, changed: &Changed) -> Result<PutBack> {
    let target = changed.target()?;
    let live = get(cluster, &target).await?;
    let Decision::Restore(write) = restore::decide(record, changed, live.as_ref()) else {
        return Ok(restore::told(record, changed, live.as_ref()));
    };
    // A conflict is somebody else's change just now: the next attempt sees it.
    carry_out(cluster, &write, MANAGER).await?;
    let live = get(cluster, &target).await?;
    if matches!(restore::decide(record, changed, live.as_ref()), Decision::Restore(_)) {
        return Err(Error::failed(format!("{} is not yet as it was", target.key)).fix("see who else changes it"));
    }
    Ok(restore::told(record, changed, live.as_ref()))
}

/// Deletes the record of a drill whose changes are settled.
///
/// # Errors
/// Where the API server does not answer, or another record stands there by now.
pub async fn close(cluster: &Cluster, record: &Record, uid: &str) -> Result<()> {
    let key = record::place(&record.service);
    delete(cluster, &Target::new(&key.kind, &key.namespace, &key.name)?, Some(uid)).await.map(|_| ())
}

/// The line that puts back what a drill left, from any machine.
pub fn recover_line(record: &Record, context: &str) -> String {
    format!("kubectl mesh-failover drill recover {} --contexts {context}", record.service)
}
