//! A benchmark's command line, and the page that its table goes to.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;

/// Measures, and prints a table.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// How often each figure is taken.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// The page whose table is rewritten.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was measured, its figure, and the goal.
pub(crate) type Row = (&'static str, String, &'static str);

impl Arguments {
    /// Prints the table of a benchmark, such as `join`, and writes it where that was asked for.
    #[expect(clippy::print_stdout, reason = "the table is what a benchmark is run for")]
    pub(crate) fn tell(&self, benchmark: &str, rows: &[Row]) -> Result<()> {
        let mut table =
            format!("{}; medians of {}\n\n| what | measured | goal |\n|---|---|---|\n", machine()?, self.runs);
        for (what, measured, goal) in rows {
            let _ = writeln!(table, "| {what} | {measured} | {goal} |");
        }
        println!("{table}");
        self.write.as_ref().map_or(Ok(()), |page| write(page, benchmark, &table))
    }
}

/// What the figures depend on.
fn machine() -> Result<String> {
    let processors = std::thread::available_parallelism()?;
    let model = fs::read_to_string("/proc/cpuinfo")?;
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
        .context("no MemTotal")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "Measured on {processors} cores ({}), {} GiB, Linux {}, load {} at the end",
        model.trim_start_matches([':', '\t', ' ']),
        memory.div_ceil(1_048_576),
        kernel.trim().split('-').next().unwrap_or_default(),
        load.split(' ').next().unwrap_or_default(),
    ))
}

/// Puts a benchmark's table between its two marks.
fn write(page: &Path, benchmark: &str, table: &str) -> Result<()> {
    let (begin, end) = (format!("<!-- bench {benchmark}: begin -->"), format!("<!-- bench {benchmark}: end -->"));
    let text = fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let (Some((before, _)), Some((_, after))) = (text.split_once(&begin), text.split_once(&end)) else {
        bail!("{} has no place for the figures: {begin} … {end}", page.display());
    };
    fs::write(page, format!("{before}{begin}\n{table}{end}{after}"))?;
    Ok(())
}
