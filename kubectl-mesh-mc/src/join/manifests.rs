//! The manifests of a plan, per cluster and stage, for applying them by other means.

use std::path::Path;

use mesh_shared::machine::clock;
use mesh_shared::model::istio::cacerts;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::Issued;
use mesh_shared::plugin::arguments::ManifestFormat;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::yaml;
use serde_json::{Value, json};

use crate::join::arguments::JoinArguments;
use crate::join::plan::JoinPlan;
use crate::join::request::JoinRequest;
use crate::keep::ca_folder::CaFolder;
use crate::work::tasks::{Action, Step, Task, title};

/// What one cluster gets: what can be applied at once, what only once istiod is available, and what no manifest can
/// express yet.
#[derive(Default)]
struct Stages {
    first: Vec<Value>,
    second: Vec<Value>,
    pending: Vec<String>,
    redacted: Vec<String>,
}

/// All manifests of a plan: a stream of YAML documents, or a JSON List. Secrets are comments unless they are to be
/// shown.
///
/// # Errors
/// If Secrets are to be shown and the CA folder does not hold their content.
pub fn render(plan: &JoinPlan, request: &JoinRequest, folder: &Path, arguments: &JoinArguments) -> Result<String> {
    let mut all = Vec::new();
    for member in &plan.members {
        let stages = stages(plan, &member.name, request, folder, arguments.show_secrets)?;
        all.push((member, stages));
    }
    if arguments.output == Some(ManifestFormat::Json) {
        let items: Vec<&Value> = all.iter().flat_map(|(_, stages)| stages.first.iter().chain(&stages.second)).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        return Ok(format!("{list:#}\n"));
    }
    let mut text = String::new();
    for (member, stages) in all {
        let place = format!("cluster {} (context {})", member.name, member.context);
        let first = if stages.redacted.is_empty() { "at once" } else { "once the Secret that is left out here exists" };
        for (number, (when, manifests)) in
            [(first, &stages.first), ("when istiod is available", &stages.second)].into_iter().enumerate()
        {
            text.extend(["# ", &place, ", stage ", &(number + 1).to_string(), ": apply ", when, "\n"]);
            if number == 0 {
                stages.redacted.iter().for_each(|line| text.extend(["# ", line, "\n"]));
            } else {
                stages.pending.iter().for_each(|line| text.extend(["# pending: ", line, "\n"]));
            }
            for manifest in manifests {
                text.push_str("---\n");
                text.push_str(&yaml::document(manifest));
            }
        }
    }
    Ok(text)
}

fn stages(
    plan: &JoinPlan,
    cluster: &ClusterName,
    request: &JoinRequest,
    folder: &Path,
    show_secrets: bool,
) -> Result<Stages> {
    let mut stages = Stages::default();
    for (_, step) in plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(cluster)) {
        match &step.action {
            Action::Write(write) => stages.add(write, step),
            // Leaves no object.
            Action::Wait(_) => {}
            Action::Task(task) => match task {
                Task::CreateCacerts { namespace, .. } if show_secrets => {
                    let issued = kept_intermediate(folder, plan, cluster)?.ok_or_else(|| {
                        Error::refused(format!("there is no intermediate of {cluster} to show yet"))
                            .at(format!("CA folder {}", folder.display()))
                            .because("keys that are printed but not kept would make a root that no one has")
                            .fix("run the join first, or name the folder that has them: --ca-dir DIR")
                    })?;
                    let secret = cacerts::cacerts(&issued, &plan.trust.bundle, namespace, request.managed_by);
                    stages.first.push(to_manifest("v1", "Secret", &secret));
                }
                Task::CreateCacerts { namespace, .. } => stages.redacted.push(format!(
                    "Secret {namespace}/cacerts is left out: --show-secrets prints it once the CA folder has its keys; \
                     without it istiod makes a root of its own, which no join accepts"
                )),
                Task::WriteRemoteSecret { peer, .. } => stages.pending.push(format!(
                    "Secret {}/istio-remote-secret-{peer}, from the token of {peer}, which does not exist before stage 2 there",
                    request.system_namespace
                )),
                // These leave no object: the CA folder's certificates are in cacerts, and probes are removed at the end
                // of a run.
                Task::MakeKey { .. }
                | Task::MakeRoot { .. }
                | Task::IssueIntermediate { .. }
                | Task::StartProbe
                | Task::RemoveProbe { .. }
                | Task::RemoveLeftoverProbes { .. }
                | Task::ProveAddresses { .. }
                | Task::SettleAddresses { .. }
                | Task::ProveToken { .. }
                | Task::VerifyRoot { .. }
                | Task::VerifyDiscovery { .. }
                | Task::VerifyGateways { .. } => {}
            },
        }
    }
    Ok(stages)
}

impl Stages {
    fn add(&mut self, write: &Write, step: &Step) {
        match write {
            // The gateway's pods need istiod, and a token Secret made before its account is deleted again.
            Write::Create { manifest } | Write::Apply { manifest }
                if manifest["kind"] == "Deployment" || manifest["kind"] == "Secret" =>
            {
                self.second.push(manifest.clone());
            }
            Write::Create { manifest } | Write::Apply { manifest } => self.first.push(manifest.clone()),
            Write::Patch { .. } | Write::Delete { .. } => {
                self.pending.push(format!("{}, which no manifest can express: {}", title(&step.action), step.why));
            }
        }
    }
}

/// The intermediate that the CA folder keeps for a member, if the folder exists.
fn kept_intermediate(folder: &Path, plan: &JoinPlan, cluster: &ClusterName) -> Result<Option<Issued>> {
    let uid = plan.members.iter().find(|member| member.name == *cluster).map_or("", |member| member.uid.as_str());
    if !folder.exists() {
        return Ok(None);
    }
    CaFolder::lock(folder, std::time::Instant::now())?.load_intermediate(cluster, uid, clock::now())
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::kube::object_key::ObjectKey;

    use super::*;
    use crate::work::tasks::{Phase, Steps};

    #[test]
    fn what_no_manifest_can_say_is_said_beside_them() {
        let delete = Write::Delete {
            api_version: "v1".into(),
            object: ObjectKey::new("Secret", "istio-system", "old"),
            uid: "u".into(),
            resource_version: None,
        };
        let mut steps = Steps::default();
        steps.push(None, Phase::Trust, Action::Write(delete.clone()), "nobody reads it", []).unwrap();
        let mut stages = Stages::default();
        for (_, step) in steps.iter() {
            stages.add(&delete, step);
        }
        assert_eq!(stages.pending, ["delete Secret istio-system/old, which no manifest can express: nobody reads it"]);
    }
}
