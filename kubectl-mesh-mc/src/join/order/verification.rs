//! What is verified at the end.

use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, GatewayMilestones, Marks, lacking};
use crate::work::tasks::{Phase, Task};

impl Builder<'_> {
    pub(super) fn verify(&mut self, marks: &Marks) -> Result<()> {
        for cluster in self.clusters {
            let own = &marks[&cluster.member.name];
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
}
