//! What a join costs, against the same by hand and against the clusters' own time: `cargo test -p mesh-tests --bench join`, or
//! `… -- --runs 5 --write docs/performance.md`.
//!
//! Every figure is the median of several runs, each in clusters that nothing has run in before. The ways take turns, so that
//! what slows the machine down meets all of them.

#![allow(clippy::print_stderr)]

mod floor;
mod fresh;
mod measured;
mod page;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fresh::{CLUSTERS, Fresh, release};
use jiff::Timestamp;
use measured::{mebibytes, median, run};
use page::{Arguments, Row};
use serde_json::Value;

/// Every figure that was taken, by what it is of.
#[derive(Default)]
struct Figures {
    join: Vec<Duration>,
    without_probe: Vec<Duration>,
    by_hand: Vec<Duration>,
    by_hand_with_probe: Vec<Duration>,
    floor: Vec<Duration>,
    again: Vec<Duration>,
    peak: Vec<u64>,
    requests: Vec<usize>,
    writes: Vec<usize>,
    help: Vec<Duration>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let product = release()?.join("kubectl-mesh_mc");
    let mut figures = Figures::default();
    for round in 1..=arguments.runs {
        eprintln!("round {round} of {}", arguments.runs);
        figures.take_a_round(&product)?;
    }
    for _ in 0..30 {
        figures.help.push(run(Command::new(&product).args(["join", "--help"]))?.took);
    }
    arguments.tell("join", &figures.rows(&product)?)
}

fn by_hand(fresh: &Fresh, startup_probe: bool) -> Result<Duration> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/by-hand.sh");
    let mut command = fresh.command(script)?;
    command.args(CLUSTERS.split(','));
    if startup_probe {
        command.env("STARTUP_PROBE", "1");
    }
    let run = run(&mut command)?;
    let said = String::from_utf8_lossy(&run.output.stdout);
    ensure!(said.matches("synced").count() == 4, "by hand, istiod does not see its peer:\n{said}");
    Ok(run.took)
}

fn own_time(fresh: &Fresh, product: &Path) -> Result<Duration> {
    let arguments = ["join", "--contexts", CLUSTERS, "-o", "json"];
    let manifests: Value = serde_json::from_slice(&run(fresh.command(product)?.args(arguments))?.output.stdout)?;
    let server = |cluster: &meshlab::spec::Cluster| format!("https://{}:6443", cluster.address());
    let servers: BTreeMap<String, String> =
        fresh.lab.clusters().iter().map(|cluster| (cluster.name.clone(), server(cluster))).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(floor::floor(&fresh.lab.kubeconfig(), &servers, &manifests))
}

impl Figures {
    fn take_a_round(&mut self, product: &Path) -> Result<()> {
        let tell = |what: &str, took: Duration| eprintln!("  {what:<28} {:6.1} s", took.as_secs_f64());

        let fresh = Fresh::up()?;
        let since = Timestamp::now();
        let join = fresh.join(product, &[])?;
        let asked = fresh.asked("east", "kubectl-mesh-mc", since)?;
        tell("join", join.took);
        self.join.push(join.took);
        self.peak.push(join.peak);
        self.requests.push(asked.len());
        self.writes.push(asked.iter().filter(|event| event.is_mutating()).count());
        let again = fresh.join(product, &[])?;
        tell("join again", again.took);
        self.again.push(again.took);
        drop(fresh);

        let took = Fresh::up()?.join(product, &["--no-probe"])?.took;
        tell("join --no-probe", took);
        self.without_probe.push(took);

        let took = own_time(&Fresh::up()?, product)?;
        tell("the clusters' own time", took);
        self.floor.push(took);

        let took = by_hand(&Fresh::up()?, false)?;
        tell("by hand", took);
        self.by_hand.push(took);

        let took = by_hand(&Fresh::up()?, true)?;
        tell("by hand, with our probe", took);
        self.by_hand_with_probe.push(took);
        Ok(())
    }

    fn rows(&self, product: &Path) -> Result<Vec<Row>> {
        let time = |figures: &[Duration]| median(figures).map(|took| took.as_secs_f64()).context("no figure");
        let count = |figures: &[usize]| median(figures).unwrap_or_default().to_string();
        let (join, by_hand, floor) = (time(&self.join)?, time(&self.by_hand)?, time(&self.floor)?);
        let size = fs::metadata(product)?.len();
        Ok(vec![
            ("`join` of two fresh clusters", format!("{join:.1} s"), ""),
            ("the same with `--no-probe`", format!("{:.1} s", time(&self.without_probe)?), ""),
            ("the same by hand", format!("{by_hand:.1} s"), "twice the time of `join` or more"),
            (
                "by hand, with our start-up probe for the gateways",
                format!("{:.1} s", time(&self.by_hand_with_probe)?),
                "",
            ),
            ("the clusters' own time", format!("{floor:.1} s"), ""),
            ("`join` against by hand", format!("{:.2}", join / by_hand), "0.5 or less"),
            ("`join` against the clusters' own time", format!("{:.2}", join / floor), "1.3 or less"),
            ("a second `join`", format!("{:.2} s", time(&self.again)?), "under 1 s"),
            ("requests to a cluster", count(&self.requests), ""),
            ("writes among them", count(&self.writes), ""),
            ("peak memory", mebibytes(median(&self.peak).unwrap_or_default()), "under 40 MiB"),
            ("`--help`", format!("{:.1} ms", time(&self.help)? * 1000.0), "under 10 ms"),
            ("binary, stripped", mebibytes(size / 1024), "under 15 MiB"),
        ])
    }
}
