//! What the user may do, checked before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join_all, try_join_all};
use http::Method;
use serde_json::{Value, json};

use super::context::{Cluster, all_of};
use super::request::Call;
use crate::model::kube::rbac::{Access, RoleFile, remedies};
use crate::plugin::error::Result;
use crate::plugin::finding::Finding;
use crate::plugin::finding::codes::permissions as codes;

/// What a command needs in one cluster, and the file that grants it.
#[derive(Debug, Clone)]
pub struct Needed<'a> {
    pub cluster: &'a Cluster,
    /// What has to be allowed there.
    pub accesses: Vec<Access>,
    /// The file that grants it.
    pub file: RoleFile,
}

/// Makes sure that the user may do all of this before any of it is done, for `needing`, such as `the drill`.
///
/// # Errors
/// A refusal with everything that is missing and the files that grant it.
pub async fn must_be_allowed(needed: &[Needed<'_>], needing: &str) -> Result<()> {
    lacking(needed, needing).await?.map_or(Ok(()), |finding| Err(finding.into_error()))
}

/// The permissions that the user lacks, with the files that grant them; none if all is allowed.
///
/// # Errors
/// If an API server does not answer.
pub async fn lacking(needed: &[Needed<'_>], needing: &str) -> Result<Option<Finding>> {
    let lacking = join_all(needed.iter().map(|needed| missing(needed.cluster, &needed.accesses))).await;
    // What fails in several clusters is reported of each.
    let lacking = all_of(lacking)?;
    let all = needed.iter().zip(lacking).flat_map(|(needed, lacking)| {
        let context = needed.cluster.context.as_str();
        lacking.into_iter().map(move |access| Lacking { context, access, file: needed.file })
    });
    Ok(finding(&all.collect::<Vec<_>>(), needing))
}

/// A permission that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lacking<'a> {
    context: &'a str,
    access: Access,
    file: RoleFile,
}

fn finding(all: &[Lacking<'_>], needing: &str) -> Option<Finding> {
    // A permission that is missing for all objects need not be listed for one of them.
    let of_any = |one: &Lacking<'_>| {
        let access = one.access.clone().named("");
        all.iter().any(|other| other.context == one.context && other.access == access)
    };
    let all: Vec<&Lacking<'_>> = all.iter().filter(|one| one.access.name.is_empty() || !of_any(one)).collect();
    if all.is_empty() {
        return None;
    }
    let (mut contexts, mut files) = (Vec::new(), Vec::new());
    let mut verbs: BTreeMap<(usize, String), BTreeSet<&str>> = BTreeMap::new();
    for Lacking { context, access, file } in all {
        let index = contexts.iter().position(|known| known == context).unwrap_or(contexts.len());
        if index == contexts.len() {
            contexts.push(*context);
        }
        if !files.contains(file) {
            files.push(*file);
        }
        verbs.entry((index, access.object())).or_default().insert(&access.verb);
    }
    let line = |((index, object), verbs): (&(usize, String), &BTreeSet<&str>)| {
        format!("{}: {} {object}", contexts[*index], verbs.iter().copied().collect::<Vec<_>>().join(", "))
    };
    let lines: Vec<String> = verbs.iter().map(line).collect();
    let claim = codes::MISSING
        .found(format!("you lack permissions that {needing} needs"))
        .context(contexts.join(", "))
        .because(lines.join("\n"));
    let (sentence, commands) = remedies(&files);
    Some(commands.into_iter().fold(claim.fix(sentence), Finding::fix))
}

/// The permissions that the user lacks, each checked once by a `SelfSubjectAccessReview`.
async fn missing(cluster: &Cluster, wanted: &[Access]) -> Result<Vec<Access>> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    wanted.dedup();
    let allowed = try_join_all(wanted.iter().map(|access| is_allowed(cluster, access))).await?;
    Ok(wanted.into_iter().zip(allowed).filter(|(_, allowed)| !allowed).map(|(access, _)| access).collect())
}

fn review(access: &Access) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": access.verb,
            "group": access.group,
            "resource": access.resource,
            "subresource": access.subresource,
            "namespace": access.namespace,
            "name": access.name,
        }},
    })
}

async fn is_allowed(cluster: &Cluster, access: &Access) -> Result<bool> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let call = Call::new(Method::POST, path.into()).with("application/json", &review(access));
    // A review changes nothing, so it may be sent again like a read.
    let answer = cluster.must(call).await?;
    Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_once_with_every_file_that_grants_it() {
        let lacking = |context, resource, file| Lacking {
            context,
            access: Access::new("create", "", resource, "a"),
            file: RoleFile(file),
        };
        let all = [
            lacking("east", "leases", "one.yaml"),
            lacking("west", "leases", "one.yaml"),
            lacking("east", "leases", "one.yaml"),
            lacking("east", "pods", "two.yaml"),
            Lacking { access: Access::new("get", "", "leases", "a"), ..lacking("east", "", "one.yaml") },
            Lacking { access: Access::new("create", "", "pods", "a").named("b"), ..lacking("east", "", "two.yaml") },
        ];
        let error = finding(&all, "the drill").unwrap().into_error();
        assert_eq!(error.what, "you lack permissions that the drill needs");
        assert_eq!(error.place.as_deref(), Some("context east, west"));
        let why = "east: create, get leases in a\neast: create pods in a\nwest: create leases in a";
        assert_eq!(error.why.as_deref(), Some(why));
        let commands: Vec<&str> = error.remedy.iter().skip(1).filter_map(|line| line.rsplit('/').next()).collect();
        assert_eq!(commands, ["one.yaml", "two.yaml"]);
        assert_eq!(finding(&[], "the drill"), None);
    }
}
