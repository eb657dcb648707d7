//! Root, intermediates and the Secrets cacerts, and before them the namespaces that those are in.

use mesh_shared::engine::steps::StepId;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, Marks, apply, mark};
use crate::join::trust::RootSource;
use crate::work::tasks::{Phase, Task};

impl Builder<'_> {
    pub(super) fn trust(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        let namespace = &self.request.system_namespace;
        let algorithm = self.request.key_algorithm;
        let root = if self.trust.root == RootSource::New && !self.trust.issue.is_empty() {
            let key = self.push_making(None, Phase::Trust, Task::MakeKey { algorithm }, "the root needs one", [])?;
            let task = Task::MakeRoot { key, algorithm };
            Some(self.push_making(None, Phase::Trust, task, "the mesh has no root yet", proved)?)
        } else {
            None
        };
        for cluster in self.clusters {
            let wanted = self.system_namespace(cluster);
            if !cluster.stands(&wanted) {
                let why = format!("{} is in network {}", cluster.member.name, cluster.member.network);
                let id = self.push(cluster, Phase::Trust, apply(&wanted), why, proved)?;
                mark(marks, cluster).namespace = Some(id);
            }
            if self.trust.issue.contains(&cluster.member.name) {
                let key = if self.trust.kept.contains(&cluster.member.name) {
                    None
                } else {
                    let task = Task::MakeKey { algorithm };
                    Some(self.push_making(Some(cluster), Phase::Trust, task, "the intermediate needs one", [])?)
                };
                let task = Task::IssueIntermediate { root, key, algorithm, uid: cluster.member.uid.clone() };
                let why = format!("{} has no certificate of the root", cluster.member.name);
                let after = if root.is_some() { None } else { proved };
                let intermediate = self.push_making(Some(cluster), Phase::Trust, task, &why, after)?;
                let beside = self.trust.bundle.clone();
                let task = Task::CreateCacerts { intermediate, beside, namespace: namespace.clone() };
                let after = mark(marks, cluster).namespace;
                let id = self.push(cluster, Phase::Trust, task, why, after)?;
                mark(marks, cluster).cacerts = Some(id);
                mark(marks, cluster).intermediate = Some(intermediate);
            }
        }
        Ok(())
    }
}
