//! Signals that ask a command to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the first SIGINT, SIGTERM or SIGHUP and returns its number. Where this machine gives no signals, waits for ever.
pub async fn first() -> i32 {
    tokio::select! {
        number = one(SignalKind::interrupt()) => number,
        number = one(SignalKind::terminate()) => number,
        number = one(SignalKind::hangup()) => number,
    }
}

async fn one(kind: SignalKind) -> i32 {
    if let Ok(mut signals) = signal(kind)
        && signals.recv().await.is_some()
    {
        return kind.as_raw_value();
    }
    std::future::pending().await
}
