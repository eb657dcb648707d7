//! One drill per service in the whole mesh: a lease in every cluster, acquired in the order of the clusters' UIDs, so
//! that two drills that begin at once do not hold one each, and renewed for as long as the drill runs.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use jiff::Timestamp;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::lease;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::finding::codes::drill::RUNS_ALREADY;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::object_names;

/// Annotation of a lease that says what it locks.
const HOST: &str = "mesh-failover/host";

/// The lease of a service in one cluster.
///
/// # Errors
/// If its name is not a valid Kubernetes name.
pub fn place(service: &ServiceName, system_namespace: &str) -> Result<Target> {
    let key = object_names::lease(service, system_namespace);
    Target::new(&key.kind, &key.namespace, &key.name)
}

/// The leases of one drill, while they are held.
pub struct Locks {
    held: Vec<(Cluster, Target)>,
    holder: String,
    renewals: JoinHandle<()>,
}

/// A cluster in which a lease is acquired.
#[derive(Debug, Clone)]
pub struct Place {
    pub cluster: Cluster,
    /// UID of its kube-system namespace, which determines the order.
    pub uid: String,
    /// Namespace of istiod.
    pub system_namespace: String,
}

impl Locks {
    /// Acquires all leases, or none: if someone else holds one, those acquired are released. From then on they are
    /// renewed; the first loss is sent to `lost`.
    ///
    /// # Errors
    /// A refusal that names the holder, since when, and the cluster.
    pub async fn acquire(
        mut places: Vec<Place>,
        service: &ServiceName,
        holder: &str,
        lost: mpsc::UnboundedSender<String>,
    ) -> Result<Self> {
        places.sort_by(|one, other| one.uid.cmp(&other.uid));
        let mut held = Vec::new();
        for at in places {
            let target = place(service, &at.system_namespace)?;
            if let Err(error) = lease::acquire(&at.cluster, &target, holder, (HOST, &service.host())).await {
                release_all(&held, holder).await;
                return Err(refusal(error, service));
            }
            held.push((at.cluster, target));
        }
        let renewals = tokio::spawn(renew(held.clone(), holder.to_owned(), lost));
        Ok(Self { held, holder: holder.to_owned(), renewals })
    }

    /// Asks the clusters whether every lease is still ours and alive: a client that slept may have lost them.
    ///
    /// # Errors
    /// If one is not, or cannot be read.
    pub async fn still_ours(&self) -> Result<()> {
        try_join_all(self.held.iter().map(|(cluster, target)| async move {
            match lease::read(cluster, target).await? {
                Some(seen) if seen.holder == self.holder && seen.is_alive(Timestamp::now()) => Ok(()),
                _ => Err(Error::failed(format!("{} is no longer ours", target.key))
                    .at(format!("context {}, {}", cluster.context, target.key))
                    .because("it was not renewed in time, or someone took it over")
                    .fix("run the drill again")),
            }
        }))
        .await
        .map(|_| ())
    }

    /// Releases all of them; one that cannot be reached expires.
    pub async fn release(&self) {
        self.renewals.abort();
        release_all(&self.held, &self.holder).await;
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.renewals.abort();
    }
}

async fn release_all(held: &[(Cluster, Target)], holder: &str) {
    let _ = join_all(held.iter().map(|(cluster, target)| lease::release(cluster, target, holder))).await;
}

fn refusal(error: Error, service: &ServiceName) -> Error {
    if error.kind != Kind::Conflict {
        return error;
    }
    let what = format!("a drill of {service} is already running");
    Error { kind: Kind::Refused, code: Some(&RUNS_ALREADY), what, remedy: Vec::new(), ..error }
        .fix("wait for it to end, or see it: kubectl mesh-failover drill list")
}

/// Renews every lease until one is lost: taken over by someone else, or not renewed within its duration.
async fn renew(held: Vec<(Cluster, Target)>, holder: String, lost: mpsc::UnboundedSender<String>) {
    let renewals = held.iter().map(|(cluster, target)| async {
        // Both clocks count: the monotonic one stops while the machine sleeps, the wall clock may be set back.
        let (mut renewed, mut renewed_at) = (Instant::now(), Timestamp::now());
        loop {
            sleep(lease::RENEWAL).await;
            match lease::renew(cluster, target, &holder).await {
                Ok(_) => (renewed, renewed_at) = (Instant::now(), Timestamp::now()),
                Err(error) if error.kind == Kind::Conflict => return format!("someone took over the lock: {error}"),
                Err(error) => {
                    let slept = Duration::try_from(Timestamp::now().duration_since(renewed_at)).unwrap_or_default();
                    if renewed.elapsed().max(slept) >= lease::DURATION {
                        return format!("the lock in {} could not be renewed: {error}", cluster.context);
                    }
                }
            }
        }
    });
    let (first, ..) = futures::future::select_all(renewals.map(Box::pin)).await;
    let _ = lost.send(first);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_named_for_its_service() {
        let service = ServiceName { namespace: "sample".into(), name: "helloworld".into() };
        let target = place(&service, "istio-system").unwrap();
        assert_eq!(target.key.to_string(), "Lease istio-system/mesh-failover-drill-helloworld-sample");
    }

    #[test]
    fn who_drills_already_is_named() {
        let service = ServiceName { namespace: "sample".into(), name: "helloworld".into() };
        let error = Error::of(Kind::Conflict, "Lease x is held by ada").because("ada took it 12 s ago").fix("wait");
        let refusal = refusal(error, &service);
        assert_eq!(refusal.what, "a drill of helloworld.sample is already running");
        assert_eq!((refusal.kind, refusal.why.as_deref()), (Kind::Refused, Some("ada took it 12 s ago")));
    }
}
