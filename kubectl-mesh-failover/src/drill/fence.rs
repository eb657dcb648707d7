//! The fence between the fault and putting it back: which injecting requests may still be sent, and which of those sent
//! the API server may still carry out.
//!
//! Every injecting request passes it. Once it is shut, none does, so that no part of the fault is requested after the
//! first request of putting back. A request that was sent and not answered stays pending until the API server must have
//! dropped it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The longest that an API server works on a request: its flag `--request-timeout`, 1 minute by default
/// (kubernetes/apiserver pkg/server/config.go, `RequestTimeout`).
pub const API_SERVER_LIMIT: Duration = Duration::from_mins(1);

/// What is known of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// It was not made and will not be: no request was sent, or each was refused.
    NotMade,
    /// It was made, at least in part.
    Made,
    /// A request was sent and not answered: the change may have been made, or may be made until then.
    MayBeMade {
        /// The last moment at which the API server can carry the request out.
        until: Instant,
        /// How long it works on a request: if it was unavailable, it may start on one when it answers again.
        limit: Duration,
    },
}

/// The fence of one drill, over the changes of its record.
#[derive(Debug, Clone)]
pub struct Fence {
    state: Arc<Mutex<State>>,
    /// The client gives up on a request after this.
    request_timeout: Duration,
    /// The API server gives up on a request after this.
    limit: Duration,
    /// Nothing passes after this time of this machine's clock, which keeps running while the machine sleeps.
    deadline: Timestamp,
}

#[derive(Debug)]
struct State {
    shut: bool,
    changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    known: ChangeState,
    /// When the pending request was sent.
    sent: Option<Instant>,
}

impl Fence {
    /// A fence over this many changes that is open until `deadline`. The client gives up on each request after
    /// `request_timeout`.
    pub fn new(changes: usize, request_timeout: Duration, deadline: Timestamp) -> Self {
        let change = Change { known: ChangeState::NotMade, sent: None };
        let state = State { shut: false, changes: vec![change; changes] };
        Self { state: Arc::new(Mutex::new(state)), request_timeout, limit: API_SERVER_LIMIT, deadline }
    }

    /// The same for an API server that works on a request for this long.
    #[cfg(test)]
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Whether a request for a change may be sent now: the fence is open, and the deadline has not passed. If so, it
    /// counts as pending until [`Self::settle`].
    pub fn pass(&self, change: usize) -> bool {
        self.with(|state| {
            if state.shut || Timestamp::now() > self.deadline {
                return false;
            }
            state.changes[change].sent = Some(Instant::now());
            true
        })
    }

    /// The pending request for a change has come to a known end.
    pub fn settle(&self, change: usize, end: ChangeState) {
        self.with(|state| state.changes[change] = Change { known: end, sent: None });
    }

    /// The pending request for a change was not carried out; what was known of the change still holds.
    pub fn turned_away(&self, change: usize) {
        self.with(|state| state.changes[change].sent = None);
    }

    /// Closes the fence: no injecting request passes from now on.
    pub fn shut(&self) {
        self.with(|state| state.shut = true);
    }

    /// What is known of each change, in order.
    pub fn changes(&self) -> Vec<ChangeState> {
        let known = |change: &Change| match change.sent {
            Some(sent) => ChangeState::MayBeMade { until: sent + self.request_timeout + self.limit, limit: self.limit },
            None => change.known,
        };
        self.with(|state| state.changes.iter().map(known).collect())
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(changes: usize) -> Fence {
        Fence::new(changes, Duration::from_secs(10), Timestamp::MAX)
    }

    #[test]
    fn nothing_passes_after_the_deadline() {
        let over = Timestamp::now() - jiff::SignedDuration::from_secs(1);
        let fence = Fence::new(1, Duration::from_secs(10), over);
        assert!(!fence.pass(0));
        assert_eq!(fence.changes(), [ChangeState::NotMade]);
    }

    #[test]
    fn nothing_passes_a_fence_that_is_shut() {
        let fence = fence(2);
        assert!(fence.pass(0));
        fence.shut();
        assert!(!fence.pass(1));
        assert!(!fence.pass(0));
    }

    #[test]
    fn a_request_without_an_answer_stays_open_for_as_long_as_it_may_be_carried_out() {
        let fence = fence(3);
        let before = Instant::now();
        assert!(fence.pass(0) && fence.pass(1));
        fence.settle(0, ChangeState::Made);
        let all = fence.changes();
        assert_eq!((all[0], all[2]), (ChangeState::Made, ChangeState::NotMade));
        let ChangeState::MayBeMade { until, .. } = all[1] else { panic!("{all:?}") };
        assert!(until >= before + Duration::from_secs(70) && until <= Instant::now() + Duration::from_secs(70));
    }

    #[test]
    fn a_request_that_was_turned_away_leaves_what_was_known() {
        let fence = fence(1);
        assert!(fence.pass(0));
        fence.turned_away(0);
        assert_eq!(fence.changes(), [ChangeState::NotMade]);
    }
}
