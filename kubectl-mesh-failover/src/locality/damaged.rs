//! Rules whose annotation no longer says what is ours in them: verbs that write refuse them, verbs that read go on and
//! say so.

use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::locality::annotation::{Damage, key, read};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Claim, Finding, Findings, Verb};

/// A rule in which our part is unknown.
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
        Self {
            cluster: seen.membership.name.clone(),
            context: seen.identity.context.clone(),
            rule,
            annotation: key(manager),
            why,
        }
    }

    /// The finding for a verb that only reads.
    pub fn finding(&self) -> Finding {
        let what = format!(
            "{} in {}: its annotation {} cannot be read ({}), so that apply and remove refuse this rule",
            self.rule, self.cluster, self.annotation, self.why
        );
        self.with_fixes(codes::RECORD_DAMAGED.found(what))
    }

    /// The finding that stops a verb that would write.
    pub fn refusal(&self) -> Finding {
        let what = format!("cannot tell what we wrote into {} in {}", self.rule, self.cluster);
        let why = format!("its annotation {} cannot be read: {}", self.annotation, self.why);
        self.with_fixes(codes::RECORD_DAMAGED.found(what).because(why))
    }

    fn with_fixes(&self, claim: Claim) -> Finding {
        let ObjectKey { namespace, name, .. } = &self.rule;
        let kubectl = format!("kubectl --context {}", self.context);
        let finding = match self.why {
            Damage::Version(_) => claim.fix("use the version of this plugin that wrote it, or a newer one"),
            Damage::Form(_) => claim.fix(
                "put the annotation back as it was, from Git or a backup; only it records what the rule had before",
            ),
        };
        finding
            .about(&self.cluster, &self.context, &self.rule)
            .fix("or look at the rule; if it may stay as it is, remove the annotation, which makes what is written there yours:")
            .fix(format!("{kubectl} get destinationrule -n {namespace} {name} -o yaml"))
            .fix(format!("{kubectl} annotate destinationrule -n {namespace} {name} {}-", self.annotation))
    }
}

/// The rules for exactly this service, in its namespace, whose annotation cannot be read: those that `apply` and `remove` refuse.
pub fn damaged(service: &ServiceName, manager: &str, seen: &ObservedTraffic) -> Vec<Damaged> {
    let host = service.host();
    let rules = seen.destination_rules().iter();
    rules
        .filter(|rule| rule.namespace == service.namespace && rule.host == host)
        .filter_map(|rule| Some(Damaged::new(seen, rule.key(), manager, read(&rule.object, manager).err()?)))
        .collect()
}

/// # Errors
/// A refusal if what is ours in a rule is unknown: nothing is written in any cluster.
pub fn refuse_damaged<'d>(damaged: impl Iterator<Item = &'d Damaged>, verb: Verb) -> Result<()> {
    damaged.map(Damaged::refusal).collect::<Findings>().refuse(verb)
}
