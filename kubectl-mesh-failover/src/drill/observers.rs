//! What a drill watches: its own requests and the counters of the client's proxy.

use std::time::Duration;

use mesh_shared::cluster::envoy::{Host, ProxyStats};
use mesh_shared::cluster::exec;
use mesh_shared::cluster::exec::{Command, Output};
use mesh_shared::plugin::error::Result;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::recording::{HostCounters, Reading};
use super::setup::Drill;
use super::traffic::Requests;

/// How often the counters of the client's proxy are read.
const READING: Duration = Duration::from_millis(500);
/// The longest that one request may take.
const LONGEST_REQUEST: Duration = Duration::from_secs(2);
/// Requests that a curl without a rate may send per second: more than one connection can take.
const MOST_PER_SECOND: u64 = 2000;

/// Starts the requests in the client's container.
///
/// # Errors
/// If they do not start.
pub async fn start_traffic(drill: &Drill) -> Result<mpsc::Receiver<(Instant, Output)>> {
    let client = &drill.experiment.client;
    let per_second = drill.experiment.rate.map_or(MOST_PER_SECOND, u64::from);
    let user_agent = format!("mesh-failover/{}", drill.record.run);
    let requests = Requests {
        url: &drill.experiment.url,
        count: (longest(drill).as_secs() + 1) * per_second,
        rate: drill.experiment.rate.unwrap_or(1),
        longest: LONGEST_REQUEST,
        user_agent: &user_agent,
        answers: drill.pattern.is_some(),
        shell: drill.shell,
    };
    let argv = drill.curl.argv(&requests);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let command = Command { namespace: &client.namespace, pod: &client.pod, container: &client.container, argv: &argv };
    exec::start(&drill.client, &command).await
}

/// The longest that a drill can last: the traffic must last that long, and no longer.
fn longest(drill: &Drill) -> Duration {
    let hypothesis = &drill.experiment.hypothesis;
    let after = hypothesis.failback_within.max(drill.timing.longest_ejection);
    drill.timing.baseline + hypothesis.failover_within + drill.timing.hold + after + Duration::from_mins(1)
}

/// Reads the counters of the client's proxy periodically; a broken connection is reopened.
pub fn watch_counters(drill: &Drill, begun: Instant) -> mpsc::Receiver<Reading> {
    let (sender, receiver) = mpsc::channel(16);
    let (cluster, client) = (drill.client.clone(), drill.experiment.client.clone());
    let envoy_cluster = drill.envoy_cluster.clone();
    tokio::spawn(async move {
        let mut stats: Option<ProxyStats> = None;
        while !sender.is_closed() {
            let asked = Instant::now();
            if stats.is_none() {
                stats = ProxyStats::connect(&cluster, &client.namespace, &client.pod).await.ok();
            }
            let hosts = match &mut stats {
                Some(stats) => stats.hosts(&envoy_cluster).await.ok(),
                None => None,
            };
            match hosts {
                Some(hosts) => {
                    let hosts = hosts.into_iter().map(counters).collect();
                    let _ = sender.send(Reading { at: begun.elapsed(), hosts }).await;
                }
                None => stats = None,
            }
            // So that reading does not keep a proxy with very many clusters busy.
            sleep(READING.max(asked.elapsed() * 9).saturating_sub(asked.elapsed())).await;
        }
    });
    receiver
}

fn counters(host: Host) -> HostCounters {
    HostCounters {
        address: host.address,
        region: host.region,
        priority: host.priority,
        success: host.success,
        error: host.error,
        ejected: host.ejected,
    }
}
