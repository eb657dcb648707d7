//! What is verified at the end.

use mesh_shared::model::istio::mesh_settings::MeshSettings;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, GatewayMilestones, Marks, PlannedCluster, lacking};
use crate::join::settings;
use crate::work::tasks::{Phase, Task};

impl Builder<'_> {
    pub(super) fn verify(&mut self, marks: &Marks) -> Result<()> {
        for cluster in self.clusters {
            let own = &marks[&cluster.member.name];
            let task = Task::VerifyRoot {
                config_map: cluster.trust_bundle(),
                roots: match own.intermediate {
                    Some(_) => self.trust.bundle.clone(),
                    None => cluster.observed.trust.roots().to_vec(),
                },
                intermediate: own.intermediate,
            };
            let why = "workloads trust what istiod publishes, not what a Secret holds";
            if !self.publishes_elsewhere(cluster) {
                self.push(cluster, Phase::Verify, task, why, own.ready.iter().copied())?;
            }
            let others =
                self.clusters.iter().map(|other| &other.member.name).filter(|name| **name != cluster.member.name);
            let gateway =
                |name| marks.get(name).and_then(|marks| marks.gateway).ok_or_else(|| lacking(name, "gateway"));
            let gateways: Vec<(&ClusterName, GatewayMilestones)> =
                others.map(|name| Ok((name, gateway(name)?))).collect::<Result<_>>()?;
            let peers: Vec<_> = gateways.iter().map(|(name, gateway)| ((*name).clone(), gateway.addresses)).collect();
            let needs = own.ready.iter().chain(&own.secrets).copied();
            // A peer's istiod knows a gateway by its address alone.
            let task = Task::VerifyDiscovery { peers: peers.clone() };
            self.push(cluster, Phase::Verify, task, "every istiod has to see every peer", needs)?;
            if let Some(probe) = own.probe {
                let needs = gateways.iter().filter_map(|(_, gateway)| gateway.available);
                let why = "traffic between networks goes through them";
                self.push(cluster, Phase::Verify, Task::VerifyGateways { probe, peers }, why, needs)?;
            }
        }
        Ok(())
    }

    /// Whether a control plane that is there already selects namespaces and has published nothing in its own.
    fn publishes_elsewhere(&self, cluster: &PlannedCluster<'_>) -> bool {
        let selects = |settings: &MeshSettings| !settings.discovery_selectors.select_all();
        cluster.control_plane.istio.is_none()
            && cluster.observed.trust.published.is_none()
            && settings::of(self.request, cluster.observed).is_some_and(|settings| selects(&settings))
    }
}
