//! What a build says: each part when it is done, and what it took.

use std::time::Instant;

use anyhow::{Context, Result};

/// Takes one line at a time, from any thread.
pub type Say<'a> = dyn Fn(&str) + Sync + 'a;

/// Runs a piece of work and says how long it took.
pub(super) fn timed<T>(say: &Say<'_>, part: &str, done: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work().with_context(|| format!("{part} could not be {done}"))?;
    say(&format!("{part:<12} {done} in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(result)
}
