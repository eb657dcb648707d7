//! A program that ran: how long, and how much memory it had at most.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What running a program cost.
pub(crate) struct Run {
    pub(crate) took: Duration,
    /// The most that it had resident, in KiB.
    pub(crate) peak: u64,
    pub(crate) output: Output,
}

/// Runs a program to its end. The kernel keeps the peak, so that looking now and then loses nothing but the last moment.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("{command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let watcher = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = fs::read_to_string(&status) {
            match high_water_mark(&text) {
                Some(seen) => peak = seen.max(peak),
                // It has ended and has not been reaped yet.
                None if peak > 0 => break,
                None => {}
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let output = child.wait_with_output()?;
    let took = begun.elapsed();
    let peak = watcher.join().unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(Run { took, peak, output })
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The middle one of an odd number of figures.
pub(crate) fn median<T: Copy + PartialOrd>(figures: &[T]) -> Option<T> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

/// KiB as MiB with one digit.
pub(crate) fn mebibytes(kibibytes: u64) -> String {
    let tenths = kibibytes * 10 / 1024;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
