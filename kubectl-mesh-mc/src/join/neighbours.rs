//! Other control planes of a cluster, which a join must not harm and which must not harm the mesh.

use std::collections::BTreeMap;

use mesh_shared::model::istio::NETWORK_LABEL;
use mesh_shared::model::istio::coexistence::Reach;
use mesh_shared::model::istio::discovery_selectors::DiscoverySelectors;
use mesh_shared::model::istio::mesh_settings::MeshSettings;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::seen::control_plane::{Istiod, ObservedResource, TRUST_BUNDLE};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::control_plane as codes;
use serde_json::Value;

use super::members::{Joining, governing};
use super::request::JoinRequest;
use super::settings;

/// A control plane of another namespace.
struct Neighbour {
    namespace: String,
    shown: String,
    object: String,
    trust_bundle: String,
    selectors: Option<DiscoverySelectors>,
    only_namespace: Option<String>,
    by_sail: bool,
    /// Name of the resource `Istio`, if it comes from one.
    istio: Option<String>,
}

/// The findings on the other control planes of a cluster: that they share namespaces with that of the mesh, or that they are
/// there.
pub(super) fn others(request: &JoinRequest, one: &Joining<'_>) -> Vec<Finding> {
    let Joining { member, seen } = one;
    let namespace = &request.system_namespace;
    let Ok(standing) = governing(seen, namespace) else { return Vec::new() };
    let istiod = settings::governing_istiod(seen, namespace);
    let ours = settings::of(request, seen);
    let values = standing.map_or(&request.values, |istio| &istio.object["spec"]["values"]);
    let bundle = istiod.map_or_else(|| trust_bundle(values), |istiod| istiod.trust_bundle.clone());
    let reach = Reach {
        namespace,
        trust_bundle: &bundle,
        selectors: ours.as_ref().map(|settings| &settings.discovery_selectors),
        only_namespace: istiod.and_then(|istiod| istiod.only_namespace.as_deref()),
    };
    let mut found = Vec::new();
    for other in neighbours(one, namespace) {
        let theirs = Reach {
            namespace: &other.namespace,
            trust_bundle: &other.trust_bundle,
            selectors: other.selectors.as_ref(),
            only_namespace: other.only_namespace.as_deref(),
        };
        if reach.leaves_alone(&theirs) {
            if !other.by_sail {
                let what = format!("{}: istiod {} is not ours and stays as it is", member.name, other.shown);
                let claim = codes::ANOTHER_ISTIOD.found(what);
                let claim = claim.cluster(&member.name).context(&member.context).object(&other.object);
                found.push(claim.as_documented());
            }
        } else if standing.is_some() || istiod.is_some() {
            let what = format!(
                "{}: control plane {} and that of the mesh write ConfigMap {bundle} into the same namespaces",
                member.name, other.shown
            );
            let claim = codes::SHARES_NAMESPACES.found(what);
            let claim = claim.cluster(&member.name).context(&member.context).object(&other.object);
            found.push(claim.as_documented());
        } else {
            found.push(overlaps(one, &other, request));
        }
    }
    found
}

fn overlaps(Joining { member, .. }: &Joining<'_>, other: &Neighbour, request: &JoinRequest) -> Finding {
    let mesh = request.mesh.as_ref().map_or("mesh1", |mesh| mesh.as_str());
    let why = match &other.selectors {
        None => format!(
            "its discoverySelectors cannot be read: allow get configmaps in {}, so that a join knows which namespaces it selects",
            other.namespace
        ),
        Some(selectors) if selectors.select_all() => {
            "it has no discoverySelectors and selects every namespace; both would overwrite each other's root there for ever".into()
        }
        Some(_) => "both would overwrite each other's root for ever where their discoverySelectors meet".into(),
    };
    let found = codes::OVERLAPS
        .found(format!(
            "{} has another control plane, {}, and a new one would share its namespaces",
            member.name, other.shown
        ))
        .cluster(&member.name)
        .context(&member.context)
        .object(&other.object)
        .because(why)
        .fix("either give both discoverySelectors that never select the same namespace, the new one by these values:")
        .fix(format!("--set 'meshConfig.discoverySelectors[0].matchLabels.mesh={mesh}'"));
    let found = match (&other.istio, &other.selectors) {
        (Some(istio), Some(selectors)) if selectors.select_all() => found.fix(format!(
            "kubectl --context {} patch istio {istio} --type merge -p \
             '{{\"spec\":{{\"values\":{{\"meshConfig\":{{\"discoverySelectors\":[{{\"matchLabels\":{{\"mesh\":\"{istio}\"}}}}]}}}}}}}}'",
            member.context
        )),
        _ => found,
    };
    let found = found.fix(format!(
        "or let the new one publish its root under a name of its own: --set global.trustBundleName={mesh}-root-cert"
    ));
    match &other.istio {
        Some(_) => found.fix("joining a control plane in another namespace than istio-system is not supported yet"),
        None => found,
    }
}

/// The finding for a new control plane that does not select its own namespace.
pub(super) fn own_namespace(request: &JoinRequest, Joining { member, seen }: &Joining<'_>) -> Option<Finding> {
    let namespace = &request.system_namespace;
    if governing(seen, namespace).ok()?.is_some() {
        return None;
    }
    let selectors = MeshSettings::read(&request.values["meshConfig"]).ok()?.discovery_selectors;
    let live = seen.objects.get(&ObjectKey::new("Namespace", "", namespace));
    let mut labels: BTreeMap<String, String> = [
        ("kubernetes.io/metadata.name", namespace.as_str()),
        (NETWORK_LABEL, member.network.as_str()),
        (MANAGED_BY, request.managed_by),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let of_live = live.and_then(|live| live["metadata"]["labels"].as_object()).into_iter().flatten();
    labels.extend(of_live.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
    if selectors.select(&labels) {
        return None;
    }
    let verb = if live.is_some() { "label it" } else { "create and label it" };
    let found = codes::SELECTORS_MISS_OWN_NAMESPACE
        .found(format!("the new control plane of {} would not select its own namespace", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("Namespace {namespace}"))
        .field("meshConfig.discoverySelectors")
        .because(
            "istiod publishes its root, and sees the gateway, only where the selectors match the namespace's labels",
        )
        .fix(format!("{verb} with what they select, or select it by its name as well:"));
    Some(found.fix(format!(
        "--set 'meshConfig.discoverySelectors[1].matchLabels.kubernetes\\.io/metadata\\.name={namespace}'"
    )))
}

fn neighbours(Joining { seen, .. }: &Joining<'_>, namespace: &str) -> Vec<Neighbour> {
    let home = |istio: &ObservedResource| istio.spec_text(&["namespace"]).unwrap_or("istio-system").to_owned();
    let istios: Vec<&ObservedResource> =
        seen.control_planes.istios.iter().filter(|istio| home(istio) != namespace).collect();
    let of = |istiod: &Istiod| Neighbour {
        namespace: istiod.namespace.clone(),
        shown: format!("{}/{}", istiod.namespace, istiod.name),
        object: format!("Deployment {}/{}", istiod.namespace, istiod.name),
        trust_bundle: istiod.trust_bundle.clone(),
        selectors: istiod.settings.known().map(|settings| settings.discovery_selectors.clone()).or_else(|| {
            let istio = istios.iter().find(|istio| istiod.by_sail && home(istio) == istiod.namespace)?;
            selectors(istio)
        }),
        only_namespace: istiod.only_namespace.clone(),
        by_sail: istiod.by_sail,
        istio: istios
            .iter()
            .find(|istio| istiod.by_sail && home(istio) == istiod.namespace)
            .map(|istio| istio.name.clone()),
    };
    let mut all: Vec<Neighbour> =
        seen.control_planes.istiods.iter().filter(|istiod| istiod.namespace != namespace).map(of).collect();
    // Its istiod may not be there yet.
    for istio in &istios {
        let home = home(istio);
        if !all.iter().any(|one| one.namespace == home) {
            all.push(Neighbour {
                shown: format!("of Istio {} in {home}", istio.name),
                object: format!("Istio {}", istio.name),
                trust_bundle: trust_bundle(&istio.object["spec"]["values"]),
                selectors: selectors(istio),
                only_namespace: None,
                by_sail: true,
                istio: Some(istio.name.clone()),
                namespace: home,
            });
        }
    }
    all
}

fn selectors(istio: &ObservedResource) -> Option<DiscoverySelectors> {
    let mesh = &istio.object["spec"]["values"]["meshConfig"];
    MeshSettings::read(mesh).ok().map(|settings| settings.discovery_selectors)
}

/// The name under which a control plane with these values publishes its roots.
fn trust_bundle(values: &Value) -> String {
    values["global"]["trustBundleName"].as_str().unwrap_or(TRUST_BUNDLE).to_owned()
}
