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

/// How long work usually takes, given in seconds on two idle cores: as much as decides whether to wait for it.
pub(super) fn usually(seconds: u32) -> String {
    let length = if seconds < 100 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) };
    format!("usually {length} on 2 cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_usually_takes_is_said_in_seconds_or_in_minutes_that_it_does_not_exceed() {
        assert_eq!(usually(12), "usually 12 s on 2 cores");
        assert_eq!(usually(99), "usually 99 s on 2 cores");
        assert_eq!(usually(121), "usually 3 min on 2 cores");
    }
}
