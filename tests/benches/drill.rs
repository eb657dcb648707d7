//! What a drill's figures are worth, and what it costs: `cargo test -p mesh-tests --bench drill`, or
//! `… -- --runs 5 --write docs/performance.md`.
//!
//! All drills run in one mesh of two clusters. What is true is said by access and audit logs.

#![allow(clippy::print_stderr)]

mod fresh;
mod measured;
mod page;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fresh::{CLUSTERS, Fresh, release};
use jiff::Timestamp;
use measured::{Run, mebibytes, median, run};
use meshlab::audit::Event;
use page::{Arguments, Row};
use serde_json::Value;

const SERVICE: &str = "helloworld.sample";
const URL: &str = "http://helloworld.sample:5000/hello";
const PLUGIN: &str = "kubectl-mesh-failover";
/// How long the seed's loop is run.
const LOOP: Duration = Duration::from_secs(10);
/// Nothing that is waited for takes longer. A proxy writes its log every ten seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every figure that was taken, by what it is of. Those without a unit of their own are milliseconds.
#[derive(Default)]
struct Figures {
    rate: Vec<f64>,
    one_by_one: Vec<f64>,
    behind_proxy: Vec<f64>,
    behind_server: Vec<f64>,
    took: Vec<Duration>,
    peak: Vec<u64>,
    fast_peak: Vec<u64>,
    east: Asked,
    west: Asked,
}

/// What was asked of a cluster, and how much of it was to change something.
#[derive(Default)]
struct Asked {
    requests: Vec<usize>,
    writes: Vec<usize>,
}

/// A lab whose clusters are a mesh in which helloworld fails over.
struct Mesh {
    fresh: Fresh,
    product: PathBuf,
}

/// A drill that ended well.
struct Drill {
    began: Timestamp,
    run: Run,
    report: Value,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mesh = Mesh::up(&release()?)?;
    let mut figures = Figures::default();
    for round in 1..=arguments.runs {
        eprintln!("round {round} of {}", arguments.runs);
        figures.take_a_round(&mesh)?;
    }
    arguments.tell("drill", &figures.rows()?)
}

impl Mesh {
    fn up(release: &Path) -> Result<Self> {
        let mesh = Self { fresh: Fresh::up()?, product: release.join("kubectl-mesh_failover") };
        mesh.fresh.join(&release.join("kubectl-mesh_mc"), &[])?;
        for (cluster, server) in [("east", "helloworld-v1"), ("west", "helloworld-v2")] {
            for name in ["client", server, "peer-log"] {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("demo/{name}.yaml"));
                run(mesh.fresh.lab.kubectl(cluster).arg("apply").arg("--filename").arg(file))?;
            }
            for name in ["curl", server] {
                let deployment = format!("deployment/{name}");
                let wait = ["rollout", "status", &deployment, "--namespace", "sample", "--timeout", "120s"];
                run(mesh.fresh.lab.kubectl(cluster).args(wait))?;
            }
        }
        let both = ["--contexts", CLUSTERS, "--yes"];
        run(mesh.product()?.args(["expose", SERVICE]).args(both))?;
        mesh.until_answered_by(&["v1", "v2"])?;
        let failover = ["--failover", "east-region=west-region,west-region=east-region"];
        run(mesh.product()?.args(["locality", "apply", SERVICE]).args(failover).args(both))?;
        mesh.until_answered_by(&["v1"])?;
        Ok(mesh)
    }

    fn product(&self) -> Result<Command> {
        self.fresh.command(&self.product)
    }

    /// A request from east's client, or several where the address says so to curl.
    fn ask(&self, address: &str) -> Result<Run> {
        let curl =
            ["exec", "--namespace", "sample", "deploy/curl", "--container", "curl", "--", "curl", "-sS", address];
        run(self.fresh.lab.kubectl("east").args(curl))
    }

    /// Waits until twenty answers in a row are of these versions and no others.
    fn until_answered_by(&self, versions: &[&str]) -> Result<()> {
        let wanted: BTreeSet<&str> = versions.iter().copied().collect();
        let begun = Instant::now();
        loop {
            let answers = String::from_utf8(self.ask(&format!("{URL}?[1-20]"))?.output.stdout)?;
            let found: BTreeSet<&str> =
                answers.split("version: ").skip(1).filter_map(|rest| rest.split(',').next()).collect();
            if found == wanted {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "not answered by {versions:?} alone:\n{answers}");
            sleep(Duration::from_millis(500));
        }
    }

    /// Requests per second of one `kubectl exec … curl` after the other.
    fn one_by_one(&self) -> Result<f64> {
        let (mut count, mut took) = (0.0, Duration::ZERO);
        while took < LOOP {
            took += self.ask(URL)?.took;
            count += 1.0;
        }
        Ok(count / took.as_secs_f64())
    }

    fn drill(&self, more: &[&str]) -> Result<Drill> {
        let began = Timestamp::now();
        let mut command = self.product()?;
        command.args(["drill", SERVICE, "--contexts", CLUSTERS, "--cluster", "east", "--fault", "scale-to-zero"]);
        command.args(["--from", "deploy/curl", "--path", "/hello", "--match", "version: v[0-9]"]);
        command.args(["--baseline", "5s", "--hold", "5s", "--no-report", "-o", "json", "--yes"]).args(more);
        let run = run(&mut command)?;
        let report = serde_json::from_slice(&run.output.stdout)?;
        Ok(Drill { began, run, report })
    }

    fn asked(&self, cluster: &str, drill: &Drill) -> Result<Vec<Event>> {
        self.fresh.asked(cluster, PLUGIN, drill.began)
    }

    /// When the proxy of west's server had the first of a drill's requests that it answered: its own time.
    fn first_in_west(&self, drill: &Drill) -> Result<Timestamp> {
        let run_of_drill = drill.report["experiment"]["run"].as_str().context("a report names its run")?;
        let told = format!(" 200 as mesh-failover/{run_of_drill} ");
        let logs = ["logs", "--namespace", "sample", "deploy/helloworld-v2", "--container", "istio-proxy", "--tail=-1"];
        let begun = Instant::now();
        loop {
            let log = String::from_utf8(run(self.fresh.lab.kubectl("west").args(logs))?.output.stdout)?;
            let mut lines = log.lines().filter(|line| line.contains(&told));
            if let Some(first) = lines.next() {
                let time = first.strip_prefix('[').and_then(|line| line.split(']').next());
                return time.with_context(|| format!("no time: {first}"))?.parse().context("the access log's time");
            }
            ensure!(begun.elapsed() < PATIENCE, "no{told}in the access log of west");
            sleep(Duration::from_secs(1));
        }
    }
}

impl Drill {
    /// The moment whose name begins so.
    fn moment(&self, name: &str) -> Result<Timestamp> {
        let all = self.report["moments"].as_array().context("a report has moments")?;
        let named = all.iter().find(|moment| moment["name"].as_str().is_some_and(|told| told.starts_with(name)));
        let at = named.and_then(|moment| moment["atMs"].as_f64()).with_context(|| format!("no moment {name}"))?;
        let started: Timestamp = self.report["started"].as_str().context("a report says when it began")?.parse()?;
        Ok(started + Duration::from_secs_f64(at / 1000.0))
    }
}

impl Asked {
    fn push(&mut self, events: &[Event]) {
        self.requests.push(events.len());
        self.writes.push(events.iter().filter(|event| event.is_mutating()).count());
    }

    fn text(&self) -> Result<String> {
        let requests = median(&self.requests).context("no figure")?;
        let writes = median(&self.writes).context("no figure")?;
        Ok(format!("{requests}, {writes}"))
    }
}

impl Figures {
    fn take_a_round(&mut self, mesh: &Mesh) -> Result<()> {
        self.one_by_one.push(mesh.one_by_one()?);
        eprintln!("  one after the other  {:6.1}/s", last(&self.one_by_one));

        let drill = mesh.drill(&["--rate", "500"])?;
        self.rate.push(drill.report["figures"]["rate"].as_f64().context("a report has a rate")?);
        self.fast_peak.push(drill.run.peak);
        eprintln!("  --rate 500           {:6.1}/s", last(&self.rate));

        let drill = mesh.drill(&[])?;
        self.took.push(drill.run.took);
        self.peak.push(drill.run.peak);
        eprintln!("  drill                {:6.1} s", drill.run.took.as_secs_f64());
        let (east, west) = (mesh.asked("east", &drill)?, mesh.asked("west", &drill)?);
        let fault = east.iter().find(|event| event.is_mutating() && event.resource == "deployments");
        let fault = fault.context("the audit log tells of no fault")?.at;
        self.behind_server.push(milliseconds(fault, drill.moment("fault accepted")?));
        eprintln!("  behind the server    {:6.1} ms", last(&self.behind_server));
        self.behind_proxy.push(milliseconds(mesh.first_in_west(&drill)?, drill.moment("first answer from ")?));
        eprintln!("  behind the proxy     {:6.1} ms", last(&self.behind_proxy));
        self.east.push(&east);
        self.west.push(&west);
        Ok(())
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let of = |figures: &[f64]| median(figures).context("no figure");
        let memory = |figures: &[u64]| median(figures).map(mebibytes).context("no figure");
        let took = median(&self.took).context("no figure")?;
        Ok(vec![
            ("requests per second of a drill, `--rate 500`", format!("{:.1}", of(&self.rate)?), ""),
            ("the same by `kubectl exec … curl`, one after the other", format!("{:.1}", of(&self.one_by_one)?), ""),
            (
                "first answer from elsewhere, behind the proxy",
                format!("{:.1} ms", of(&self.behind_proxy)?),
                "under 20 ms",
            ),
            ("accepted fault, behind the API server", format!("{:.1} ms", of(&self.behind_server)?), ""),
            ("a drill, all in all", format!("{:.1} s", took.as_secs_f64()), ""),
            ("peak memory", memory(&self.peak)?, ""),
            ("peak memory, `--rate 500`", memory(&self.fast_peak)?, ""),
            ("requests to the failed cluster, writes among them", self.east.text()?, ""),
            ("requests to the other cluster, writes among them", self.west.text()?, ""),
        ])
    }
}

fn last(figures: &[f64]) -> f64 {
    figures.last().copied().unwrap_or_default()
}

/// From a time to a later one.
fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}
