//! The control plane of one cluster: what it is and what it will be.

use mesh_shared::model::istio::sail;
use mesh_shared::model::istio::sail::{Membership, RESERVED_VALUES};
use mesh_shared::model::istio::values;
use mesh_shared::model::kube::difference::all_differences;
use mesh_shared::model::names::MeshId;
use mesh_shared::model::seen::control_plane::{ObservedResource, SailApi};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::finding::codes::control_plane as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde::Serialize;
use serde_json::{Value, json};

use super::members::{Joining, Member, governing};
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
    /// The revision that injects the gateway, unless it is the default one.
    pub revision: Option<String>,
    /// Where the CNI plugin runs.
    pub cni_namespace: String,
    /// The manifest `Istio`, if it does not exist yet.
    pub istio: Option<Value>,
    /// The manifest `IstioCNI`, if it does not exist yet.
    pub cni: Option<Value>,
}

/// Name of the resource that a join creates: the default revision, which the chart of the reader account belongs to.
const NAME: &str = "default";

/// The finding for a user's value that the join sets itself.
pub(super) fn reserved_value(request: &JoinRequest) -> Option<Finding> {
    let path = values::first_set(&request.values, &RESERVED_VALUES)?;
    let found = codes::RESERVED_VALUE
        .found(format!("value {path} is set by the join itself"))
        .because("it makes a control plane a member of the mesh");
    Some(found.fix(match path.as_str() {
        "global.meshID" => "name the mesh: --mesh-id NAME",
        "global.network" => "name the network: --network NAME=NETWORK",
        "global.multiCluster.clusterName" => "name the cluster: --cluster-name CONTEXT=NAME",
        _ => "leave it out",
    }))
}

/// What the control plane of a cluster will be; none if a finding refuses the join or the mesh is unknown.
pub(super) fn control_plane(
    request: &JoinRequest,
    mesh: Option<&MeshId>,
    Joining { member, seen }: &Joining<'_>,
    findings: &mut Findings,
) -> Option<ControlPlanePlan> {
    let namespace = &request.system_namespace;
    let standing = findings.keep(governing(seen, namespace));
    if let Some(standing) = standing {
        findings.extend(foreign_control_planes(seen, member, namespace, standing));
    }
    let Some(sail) = &seen.control_planes.sail else {
        findings.push(no_operator(member));
        return None;
    };
    let asked = request.istio_version.as_deref().map(|version| offered(version, sail, member)).transpose();
    let (standing, version) = (standing?, findings.keep(asked)?);
    // The operator's CRD requires a version and has a default for it. Written out, manifests also pass validation that
    // knows no defaults, such as kubectl's own.
    let written = version
        .clone()
        .or_else(|| standing?.spec_text(&["version"]).map(ToOwned::to_owned))
        .or_else(|| sail.default_version.clone());
    let (cni, cni_namespace) =
        findings.keep(cni(request, seen, sail, (version.as_deref(), written.as_deref()), member))?;
    let membership = Membership {
        mesh: mesh?.clone(),
        cluster: member.name.clone(),
        network: member.network.clone(),
        enable_cni: !seen.platform.openshift,
    };
    let mut wanted_values = request.values.clone();
    values::merge(&mut wanted_values, membership.values());
    let misfit = match standing {
        Some(istio) => misfit(istio, member, version.as_deref(), &wanted_values, namespace),
        None => name_taken(seen, member),
    };
    findings.extend(misfit);
    let istio = standing
        .is_none()
        .then(|| sail::istio(&sail.version, NAME, namespace, written.as_deref(), wanted_values, request.managed_by));
    let revision = standing.and_then(|istio| istio.object["status"]["activeRevisionName"].as_str());
    Some(ControlPlanePlan {
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
) -> Result<(Option<Value>, String), Finding> {
    let Some(standing) = &observed.control_planes.cni else {
        let manifest = sail::istio_cni(&sail.version, &request.cni_namespace, written, request.managed_by);
        return Ok((Some(manifest), request.cni_namespace.clone()));
    };
    if let (Some(wanted), Some(live)) = (asked, standing.spec_text(&["version"]))
        && wanted != live
    {
        return Err(codes::CNI_VERSION_DIFFERS
            .found(format!("IstioCNI of {} is at {live}, not at {wanted}", member.name))
            .cluster(&member.name)
            .context(&member.context)
            .object(format!("IstioCNI {}", standing.name))
            .field(".spec.version")
            .because("a join does not upgrade what runs")
            .fix(format!("leave out --istio-version, or use --istio-version {live}")));
    }
    Ok((None, standing.spec_text(&["namespace"]).unwrap_or("istio-cni").to_owned()))
}

/// The version as the operator names it, with the leading `v` that it wants.
fn offered(version: &str, sail: &SailApi, member: &Member) -> Result<String, Finding> {
    let named =
        if version.starts_with(|c: char| c.is_ascii_digit()) { format!("v{version}") } else { version.to_owned() };
    // If the CRD may not be read, the strict dry run decides.
    if sail.istio_versions.is_empty() || sail.istio_versions.contains(&named) {
        return Ok(named);
    }
    Err(codes::UNKNOWN_VERSION
        .found(format!("the operator of {} does not know Istio version {named}", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("CRD istios.{}", sail::GROUP))
        .because(format!("it has {}", sail.istio_versions.join(", ")))
        .fix("choose one of them with --istio-version, or leave it out for the operator's default"))
}

fn misfit(
    istio: &ObservedResource,
    member: &Member,
    version: Option<&str>,
    wanted_values: &Value,
    namespace: &str,
) -> Option<Finding> {
    let mut wanted = json!({ "spec": { "values": wanted_values } });
    if let Some(version) = version {
        wanted["spec"]["version"] = version.into();
    }
    let differences = all_differences(&istio.object, &wanted);
    if differences.is_empty() {
        return None;
    }
    let all: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let found = codes::DOES_NOT_FIT
        .found(format!("the control plane of {} does not fit", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("Istio {} (namespace {namespace})", istio.name))
        .because(all.join("; "));
    Some(
        found
            .fix("change that resource yourself, or leave out the flag that wants another value")
            .fix("a join never changes an existing control plane"),
    )
}

fn name_taken(observed: &ObservedCluster, member: &Member) -> Option<Finding> {
    let istio = observed.control_planes.istios.iter().find(|istio| istio.name == NAME)?;
    let found = codes::OTHER_NAMESPACE
        .found(format!("Istio {NAME} of {} governs another namespace", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .because(format!("its namespace is {}", istio.spec_text(&["namespace"]).unwrap_or("istio-system")));
    Some(found.fix("joining a control plane in another namespace is not supported yet"))
}

/// An istiod that the operator did not make refuses the join if it governs our namespace.
fn foreign_control_planes(
    observed: &ObservedCluster,
    member: &Member,
    namespace: &str,
    standing: Option<&ObservedResource>,
) -> Vec<Finding> {
    let here = observed.control_planes.istiods.iter().filter(|istiod| !istiod.by_sail && istiod.namespace == namespace);
    let in_the_way = here.filter(|_| standing.is_none()).map(|istiod| {
        codes::NOT_BY_OPERATOR
            .found(format!("an istiod that the Sail operator did not make runs in {}", member.name))
            .cluster(&member.name)
            .context(&member.context)
            .object(format!("Deployment {}/{}", istiod.namespace, istiod.name))
            .because("two control planes would govern one namespace")
            .fix("adopting it is not supported yet: remove it, or join another cluster")
    });
    in_the_way.collect()
}

fn no_operator(member: &Member) -> Finding {
    codes::NO_OPERATOR
        .found(format!("cluster {} has no Sail operator", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .because(format!("no resource \"istios\" is served in {}/v1 or {}/v1alpha1", sail::GROUP, sail::GROUP))
        .fix("install it with OLM (OpenShift): operator \"servicemeshoperator3\", channel \"stable\", in openshift-operators")
        .fix(format!(
            "or with Helm: helm repo add sail-operator https://istio-ecosystem.github.io/sail-operator && \
             helm install sail-operator sail-operator/sail-operator --namespace sail-operator --create-namespace --kube-context {}",
            member.context
        ))
}
