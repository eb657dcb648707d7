//! A drill that may begin once the user agrees.

use super::experiment::Experiment;
use super::fault_record::Record;
use super::fence::Fence;
use super::lock::Place;
use super::phase::Timing;
use super::setup::Drill;
use super::traffic::Curl;
use super::words::Overview;
use crate::plugin_identity::MANAGER;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::workload::Workload;

/// A drill that may begin once the user agrees.
pub struct Prepared {
    /// What is to be shown.
    pub experiment: Experiment,
    /// How long its phases take.
    pub timing: Timing,
    /// What is changed.
    pub record: Record,
    /// Where the leases go.
    pub places: Vec<Place>,
    /// The cluster that is failed.
    pub failed: Cluster,
    /// Names of the pods that are failed.
    pub pods: Vec<String>,
    /// Other services whose pods are failed too.
    pub also: Vec<ServiceName>,
    /// Workloads behind the service.
    pub workloads: Vec<Workload>,
    /// What the client's curl can do.
    pub curl: Curl,
    /// Whether the client's container has a shell.
    pub shell: bool,
    /// The client's cluster.
    pub client: Cluster,
    /// Envoy's name of the service's port.
    pub envoy_cluster: String,
    /// The pattern, compiled.
    pub pattern: Option<regex_lite::Regex>,
    /// How long putting back is tried.
    pub restore_timeout: std::time::Duration,
}

impl Prepared {
    /// What is shown before the question.
    pub fn overview(&self) -> Overview<'_> {
        Overview {
            experiment: &self.experiment,
            pods: &self.pods,
            also: &self.also,
            workloads: &self.workloads,
            curl: self.curl,
        }
    }

    /// The service.
    pub fn service(&self) -> ServiceName {
        self.experiment.service.clone()
    }

    /// The drill, ready to be conducted.
    pub fn drill(self) -> Drill {
        Drill {
            makings: self.record.makings(MANAGER),
            fence: Fence::new(self.record.changed.len(), self.failed.request_timeout(), self.record.deadline),
            experiment: self.experiment,
            timing: self.timing,
            record: self.record,
            failed: self.failed,
            client: self.client,
            curl: self.curl,
            shell: self.shell,
            pattern: self.pattern,
            envoy_cluster: self.envoy_cluster,
            restore_timeout: self.restore_timeout,
        }
    }
}
