//! What the API servers' own logs say was asked of them.

use jiff::Timestamp;
use meshlab::audit::Event;

use super::Kit;

/// How `kubectl mesh-mc` calls itself to API servers.
pub(crate) const USER_AGENT: &str = "kubectl-mesh-mc/";
/// How both plugins' names for themselves begin.
const PLUGINS: &str = "kubectl-mesh-";

impl Kit {
    /// Whether what was asked of the API servers can be told. Where it cannot, what asks for it is in part not run.
    pub(crate) fn is_audited(&self) -> bool {
        self.lab_in_part("audit logs are read on the lab alone").is_some()
    }

    /// Every request of the product to a cluster since a time.
    #[track_caller]
    pub(crate) fn requests(&self, cluster: &str, since: Timestamp) -> Vec<Event> {
        let lab = self.ground.lab.as_ref().expect("is_audited was asked first");
        let mut events = lab.audit_since(cluster, since).expect("an audit log");
        events.retain(|event| event.user_agent.starts_with(PLUGINS));
        events
    }

    /// The requests of the product that were to change something, as `verb resource namespace/name`.
    #[track_caller]
    pub(crate) fn writes(&self, cluster: &str, since: Timestamp) -> Vec<String> {
        self.requests(cluster, since).iter().filter(|event| event.is_mutating()).map(describe).collect()
    }

    /// Asserts that the product changed nothing anywhere since a time, and started no pod.
    #[track_caller]
    pub(crate) fn assert_nothing_written(&self, since: Timestamp) {
        if !self.is_audited() {
            return;
        }
        for cluster in self.clusters() {
            let writes = self.writes(cluster, since);
            assert!(writes.is_empty(), "{cluster}: {writes:?}");
        }
    }
}

/// `create secrets istio-system/cacerts`.
pub(crate) fn describe(event: &Event) -> String {
    let subresource = if event.subresource.is_empty() { String::new() } else { format!("/{}", event.subresource) };
    format!("{} {}{subresource} {}/{}", event.verb, event.resource, event.namespace, event.name)
}
