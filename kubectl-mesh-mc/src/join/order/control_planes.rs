//! Control planes and the CNI plugin.

use mesh_shared::engine::steps::StepId;
use mesh_shared::model::istio::namespace;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::plugin::error::Result;

use super::builder::{Builder, Marks, apply, mark};
use crate::work::tasks::{Phase, Wait};

impl Builder<'_> {
    pub(super) fn control_planes(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        let trusted: Vec<StepId> =
            marks.values().flat_map(|marks| [marks.cacerts, marks.namespace]).flatten().chain(proved).collect();
        for cluster in self.clusters {
            let plan = cluster.control_plane;
            let mut cni_needs = trusted.clone();
            if plan.cni.is_some() {
                let manifest = namespace::plain(&plan.cni_namespace, self.request.managed_by);
                if !cluster.observed.objects.contains_key(&ObjectKey::of(&manifest)) {
                    let why = "the CNI plugin runs there";
                    cni_needs.push(self.push(cluster, Phase::ControlPlane, apply(&manifest), why, proved)?);
                }
            }
            let cni = match &plan.cni {
                Some(manifest) => {
                    let why = "pods are redirected without privileges";
                    Some(self.push(cluster, Phase::ControlPlane, apply(manifest), why, cni_needs)?)
                }
                None => None,
            };
            let istio = match &plan.istio {
                Some(manifest) => {
                    let why = format!("{} has no control plane", cluster.member.name);
                    Some(self.push(cluster, Phase::ControlPlane, apply(manifest), why, trusted.iter().copied())?)
                }
                None => None,
            };
            let cni_ready = self.push(cluster, Phase::ControlPlane, Wait::Cni, "pods start only with it", cni)?;
            let wait = Wait::ControlPlane { name: plan.name.clone() };
            // Ready alone does not prove that dependencies are healthy, so this waits for the CNI as well.
            let needs = istio.into_iter().chain(cni);
            let istio_ready = self.push(cluster, Phase::ControlPlane, wait, "ready is proved, not believed", needs)?;
            let marks = mark(marks, cluster);
            marks.istio = istio;
            marks.ready = vec![cni_ready, istio_ready];
        }
        Ok(())
    }
}
