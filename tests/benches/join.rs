//! What a join costs, against the same by hand and against the clusters' own time: `cargo test -p mesh-tests --bench join`, or
//! `… -- --runs 5 --write docs/performance.md`.
//!
//! Every figure is the median of several runs, each in clusters that nothing has run in before. The ways take turns, so that
//! what slows the machine down meets all of them.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod floor;
mod measured;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use jiff::Timestamp;
use measured::{Run, median, run};
use meshlab::Lab;
use serde_json::Value;

/// What a join costs.
#[derive(Parser)]
struct Arguments {
    /// How often each way is measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The page whose table is written anew.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

const CLUSTERS: &str = "east,west";
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

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
    let product = build()?;
    let mut figures = Figures::default();
    for round in 1..=arguments.runs {
        eprintln!("round {round} of {}", arguments.runs);
        figures.take_a_round(&product)?;
    }
    for _ in 0..30 {
        figures.help.push(run(Command::new(&product).args(["join", "--help"]))?.took);
    }
    let table = figures.table(&product, arguments.runs)?;
    println!("{table}");
    if let Some(page) = arguments.write {
        write(&page, &table)?;
    }
    Ok(())
}

/// The product as it is released.
fn build() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "--release", "-p", "kubectl-mesh-mc"]).status()?;
    ensure!(status.success(), "the product was not built");
    Ok(own_folder()?.with_file_name("release").join("kubectl-mesh_mc"))
}

/// The folder of `meshlab`, built as this program is. Only the product has to be as it is released.
fn own_folder() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_BIN_EXE_meshlab")).parent().context("meshlab is in no folder")?.to_owned())
}

/// A lab that is taken down whatever comes.
struct Fresh {
    lab: Lab,
    home: tempfile::TempDir,
}

impl Fresh {
    fn up() -> Result<Self> {
        let home = tempfile::tempdir()?;
        meshlab(&["up", "--clusters", CLUSTERS])?;
        Ok(Self { lab: Lab::open(&id())?, home })
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.lab.bin().to_owned()).chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.lab.kubeconfig()).env("XDG_DATA_HOME", self.home.path());
        command.env("PATH", std::env::join_paths(folders)?);
        Ok(command)
    }

    fn join(&self, product: &Path, more: &[&str]) -> Result<Run> {
        run(self.command(product)?.args(["join", "--contexts", CLUSTERS, "--yes"]).args(more))
    }

    fn by_hand(&self, startup_probe: bool) -> Result<Duration> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/by-hand.sh");
        let mut command = self.command(script)?;
        command.args(CLUSTERS.split(','));
        if startup_probe {
            command.env("STARTUP_PROBE", "1");
        }
        let run = run(&mut command)?;
        let said = String::from_utf8_lossy(&run.output.stdout);
        ensure!(said.matches("synced").count() == 4, "by hand, istiod does not see its peer:\n{said}");
        Ok(run.took)
    }

    fn floor(&self, product: &Path) -> Result<Duration> {
        let arguments = ["join", "--contexts", CLUSTERS, "-o", "json"];
        let manifests: Value = serde_json::from_slice(&run(self.command(product)?.args(arguments))?.output.stdout)?;
        let server = |cluster: &meshlab::spec::Cluster| format!("https://{}:6443", cluster.address());
        let servers: BTreeMap<String, String> =
            self.lab.clusters().iter().map(|cluster| (cluster.name.clone(), server(cluster))).collect();
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(floor::floor(&self.lab.kubeconfig(), &servers, &manifests))
    }

    /// How much was asked of a cluster, and how much of it was to change something.
    fn requests(&self, since: Timestamp) -> Result<(usize, usize)> {
        let mut events = self.lab.audit_since("east", since)?;
        events.retain(|event| event.user_agent.starts_with("kubectl-mesh-mc/"));
        Ok((events.len(), events.iter().filter(|event| event.is_mutating()).count()))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Err(error) = meshlab(&["down"]) {
            eprintln!("{error:#}");
        }
    }
}

fn id() -> String {
    format!("bench-{}", std::process::id())
}

fn meshlab(words: &[&str]) -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_meshlab")).args(words).args(["--id", &id()]).output()?;
    ensure!(output.status.success(), "meshlab {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

impl Figures {
    fn take_a_round(&mut self, product: &Path) -> Result<()> {
        let tell = |what: &str, took: Duration| eprintln!("  {what:<28} {:6.1} s", took.as_secs_f64());

        let fresh = Fresh::up()?;
        let since = Timestamp::now();
        let join = fresh.join(product, &[])?;
        let (requests, writes) = fresh.requests(since)?;
        tell("join", join.took);
        self.join.push(join.took);
        self.peak.push(join.peak);
        self.requests.push(requests);
        self.writes.push(writes);
        let again = fresh.join(product, &[])?;
        tell("join again", again.took);
        self.again.push(again.took);
        drop(fresh);

        let took = Fresh::up()?.join(product, &["--no-probe"])?.took;
        tell("join --no-probe", took);
        self.without_probe.push(took);

        let took = Fresh::up()?.floor(product)?;
        tell("the clusters' own time", took);
        self.floor.push(took);

        let took = Fresh::up()?.by_hand(false)?;
        tell("by hand", took);
        self.by_hand.push(took);

        let took = Fresh::up()?.by_hand(true)?;
        tell("by hand, with our probe", took);
        self.by_hand_with_probe.push(took);
        Ok(())
    }

    fn table(&self, product: &Path, runs: usize) -> Result<String> {
        let time = |figures: &[Duration]| median(figures).map(|took| took.as_secs_f64()).context("no figure");
        let (join, by_hand, floor) = (time(&self.join)?, time(&self.by_hand)?, time(&self.floor)?);
        let size = fs::metadata(product)?.len();
        let rows = [
            ("`join` of two fresh clusters".to_owned(), format!("{join:.1} s"), String::new()),
            ("the same with `--no-probe`".into(), format!("{:.1} s", time(&self.without_probe)?), String::new()),
            ("the same by hand".into(), format!("{by_hand:.1} s"), "twice the time of `join` or more".into()),
            (
                "by hand, with our start-up probe for the gateways".into(),
                format!("{:.1} s", time(&self.by_hand_with_probe)?),
                String::new(),
            ),
            ("the clusters' own time".into(), format!("{floor:.1} s"), String::new()),
            ("`join` against by hand".into(), format!("{:.2}", join / by_hand), "0.5 or less".into()),
            ("`join` against the clusters' own time".into(), format!("{:.2}", join / floor), "1.3 or less".into()),
            ("a second `join`".into(), format!("{:.2} s", time(&self.again)?), "under 1 s".into()),
            ("requests to a cluster".into(), median(&self.requests).unwrap_or_default().to_string(), String::new()),
            ("writes among them".into(), median(&self.writes).unwrap_or_default().to_string(), String::new()),
            ("peak memory".into(), mebibytes(median(&self.peak).unwrap_or_default()), "under 40 MiB".into()),
            ("`--help`".into(), format!("{:.1} ms", time(&self.help)? * 1000.0), "under 10 ms".into()),
            ("binary, stripped".into(), mebibytes(size / 1024), "under 15 MiB".into()),
        ];
        let mut table = format!("{}; medians of {runs}\n\n| what | measured | goal |\n|---|---|---|\n", machine()?);
        for (what, measured, goal) in rows {
            let _ = writeln!(table, "| {what} | {measured} | {goal} |");
        }
        Ok(table)
    }
}

/// KiB as MiB with one digit.
fn mebibytes(kibibytes: u64) -> String {
    let tenths = kibibytes * 10 / 1024;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
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
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
    ))
}

/// Puts the table between its two marks.
fn write(page: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let (Some((before, _)), Some((_, after))) = (text.split_once(BEGIN), text.split_once(END)) else {
        bail!("{} has no place for the figures: {BEGIN} … {END}", page.display());
    };
    fs::write(page, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}
