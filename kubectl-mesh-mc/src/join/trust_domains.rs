//! Whether the workloads of every cluster accept the identities of every other.

use std::collections::BTreeSet;

use mesh_shared::model::istio::trust_domain::TrustDomain;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::trust as codes;
use mesh_shared::plugin::text;
use serde_json::json;

use super::members::{Joining, governing};
use super::request::JoinRequest;
use super::settings;

/// A finding for every cluster that lacks another's trust domain among its aliases.
pub(super) fn accepted(request: &JoinRequest, joining: &[Joining<'_>]) -> Vec<Finding> {
    let known: Vec<(&Joining<'_>, TrustDomain)> = joining
        .iter()
        .filter_map(|one| {
            let settings = settings::of(request, one.seen)?;
            let istiod = settings::governing_istiod(one.seen, &request.system_namespace);
            let any_client = istiod.is_some_and(|istiod| istiod.any_trust_domain);
            Some((one, TrustDomain { any_client, ..settings.trust_domain.clone() }))
        })
        .collect();
    let lacking = |domain: &TrustDomain| -> BTreeSet<String> {
        known.iter().filter_map(|(_, other)| domain.lacks(other)).map(str::to_owned).collect()
    };
    known.iter().filter_map(|(one, domain)| differs(request, one, domain, &lacking(domain))).collect()
}

fn differs(
    request: &JoinRequest,
    one: &Joining<'_>,
    domain: &TrustDomain,
    lacking: &BTreeSet<String>,
) -> Option<Finding> {
    if lacking.is_empty() {
        return None;
    }
    let Joining { member, seen } = one;
    let names: Vec<String> = lacking.iter().cloned().collect();
    let aliases: BTreeSet<&String> = domain.aliases.union(lacking).collect();
    let found = codes::DOMAINS_DIFFER
        .found(format!("{} is of trust domain {} and does not accept {}", member.name, domain.name, text::list(&names)))
        .cluster(&member.name)
        .context(&member.context)
        .field(".spec.values.meshConfig.trustDomainAliases")
        .because("a workload refuses identities of a trust domain that is neither its own nor one of its aliases");
    let finding = if let Some(istio) = governing(seen, &request.system_namespace).ok().flatten() {
        let patch = json!({"spec": {"values": {"meshConfig": {"trustDomainAliases": aliases}}}});
        found
            .fix("let it accept them as well:")
            .fix(format!("kubectl --context {} patch istio {} --type merge -p '{patch}'", member.context, istio.name))
    } else {
        let list: Vec<&str> = aliases.into_iter().map(String::as_str).collect();
        found.fix(format!("give it these aliases: --set 'meshConfig.trustDomainAliases={{{}}}'", list.join(",")))
    };
    Some(finding)
}
