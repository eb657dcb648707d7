//! Rules whose annotation no longer says what is ours in them: what writes refuses them, what reads goes on and says so.

use mesh_shared::model::istio::destination_rule::DestinationRule;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::locality::annotation::{Damage, key, read};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::traffic::ObservedTraffic;
use mesh_shared::plugin::error::{Error, Result};

/// A rule of which nobody knows what in it is ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its context.
    pub context: String,
    /// The rule.
    pub rule: ObjectKey,
    /// The annotation.
    pub annotation: String,
    /// What is wrong with it.
    pub why: Damage,
}

impl Damaged {
    /// This rule of a cluster, whose annotation by this manager is damaged.
    pub fn new(seen: &ObservedTraffic, rule: ObjectKey, manager: &str, why: Damage) -> Self {
        Self { cluster: seen.name.clone(), context: seen.context.clone(), rule, annotation: key(manager), why }
    }

    /// What is to be known by somebody who only looks.
    pub fn note(&self) -> String {
        format!(
            "{} in {}: its annotation {} cannot be read ({}), so that apply and remove refuse this rule",
            self.rule, self.cluster, self.annotation, self.why
        )
    }

    fn refusal(&self) -> Error {
        let ObjectKey { namespace, name, .. } = &self.rule;
        let kubectl = format!("kubectl --context {}", self.context);
        let what = format!("what we wrote into {} in {} cannot be told", self.rule, self.cluster);
        let draft = Error::refused(what)
            .at(format!("context {}, {}", self.context, self.rule))
            .because(format!("its annotation {} cannot be read: {}", self.annotation, self.why));
        let error = match self.why {
            Damage::Version(_) => draft.fix("use the version of this plugin that wrote it, or a newer one"),
            Damage::Form(_) => draft
                .fix("put the annotation back as it was, from Git or a backup; it alone keeps what stood in the rule"),
        };
        error
            .fix("or look at the rule; if it may stay as it is, remove the annotation, which makes what is written there yours:")
            .fix(format!("{kubectl} get destinationrule -n {namespace} {name} -o yaml"))
            .fix(format!("{kubectl} annotate destinationrule -n {namespace} {name} {}-", self.annotation))
    }
}

/// The rules for exactly this service, in its namespace, whose annotation cannot be read: those that `apply` and `remove` refuse.
pub fn damaged(service: &ServiceName, manager: &str, seen: &ObservedTraffic) -> Vec<Damaged> {
    let host = service.host();
    let rules = seen.destination_rules.iter().map(DestinationRule::read);
    rules
        .filter(|rule| rule.namespace == service.namespace && rule.host == host)
        .filter_map(|rule| Some(Damaged::new(seen, rule.key(), manager, read(rule.object, manager).err()?)))
        .collect()
}

/// # Errors
/// A refusal where what is ours in a rule cannot be told: nothing is written in any cluster.
pub fn refuse_damaged<'d>(mut damaged: impl Iterator<Item = &'d Damaged>) -> Result<()> {
    match damaged.next() {
        Some(damaged) => Err(damaged.refusal()),
        None => Ok(()),
    }
}
