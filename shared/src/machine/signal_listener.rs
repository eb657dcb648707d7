//! Signals that ask a command to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Waits for the first SIGINT, SIGTERM or SIGHUP and returns its number. Waits for ever if this machine gives no
/// signals.
pub async fn first() -> i32 {
    tokio::select! {
        number = one(SignalKind::interrupt()) => number,
        number = one(SignalKind::terminate()) => number,
        number = one(SignalKind::hangup()) => number,
    }
}

/// Receives every SIGINT, SIGTERM and SIGHUP from now on, by number. While the receiver lives, none of them ends the
/// process by itself: what must not be left half done is finished first.
pub fn every() -> mpsc::UnboundedReceiver<i32> {
    let (sender, receiver) = mpsc::unbounded_channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let sender = sender.clone();
        // Registered here and not in the task, so that a signal right after this call is not lost.
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if sender.send(kind.as_raw_value()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

async fn one(kind: SignalKind) -> i32 {
    if let Ok(mut signals) = signal(kind)
        && signals.recv().await.is_some()
    {
        return kind.as_raw_value();
    }
    std::future::pending().await
}
