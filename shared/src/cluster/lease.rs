//! A lock that ends by itself: a `Lease` with a holder and a time by which it must be renewed (client-go's
//! tools/leaderelection, whose fields these are).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::context::Cluster;
use super::write;
use super::write::Created;
use crate::model::kube::kinds::Target;
use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::kube::write::Operation;
use crate::plugin::error::{Error, Kind, Result};

/// A lease that is not renewed for this long may be taken by anyone.
pub const DURATION: Duration = Duration::from_secs(30);
/// How often it is renewed. Anyone who finds it expired looks again after a little more than this: a wrong clock then
/// shows.
pub const RENEWAL: Duration = Duration::from_secs(5);

/// A lease as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSeen {
    /// `spec.holderIdentity`.
    pub holder: String,
    /// `spec.acquireTime`.
    pub acquired: Option<Timestamp>,
    /// `spec.renewTime`.
    pub renewed: Option<Timestamp>,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    pub uid: String,
    pub resource_version: String,
}

impl LeaseSeen {
    fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let spec = &object["spec"];
        Self {
            holder: text(&spec["holderIdentity"]),
            acquired: time(&spec["acquireTime"]),
            renewed: time(&spec["renewTime"]),
            duration: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or_default()),
            uid: text(&object["metadata"]["uid"]),
            resource_version: text(&object["metadata"]["resourceVersion"]),
        }
    }

    /// Whether its holder may still be alive, by a clock that may differ from the holder's.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        let Some(renewed) = self.renewed else { return false };
        let until = renewed.saturating_add(SignedDuration::try_from(self.duration).unwrap_or(SignedDuration::MAX));
        !self.holder.is_empty() && until.is_ok_and(|until| now < until)
    }

    /// How long ago it was taken; zero if the clocks say otherwise.
    pub fn age(&self, now: Timestamp) -> Duration {
        let age = self.acquired.map(|acquired| now.duration_since(acquired));
        age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default()
    }
}

/// Returns the lease, if there is one.
///
/// # Errors
/// If the API server does not answer, or not with the object.
pub async fn read(cluster: &Cluster, target: &Target) -> Result<Option<LeaseSeen>> {
    Ok(write::get(cluster, target).await?.as_ref().map(LeaseSeen::of))
}

/// Takes the lease: creates it, or takes over an expired one. `about` is an annotation that says what it locks.
///
/// # Errors
/// A conflict with the holder and the age of a lease that is alive.
pub async fn acquire(cluster: &Cluster, target: &Target, holder: &str, about: (&str, &str)) -> Result<LeaseSeen> {
    let now = Timestamp::now();
    let manifest = json!({
        "apiVersion": target.api_version,
        "kind": target.key.kind,
        "metadata": {
            "name": target.key.name,
            "namespace": target.key.namespace,
            "labels": {MANAGED_BY: cluster.manager()},
            "annotations": {about.0: about.1},
        },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": micro_time(now),
            "renewTime": micro_time(now),
            "leaseTransitions": 0,
        },
    });
    if let Created::New(object) = write::create(cluster, &manifest, cluster.manager()).await? {
        return Ok(LeaseSeen::of(&object));
    }
    let Some(seen) = read(cluster, target).await? else {
        return Err(taken(cluster, target, "someone", Duration::ZERO));
    };
    if seen.is_alive(now) || is_renewed(cluster, target, &seen).await? {
        return Err(taken(cluster, target, &seen.holder, seen.age(now)));
    }
    take_over(cluster, target, &seen, holder).await
}

/// Takes over a lease that someone else holds, unless it was changed since it was seen.
///
/// # Errors
/// A conflict if it was changed since.
pub async fn take_over(cluster: &Cluster, target: &Target, seen: &LeaseSeen, holder: &str) -> Result<LeaseSeen> {
    let now = micro_time(Timestamp::now());
    let operations = [
        Operation::Test { path: "/metadata/resourceVersion".into(), value: seen.resource_version.clone().into() },
        Operation::Add { path: "/spec/holderIdentity".into(), value: holder.into() },
        Operation::Add { path: "/spec/leaseDurationSeconds".into(), value: DURATION.as_secs().into() },
        Operation::Add { path: "/spec/acquireTime".into(), value: now.clone().into() },
        Operation::Add { path: "/spec/renewTime".into(), value: now.into() },
    ];
    write::patch(cluster, target, None, &operations, cluster.manager()).await.map(|object| LeaseSeen::of(&object))
}

/// Renews our own lease.
///
/// # Errors
/// A conflict if someone else holds it now, and any other if the API server does not answer.
pub async fn renew(cluster: &Cluster, target: &Target, holder: &str) -> Result<LeaseSeen> {
    let operations = [
        Operation::Test { path: "/spec/holderIdentity".into(), value: holder.into() },
        Operation::Replace { path: "/spec/renewTime".into(), value: micro_time(Timestamp::now()).into() },
    ];
    write::patch(cluster, target, None, &operations, cluster.manager()).await.map(|object| LeaseSeen::of(&object))
}

/// Deletes our own lease; leaves one that someone else holds by now.
///
/// # Errors
/// If the API server does not answer.
pub async fn release(cluster: &Cluster, target: &Target, holder: &str) -> Result<()> {
    match read(cluster, target).await? {
        Some(seen) if seen.holder == holder => {
            match write::delete_unchanged(cluster, target, Some(&seen.uid), Some(&seen.resource_version)).await {
                Err(error) if error.kind == Kind::Conflict => Ok(()),
                result => result.map(|_| ()),
            }
        }
        _ => Ok(()),
    }
}

/// Whether someone renews a lease that looks expired: then the clocks differ.
async fn is_renewed(cluster: &Cluster, target: &Target, seen: &LeaseSeen) -> Result<bool> {
    if seen.holder.is_empty() {
        return Ok(false);
    }
    sleep(RENEWAL + Duration::from_secs(2)).await;
    Ok(read(cluster, target).await?.is_some_and(|now| now.resource_version != seen.resource_version))
}

fn taken(cluster: &Cluster, target: &Target, holder: &str, age: Duration) -> Error {
    Error::of(Kind::Conflict, format!("{} is held by {holder}", target.key))
        .at(format!("context {}, {}", cluster.context, target.key))
        .because(format!("{holder} took it {} s ago and keeps renewing it", age.as_secs()))
        .fix("wait for that run to end, then run the same command again")
}

/// Kubernetes' MicroTime: RFC 3339 with exactly six digits.
fn micro_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn lease(holder: &str) -> LeaseSeen {
        LeaseSeen::of(&json!({
            "metadata": {"uid": "u", "resourceVersion": "7"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30, "acquireTime": micro_time(at(0)), "renewTime": micro_time(at(60))},
        }))
    }

    #[test]
    fn a_lease_lives_for_its_duration_after_the_last_renewal() {
        assert!(lease("me").is_alive(at(89)));
        assert!(!lease("me").is_alive(at(91)));
        assert!(!lease("").is_alive(at(61)), "released");
        assert_eq!(lease("me").age(at(89)), Duration::from_secs(89));
        assert_eq!(lease("me").age(at(-5)), Duration::ZERO, "another clock");
    }

    #[test]
    fn times_have_the_six_digits_that_kubernetes_wants() {
        assert_eq!(micro_time(at(0)), "2027-01-15T08:00:00.000000Z");
    }

    #[test]
    fn a_lease_without_times_is_nobodys() {
        assert!(!LeaseSeen::of(&json!({"spec": {"holderIdentity": "x"}})).is_alive(at(0)));
    }
}
