//! What a control plane's mesh configuration is or will be.

use std::borrow::Cow;

use mesh_shared::model::istio::mesh_settings::MeshSettings;
use mesh_shared::model::seen::control_plane::Istiod;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;

use super::members::governing;
use super::request::JoinRequest;

/// The istiod that governs a namespace: that of the default revision, else the first by name.
pub(super) fn governing_istiod<'a>(seen: &'a ObservedCluster, namespace: &str) -> Option<&'a Istiod> {
    let here = || seen.control_planes.istiods.iter().filter(|istiod| istiod.namespace == namespace);
    let of_default = here().find(|istiod| istiod.revision.as_deref() == Some("default"));
    of_default.or_else(|| here().min_by_key(|istiod| istiod.name.clone()))
}

/// The settings that the control plane of a cluster has, or will have; none where they may not be read or are wrong.
pub(super) fn of<'a>(request: &JoinRequest, seen: &'a ObservedCluster) -> Option<Cow<'a, MeshSettings>> {
    let namespace = &request.system_namespace;
    if let Some(istiod) = governing_istiod(seen, namespace)
        && let Some(settings) = istiod.settings.known()
    {
        return Some(Cow::Borrowed(settings));
    }
    let values = match governing(seen, namespace).ok()? {
        Some(istio) => &istio.object["spec"]["values"],
        None => &request.values,
    };
    MeshSettings::read(&values["meshConfig"]).ok().map(Cow::Owned)
}
