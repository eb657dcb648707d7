//! Command-line arguments of a drill.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mesh_shared::cluster::connection_arguments::parse_duration;
use mesh_shared::plugin::arguments::{ConsentArguments, ReportFormat};
use mesh_shared::plugin::did_you_mean::near;
use mesh_shared::plugin::error::{Error, Result};
use regex_lite::Regex;

use crate::drill::faults;
use crate::drill::faults::Fault;
use crate::mesh::arguments::ServiceArguments;

/// A drill.
#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub service: ServiceArguments,
    #[arg(
        long,
        value_name = "FAULT",
        value_parser = faults::parse,
        help = faults::usage(),
        long_help = format!("{}\n\n{}", faults::usage(), faults::help())
    )]
    pub fault: Fault,
    /// Cluster in which to fail the service
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: String,
    /// Client workload, such as deploy/curl
    ///
    /// The requests are sent from its container, which needs curl.
    #[arg(long, value_name = "WORKLOAD")]
    pub from: String,
    /// Namespace of the client
    ///
    /// Defaults to the service's namespace.
    #[arg(long, value_name = "NAMESPACE")]
    pub from_namespace: Option<String>,
    /// Cluster of the client
    ///
    /// Defaults to the cluster that is failed.
    #[arg(long, value_name = "CLUSTER")]
    pub from_cluster: Option<String>,
    /// Container of the client that has curl
    ///
    /// Defaults to its first container.
    #[arg(long, value_name = "NAME")]
    pub from_container: Option<String>,
    /// Port of the service, by number or name
    ///
    /// Required if the service has several.
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    #[command(flatten)]
    pub traffic: TrafficArguments,
    #[command(flatten)]
    pub hypothesis: HypothesisArguments,
    #[command(flatten)]
    pub begin: BeginArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}

/// The requests to send.
#[derive(Debug, Args)]
#[command(next_help_heading = "Traffic")]
pub struct TrafficArguments {
    /// Path to request
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = parse_path)]
    pub path: String,
    /// Pattern that shows who answered
    ///
    /// Without it, the client proxy's counters are used, which are coarser.
    #[arg(long = "match", value_name = "REGEX", value_parser = parse_pattern)]
    pub pattern: Option<Regex>,
    /// Requests per second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub rate: u32,
    /// How long to watch before the fault
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub baseline: Duration,
    /// How long to hold the failover
    ///
    /// The fault stays this long once traffic has failed over.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub hold: Duration,
}

/// What has to hold for the drill to pass.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hypothesis")]
pub struct HypothesisArguments {
    /// Success rate before the fault
    ///
    /// Percentage of the baseline's requests that must at least succeed.
    #[arg(long, value_name = "PERCENT", default_value_t = 99.0, value_parser = parse_percent)]
    pub min_success: f64,
    /// Share of the failover target
    ///
    /// Percentage of the requests that it must at least answer once traffic has failed over.
    #[arg(long, value_name = "PERCENT", default_value_t = 99.0, value_parser = parse_percent)]
    pub min_failover: f64,
    /// Maximum time to fail over
    ///
    /// Counted from the first effect of the fault.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub failover_within: Duration,
    /// Maximum time to fail back after the fault
    ///
    /// Until traffic is split as in the baseline. Defaults to the longest time that an ejection can last; to at least 1m
    /// after scaling to zero, since pods have to start.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub failback_within: Option<Duration>,
    /// Stop after this many failed requests
    ///
    /// Everything is put back in this case, too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_errors: Option<u64>,
}

/// Whether the drill may begin, and how far it may go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Write")]
pub struct BeginArguments {
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// The service's name, instead of typing it
    #[arg(long, value_name = "SERVICE")]
    pub confirm: Option<String>,
    /// Scale workloads that a controller manages
    ///
    /// KEDA or a GitOps controller may restore the replicas during the drill.
    #[arg(long)]
    pub allow_owner: bool,
    /// How long to retry putting back
    ///
    /// If the cluster does not answer.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_duration)]
    pub restore_timeout: Duration,
}

/// What is written at the end.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ReportArguments {
    /// text or json
    ///
    /// How the result is printed; docs/drills.md describes every field of the JSON.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text, hide_possible_values = true)]
    pub output: ReportFormat,
    /// File for the HTML page
    ///
    /// Defaults to drill-SERVICE-TIME.html in the current directory.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write no HTML page
    #[arg(long, conflicts_with = "report")]
    pub no_report: bool,
}

/// Short names of the kinds that a client may have.
const KINDS: [&str; 5] = ["deploy", "sts", "ds", "rs", "pod"];

/// Kind of a client workload, as Kubernetes writes it, and its name.
///
/// # Errors
/// A usage error if it is not written as kubectl does.
pub fn workload(text: &str) -> Result<(&'static str, &str)> {
    let wrong = || {
        let (kind, name) = text.split_once('/').unwrap_or((text, "NAME"));
        // The kind alone: a long name behind it would make any two texts similar.
        let meant: Vec<String> = near(kind, KINDS).iter().map(|short| format!("{short}/{name}")).collect();
        Error::usage(format!("--from {text:?} is not a workload"))
            .asking(&meant)
            .fix("write it as deploy/NAME, sts/NAME, ds/NAME, rs/NAME or pod/NAME")
    };
    let (kind, name) = text.split_once('/').ok_or_else(wrong)?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "deploy" | "deployment" | "deployments" | "deployment.apps" => "Deployment",
        "sts" | "statefulset" | "statefulsets" | "statefulset.apps" => "StatefulSet",
        "ds" | "daemonset" | "daemonsets" | "daemonset.apps" => "DaemonSet",
        "rs" | "replicaset" | "replicasets" | "replicaset.apps" => "ReplicaSet",
        "po" | "pod" | "pods" => "Pod",
        _ => return Err(wrong()),
    };
    if name.is_empty() || name.contains('/') { Err(wrong()) } else { Ok((kind, name)) }
}

fn parse_path(text: &str) -> Result<String> {
    let wrong = |why: &str| Error::usage(format!("{text:?} is not a path")).because(why);
    match text {
        text if !text.starts_with('/') => Err(wrong("it does not begin with /").fix(format!("write it as /{text}"))),
        text if text.contains('#') => Err(wrong("a fragment is never sent").fix("leave out # and what follows")),
        text if text.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            Err(wrong("it contains a space or a control character").fix("write a space as %20"))
        }
        text => Ok(text.to_owned()),
    }
}

fn parse_pattern(text: &str) -> Result<Regex> {
    let wrong = |why: String| Error::usage(format!("{text:?} cannot identify who answered")).because(why);
    match Regex::new(text) {
        Ok(pattern) if pattern.is_match("") => Err(wrong("it also matches an empty text".into())
            .fix("write what every answer contains, such as 'version: v[0-9]'")),
        Ok(pattern) => Ok(pattern),
        Err(error) => Err(wrong(error.to_string()).fix("correct it; escape special characters with \\")),
    }
}

fn parse_percent(text: &str) -> Result<f64> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err(Error::usage(format!("{text:?} is not a percentage"))
            .because("it is not between 0 and 100")
            .fix("write it as 99 or 99.9")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_named_as_kubectl_names_it() {
        assert_eq!(workload("deploy/curl"), Ok(("Deployment", "curl")));
        assert_eq!(workload("statefulset/db"), Ok(("StatefulSet", "db")));
        for text in ["curl", "job/x", "deploy/", "deploy/a/b"] {
            assert_eq!(workload(text).unwrap_err().exit_code(), 2, "{text}");
        }
        assert_eq!(workload("dep/curl").unwrap_err().remedy[0], "did you mean deploy/curl?");
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        assert!(parse_path("/hello?x=1").is_ok());
        assert!(parse_path("hello").is_err() && parse_path("/a b").is_err() && parse_path("/a#b").is_err());
        assert!(parse_pattern("v[0-9]").is_ok());
        assert!(parse_pattern("v[0-9]*").is_ok() && parse_pattern("[0-9]*").is_err() && parse_pattern("(").is_err());
    }
}
