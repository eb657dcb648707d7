//! The probes of a join: what killed runs left goes, addresses are proved, and the probes go when nothing needs them.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::{Made, StepId};
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, Marks, mark};
use crate::work::tasks::{PeerAddresses, Phase, Settled, Task, WantedAddress};

impl Builder<'_> {
    /// The steps that remove what killed runs left, by cluster.
    pub(super) fn leftovers(&mut self) -> Result<BTreeMap<ClusterName, StepId>> {
        let mut cleared = BTreeMap::new();
        for cluster in self.clusters.iter().filter(|cluster| !cluster.observed.probes.leftover.is_empty()) {
            let task = Task::RemoveLeftoverProbes { namespaces: cluster.observed.probes.leftover.clone() };
            let id = self.push(cluster, Phase::Probe, task, "left by a killed run", [])?;
            cleared.insert(cluster.member.name.clone(), id);
        }
        Ok(cleared)
    }

    pub(super) fn probes(&mut self, marks: &mut Marks, cleared: &BTreeMap<ClusterName, StepId>) -> Result<()> {
        for cluster in self.clusters {
            let after = cleared.get(&cluster.member.name).copied();
            let why = "addresses are tried from where they will be used";
            let probe = self.push_making(Some(cluster), Phase::Probe, Task::StartProbe, why, after)?;
            mark(marks, cluster).probe = Some(probe);
        }
        Ok(())
    }

    /// The barrier: no write but the probe's passes it before every address is proved.
    pub(super) fn addresses(&mut self, marks: &Marks) -> Result<Option<Made<Settled>>> {
        if self.access.missing.is_empty() {
            return Ok(None);
        }
        let mut proofs = Vec::new();
        for cluster in self.clusters {
            let Some(probe) = marks[&cluster.member.name].probe else { continue };
            let peers: Vec<PeerAddresses> = self
                .access
                .peers_of(&cluster.member.name)
                .into_iter()
                .filter_map(|name| self.clusters.iter().find(|other| other.member.name == *name))
                .map(|other| PeerAddresses {
                    peer: other.member.name.clone(),
                    addresses: other.observed.access.api_addresses.clone(),
                })
                .collect();
            if !peers.is_empty() {
                let task = Task::ProveAddresses { probe, peers };
                let why = "istiod watches the peers' API servers";
                proofs
                    .push((cluster.member.name.clone(), self.push_making(Some(cluster), Phase::Probe, task, why, [])?));
            }
        }
        let wanted = self
            .clusters
            .iter()
            .map(|cluster| WantedAddress {
                cluster: cluster.member.name.clone(),
                by: self.access.readers_of(&cluster.member.name).into_iter().cloned().collect(),
                addresses: cluster.observed.access.api_addresses.clone(),
            })
            .filter(|wanted| !wanted.by.is_empty())
            .collect();
        let probing = marks.values().any(|marks| marks.probe.is_some());
        let why = if probing { "the first that every peer proved wins" } else { "not proved: --no-probe" };
        self.push_making(None, Phase::Probe, Task::SettleAddresses { wanted, proofs }, why, []).map(Some)
    }

    pub(super) fn remove_probes(&mut self, marks: &Marks) -> Result<()> {
        for cluster in self.clusters {
            let Some(probe) = marks[&cluster.member.name].probe else { continue };
            let users: Vec<StepId> = self.steps.takers(probe.by()).collect();
            self.push(cluster, Phase::Verify, Task::RemoveProbe { probe }, "it is not needed any more", users)?;
        }
        Ok(())
    }
}
