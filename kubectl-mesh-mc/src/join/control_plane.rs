//! What the control plane of one cluster is and will be.

use mesh_shared::model::istio::sail;
use mesh_shared::model::istio::sail::{Membership, RESERVED_VALUES};
use mesh_shared::model::istio::values;
use mesh_shared::model::kube::difference::all_differences;
use mesh_shared::model::names::MeshId;
use mesh_shared::model::seen::cluster::{ObservedCluster, ObservedResource, SailApi};
use mesh_shared::plugin::error::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::members::{Member, governing};
use super::request::JoinRequest;

/// The control plane of one cluster, decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlPlanePlan {
    /// Name of the resource `Istio`.
    pub name: String,
    /// Served version of the Sail API.
    pub api: String,
    /// The Istio version as the plan shows it.
    pub version: String,
    /// The revision that injects the gateway, where it is not the default one.
    pub revision: Option<String>,
    /// Where the CNI plugin runs.
    pub cni_namespace: String,
    /// The manifest `Istio`, where it is not there yet.
    pub istio: Option<Value>,
    /// The manifest `IstioCNI`, where it is not there yet.
    pub cni: Option<Value>,
}

/// Name of the resource that a join creates: the default revision, which the chart of the reader account belongs to.
const NAME: &str = "default";

pub(super) fn control_plane(
    request: &JoinRequest,
    mesh: &MeshId,
    member: &Member,
    observed: &ObservedCluster,
    notes: &mut Vec<String>,
) -> Result<ControlPlanePlan> {
    let sail = observed.sail.as_ref().ok_or_else(|| no_operator(member))?;
    if let Some(path) = values::first_set(&request.values, &RESERVED_VALUES) {
        return Err(Error::refused(format!("value {path} is set by the join itself"))
            .because("it makes a control plane a member of the mesh")
            .fix(match path.as_str() {
                "global.meshID" => "name the mesh: --mesh-id NAME",
                "global.network" => "name the network: --network NAME=NETWORK",
                "global.multiCluster.clusterName" => "name the cluster: --cluster-name CONTEXT=NAME",
                _ => "leave it out",
            }));
    }
    let membership = Membership {
        mesh: mesh.clone(),
        cluster: member.name.clone(),
        network: member.network.clone(),
        enable_cni: !observed.openshift,
    };
    let mut wanted_values = request.values.clone();
    values::merge(&mut wanted_values, membership.values());
    let version = request.istio_version.as_deref().map(|version| offered(version, sail, member)).transpose()?;
    let namespace = &request.system_namespace;
    let standing = governing(observed, namespace)?;
    foreign_control_planes(observed, member, namespace, standing, notes)?;
    // The operator's CRD asks for a version and gives it a default: written out, manifests also pass readers that know no
    // defaults, such as kubectl's own validation.
    let written = version
        .clone()
        .or_else(|| standing?.spec_text(&["version"]).map(ToOwned::to_owned))
        .or_else(|| sail.default_version.clone());
    let istio = if let Some(istio) = standing {
        fits(istio, member, version.as_deref(), &wanted_values, namespace)?;
        None
    } else {
        name_is_free(observed, member)?;
        Some(sail::istio(&sail.version, NAME, namespace, written.as_deref(), wanted_values, request.managed_by))
    };
    let (cni, cni_namespace) = cni(request, observed, sail, (version.as_deref(), written.as_deref()), member)?;
    let revision = standing.and_then(|istio| istio.object["status"]["activeRevisionName"].as_str());
    Ok(ControlPlanePlan {
        name: standing.map_or(NAME, |istio| istio.name.as_str()).to_owned(),
        api: sail.version.clone(),
        version: shown_version(standing, version, sail),
        revision: revision.filter(|revision| *revision != "default").map(ToOwned::to_owned),
        cni_namespace,
        istio,
        cni,
    })
}

fn shown_version(standing: Option<&ObservedResource>, asked: Option<String>, sail: &SailApi) -> String {
    standing
        .and_then(|istio| istio.spec_text(&["version"]).map(ToOwned::to_owned))
        .or(asked)
        .or_else(|| sail.default_version.clone())
        .unwrap_or_else(|| "the operator's default".into())
}

fn cni(
    request: &JoinRequest,
    observed: &ObservedCluster,
    sail: &SailApi,
    (asked, written): (Option<&str>, Option<&str>),
    member: &Member,
) -> Result<(Option<Value>, String)> {
    let Some(standing) = &observed.cni else {
        let manifest = sail::istio_cni(&sail.version, &request.cni_namespace, written, request.managed_by);
        return Ok((Some(manifest), request.cni_namespace.clone()));
    };
    if let (Some(wanted), Some(live)) = (asked, standing.spec_text(&["version"]))
        && wanted != live
    {
        return Err(Error::refused(format!("IstioCNI of {} is at {live}, not at {wanted}", member.name))
            .at(format!("context {}, IstioCNI {}", observed.context, standing.name))
            .because("a join does not upgrade what runs")
            .fix(format!("leave out --istio-version, or say --istio-version {live}")));
    }
    Ok((None, standing.spec_text(&["namespace"]).unwrap_or("istio-cni").to_owned()))
}

/// The version as the operator names it, with the leading `v` that it wants.
fn offered(version: &str, sail: &SailApi, member: &Member) -> Result<String> {
    let named =
        if version.starts_with(|c: char| c.is_ascii_digit()) { format!("v{version}") } else { version.to_owned() };
    // Where the CRD may not be read, the strict dry run tells.
    if sail.istio_versions.is_empty() || sail.istio_versions.contains(&named) {
        return Ok(named);
    }
    Err(Error::refused(format!("the operator of {} does not know Istio version {named}", member.name))
        .at(format!("context {}, CRD istios.{}", member.context, sail::GROUP))
        .because(format!("it has {}", sail.istio_versions.join(", ")))
        .fix("choose one of them with --istio-version, or leave it out for the operator's default"))
}

fn fits(
    istio: &ObservedResource,
    member: &Member,
    version: Option<&str>,
    wanted_values: &Value,
    namespace: &str,
) -> Result<()> {
    let mut wanted = json!({ "spec": { "values": wanted_values } });
    if let Some(version) = version {
        wanted["spec"]["version"] = version.into();
    }
    let differences = all_differences(&istio.object, &wanted);
    if differences.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Err(Error::refused(format!("the control plane of {} does not fit", member.name))
        .at(format!("context {}, Istio {} (namespace {namespace})", member.context, istio.name))
        .because(all.join("; "))
        .fix("change that resource yourself, or leave out the flag that wants another value")
        .fix("a join never changes a control plane that stands"))
}

fn name_is_free(observed: &ObservedCluster, member: &Member) -> Result<()> {
    match observed.istios.iter().find(|istio| istio.name == NAME) {
        None => Ok(()),
        Some(istio) => Err(Error::refused(format!("Istio {NAME} of {} governs another namespace", member.name))
            .at(format!("context {}", member.context))
            .because(format!("its namespace is {}", istio.spec_text(&["namespace"]).unwrap_or("istio-system")))
            .fix("joining a control plane in another namespace is not supported yet")),
    }
}

/// An istiod that the operator did not make stops the join where it governs our namespace; elsewhere it is only noted.
fn foreign_control_planes(
    observed: &ObservedCluster,
    member: &Member,
    namespace: &str,
    standing: Option<&ObservedResource>,
    notes: &mut Vec<String>,
) -> Result<()> {
    for istiod in &observed.istiods {
        if istiod.namespace == namespace {
            if standing.is_none() && !istiod.by_sail {
                return Err(Error::refused(format!(
                    "an istiod that the Sail operator did not make runs in {}",
                    member.name
                ))
                .at(format!("context {}, Deployment {namespace}/{}", observed.context, istiod.name))
                .because("two control planes would govern one namespace")
                .fix("adopting it is not supported yet: remove it, or join another cluster"));
            }
        } else if !istiod.by_sail {
            notes.push(format!(
                "{}: istiod {}/{} is not ours and stays as it is",
                member.name, istiod.namespace, istiod.name
            ));
        }
    }
    Ok(())
}

fn no_operator(member: &Member) -> Error {
    Error::refused(format!("cluster {} has no Sail operator", member.name))
        .at(format!("context {}", member.context))
        .because(format!("no resource \"istios\" is served in {}/v1 or {}/v1alpha1", sail::GROUP, sail::GROUP))
        .fix("install it with OLM (OpenShift): operator \"servicemeshoperator3\", channel \"stable\", in openshift-operators")
        .fix(format!(
            "or with Helm: helm repo add sail-operator https://istio-ecosystem.github.io/sail-operator && \
             helm install sail-operator sail-operator/sail-operator --namespace sail-operator --create-namespace --kube-context {}",
            member.context
        ))
}
