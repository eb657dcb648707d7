//! Waits for a named state until the caller's deadline. At the deadline, each says what it was waiting for and what it
//! saw last.

mod control_plane;
mod gateway;
pub(crate) mod pod_trouble;
mod token;
mod workload;

pub use control_plane::{cni, control_plane};
pub use gateway::gateway_address;
pub use token::{service_account, token_filled};
pub use workload::{deployment_available, injection};

use std::time::Duration;

use tokio::time::Instant;

use super::api_fault::seconds;
use super::context::Cluster;
use crate::plugin::error::Error;
use crate::plugin::text::shortened;

/// Called with a few words whenever what is still missing changes.
pub type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);

/// How much of what is awaited fits a line of progress, in characters.
const ONE_LINE: usize = 80;

/// An operator's error or a pod that cannot start counts if it lasts this long: healthy installs show both for seconds.
const BEARABLE: Duration = Duration::from_secs(20);

/// How long trouble has lasted without a pause.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
    told: String,
}

impl Trouble {
    /// Whether this trouble has now lasted too long.
    fn lasts(&mut self, trouble: bool) -> bool {
        if !trouble {
            self.since = None;
            return false;
        }
        self.since.get_or_insert_with(Instant::now).elapsed() >= BEARABLE
    }

    /// Passes words on if they are new, cut to one line of progress.
    fn tell(&mut self, words: &str, progress: Progress<'_>) {
        if self.told != words {
            words.clone_into(&mut self.told);
            progress(shortened(words, ONE_LINE));
        }
    }
}

/// The error at a deadline.
fn late(cluster: &Cluster, awaited: &str, place: &str, since: Instant, last: String) -> Error {
    Error::failed(format!("{awaited} in {} took longer than {}", cluster.context, seconds(since.elapsed())))
        .at(format!("context {}, {place}", cluster.context))
        .because(last)
        .fix("run the same command again: it continues where it stopped; --timeout gives it more time")
}
