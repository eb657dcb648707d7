//! Objects read singly and in lists, page by page if a list is long.

use serde_json::Value;

use super::api_fault::Fault;
use super::context::Cluster;
use super::request::{Call, JSON, METADATA_LIST, items};
use crate::model::kube::kinds::{Target, list_path};
use crate::plugin::error::Result;

/// Objects per page: as many as kubectl asks for.
const PAGE: usize = 500;
/// A list that changes so fast that its pages expire is given up after being begun this often.
const BEGINNINGS: usize = 3;

/// One object, or none if it does not exist.
pub(super) async fn one(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
    let target = Target::new(kind, namespace, name)?;
    cluster.maybe(Call::get(target.path()?).about(&target)).await
}

/// All items of a list, each with its `apiVersion` and `kind`.
pub(super) async fn list(cluster: &Cluster, path: String, api_version: &str, kind: &str) -> Result<Vec<Value>> {
    pages(cluster, &path, JSON, api_version, kind).await.map_err(|(fault, call)| fault.into_error(cluster, &call))
}

/// All objects of a kind in a namespace, or in all of them if that is empty; given labels, only those that have them.
/// None if the cluster does not serve the kind.
pub(super) async fn served(
    cluster: &Cluster,
    kind: &str,
    namespace: &str,
    labels: &[(&str, &str)],
) -> Result<Option<Vec<Value>>> {
    let (api_version, path) = list_path(kind, namespace)?;
    served_at(cluster, &with_labels(&path, labels), api_version, kind).await
}

/// All items of a list, or none if the cluster does not serve it.
pub(super) async fn served_at(
    cluster: &Cluster,
    path: &str,
    api_version: &str,
    kind: &str,
) -> Result<Option<Vec<Value>>> {
    match pages(cluster, path, JSON, api_version, kind).await {
        Ok(found) => Ok(Some(found)),
        Err((fault, _)) if fault.is_not_found() => Ok(None),
        Err((fault, call)) => Err(fault.into_error(cluster, &call)),
    }
}

/// The same for a kind that every cluster serves.
///
/// # Errors
/// If the API server does not answer or does not let us read them.
pub async fn every(cluster: &Cluster, kind: &str, namespace: &str, labels: &[(&str, &str)]) -> Result<Vec<Value>> {
    let (api_version, path) = list_path(kind, namespace)?;
    list(cluster, with_labels(&path, labels), api_version, kind).await
}

/// The metadata of all objects of a kind that has no namespace.
pub(super) async fn every_metadata(cluster: &Cluster, kind: &str) -> Result<Vec<Value>> {
    let (api_version, path) = list_path(kind, "")?;
    let all = pages(cluster, &path, METADATA_LIST, api_version, kind).await;
    all.map_err(|(fault, call)| fault.into_error(cluster, &call))
}

/// The path with a query for labels; an empty value matches any.
pub(super) fn with_labels(path: &str, labels: &[(&str, &str)]) -> String {
    let one = |(key, value): &(&str, &str)| match *value {
        "" => escaped(key),
        value => format!("{}%3D{}", escaped(key), escaped(value)),
    };
    let wanted: Vec<String> = labels.iter().map(one).collect();
    if wanted.is_empty() { path.to_owned() } else { format!("{path}?labelSelector={}", wanted.join("%2C")) }
}

/// Percent-encoded for a query (RFC 3986 section 2.1).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn pages(
    cluster: &Cluster,
    path: &str,
    accept: &'static str,
    api_version: &str,
    kind: &str,
) -> std::result::Result<Vec<Value>, (Fault, Call)> {
    let (mut all, mut next, mut begun) = (Vec::new(), String::new(), 1);
    loop {
        let call = Call::get(page(path, &next)).accepting(accept);
        let mut answer = match cluster.read(&call).await {
            Ok(answer) => answer,
            // etcd has compacted the state that the pages were read from: the rest would not fit the beginning.
            Err(fault) if fault.code() == Some(410) && begun < BEGINNINGS => {
                (all, next, begun) = (Vec::new(), String::new(), begun + 1);
                continue;
            }
            Err(fault) => return Err((fault, call)),
        };
        answer["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut next);
        all.extend(marked(items(Some(answer.take())), api_version, kind));
        if next.is_empty() {
            return Ok(all);
        }
    }
}

/// The items of a list that only helps: empty if it is absent or forbidden.
pub(super) async fn optional(cluster: &Cluster, path: String) -> Result<Vec<Value>> {
    Ok(items(cluster.if_allowed(Call::get(path)).await?))
}

/// The same, with metadata only.
pub(super) async fn metadata(cluster: &Cluster, path: String) -> Result<Vec<Value>> {
    Ok(items(cluster.if_allowed(Call::get(path).accepting(METADATA_LIST)).await?))
}

fn page(path: &str, next: &str) -> String {
    let join = if path.contains('?') { '&' } else { '?' };
    let next = if next.is_empty() { String::new() } else { format!("&continue={}", escaped(next)) };
    format!("{path}{join}limit={PAGE}{next}")
}

/// Items of a list do not say what they are; single objects do.
fn marked(mut items: Vec<Value>, api_version: &str, kind: &str) -> Vec<Value> {
    for item in items.iter_mut().filter(|item| item.is_object()) {
        item["apiVersion"] = api_version.into();
        item["kind"] = kind.into();
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};
    use crate::model::kube::object_key::ObjectKey;

    fn names(range: std::ops::Range<usize>, next: &str) -> Answer {
        let items: Vec<Value> = range.map(|number| json!({"metadata": {"name": format!("pod-{number}")}})).collect();
        Answer::Status(200, json!({"metadata": {"continue": next}, "items": items}))
    }

    #[tokio::test]
    async fn all_pages_are_read_and_every_item_says_what_it_is() {
        let (cluster, asked) = answering([names(0..2, "eyJ2"), names(2..3, "")]);
        let found = list(&cluster, "/api/v1/pods".into(), "v1", "Pod").await.unwrap();
        let words: Vec<String> = found.iter().map(|pod| ObjectKey::of(pod).to_string()).collect();
        assert_eq!(words, ["Pod pod-0", "Pod pod-1", "Pod pod-2"]);
        let paths: Vec<String> = asked.lock().unwrap().iter().map(|(_, path, _)| path.clone()).collect();
        assert_eq!(paths, ["/api/v1/pods?limit=500", "/api/v1/pods?limit=500&continue=eyJ2"]);
    }

    #[tokio::test]
    async fn pages_that_have_expired_are_read_from_the_beginning() {
        let expired = Answer::Status(410, json!({"kind": "Status", "reason": "Expired", "message": "too old"}));
        let (cluster, _) = answering([names(0..2, "eyJ2"), expired, names(0..3, "")]);
        assert_eq!(list(&cluster, "/api/v1/pods".into(), "v1", "Pod").await.unwrap().len(), 3);
    }

    #[test]
    fn the_next_page_is_asked_for_by_its_token() {
        assert_eq!(page("/api/v1/pods", ""), "/api/v1/pods?limit=500");
        assert_eq!(
            page("/api/v1/pods?labelSelector=a", "eyJ2"),
            "/api/v1/pods?labelSelector=a&limit=500&continue=eyJ2"
        );
    }

    #[test]
    fn labels_stand_in_the_query_as_they_may() {
        let path = with_labels("/api/v1/pods", &[("istio/multiCluster", "true"), ("istio", "")]);
        assert_eq!(path, "/api/v1/pods?labelSelector=istio%2FmultiCluster%3Dtrue%2Cistio");
    }
}
