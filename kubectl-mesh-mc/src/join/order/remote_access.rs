//! What clusters need to read each other's API servers: reader tokens, and remote secrets made of them.

use mesh_shared::engine::steps::{Made, StepId};
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::istio::remote_secret;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, Marks, Milestones, apply, lacking, mark};
use crate::work::tasks::{PeerAccess, Phase, Settled, Task, Wait};

/// Name of the reader account if the chart's values name no other (istio/istio manifests/charts/base).
const READER_ACCOUNT: &str = "istio-reader-service-account";

impl Builder<'_> {
    pub(super) fn tokens(&mut self, marks: &mut Marks) -> Result<()> {
        let namespace = &self.request.system_namespace;
        for cluster in self.clusters {
            if self.access.readers_of(&cluster.member.name).is_empty() {
                continue;
            }
            let account = cluster.observed.access.reader_account.clone().unwrap_or_else(|| READER_ACCOUNT.into());
            let after = mark(marks, cluster).istio;
            let wait = Wait::ReaderAccount { name: account.clone() };
            let there = self.push(cluster, Phase::Access, wait, "the control plane's chart makes it", after)?;
            let secret = remote_secret::reader_token_secret(&account, namespace, self.request.managed_by);
            let written = if cluster.observed.access.reader_token.is_some() {
                there
            } else {
                let why = format!("peers read {} with it", cluster.member.name);
                self.push(cluster, Phase::Access, apply(&to_manifest("v1", "Secret", &secret)), why, [there])?
            };
            let wait = Wait::Token { secret: remote_secret::reader_token_name(&account) };
            let token = self.push_making(Some(cluster), Phase::Access, wait, "Kubernetes fills it", [written])?;
            mark(marks, cluster).token = Some(token);
        }
        Ok(())
    }

    pub(super) fn secrets(&mut self, marks: &mut Marks, settled: Made<Settled>) -> Result<()> {
        for (reader, peer) in &self.access.missing {
            let cluster = self.clusters.iter().find(|cluster| cluster.member.name == *reader);
            let cluster = cluster.ok_or_else(|| lacking(reader, "cluster"))?;
            let token = marks.get(peer).and_then(|marks| marks.token).ok_or_else(|| lacking(peer, "reader's token"))?;
            let access = PeerAccess { addresses: settled, token };
            let Milestones { probe, namespace, .. } = *mark(marks, cluster);
            let mut needs: Vec<StepId> = namespace.into_iter().collect();
            if let Some(probe) = probe {
                let task = Task::ProveToken { peer: peer.clone(), probe, access };
                let why = "a credential that fails would hold istiod back for 30 s at every start";
                needs.push(self.push(cluster, Phase::Access, task, why, needs.clone())?);
            }
            let over = self.access.renewed.get(&(reader.clone(), peer.clone())).cloned();
            let task = Task::WriteRemoteSecret { peer: peer.clone(), access, over };
            let id =
                self.push(cluster, Phase::Access, task, format!("{reader} discovers services of {peer}"), needs)?;
            mark(marks, cluster).secrets.push(id);
        }
        Ok(())
    }
}
