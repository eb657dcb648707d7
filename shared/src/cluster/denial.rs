//! Why an API server that understood a request did not carry it out: a missing permission, or one of the checks that
//! come after it. Each has another remedy.

use super::api_fault::Fault;
use crate::model::kube::rbac::ASK_FOR_IT;
use crate::plugin::finding::Code;
use crate::plugin::finding::codes::admission as codes;

/// A check of the API server that said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The user lacks a permission.
    Permission,
    /// The namespace is being deleted: nothing can be created in it.
    Terminating,
    /// A quota is used up.
    Quota,
    /// A quota demands that pods say what they need.
    MustSpecify,
    /// The namespace's Pod Security level, or on OpenShift every security context constraint.
    PodSecurity,
    /// An admission policy of this name.
    Policy(String),
    /// An admission webhook of this name.
    Webhook(String),
    /// An admission webhook of this name does not allow dry runs: nothing is wrong with the object.
    NoDryRun(String),
    /// An admission webhook of this name could not be called.
    WebhookFailed(String),
    /// Another admission plugin, such as a LimitRange.
    Admission,
}

impl Denial {
    /// What the API server's answer says; none for a failure of another kind, such as a value that is not valid.
    ///
    /// Rule: the messages of k8s.io/apiserver v0.36 (pkg/admission/plugin/webhook/errors/statuserror.go,
    /// webhook/errors.go, plugin/policy/validating/dispatcher.go, plugin/namespace/lifecycle/admission.go,
    /// plugin/resourcequota), of k8s.io/pod-security-admission (admission/admission.go) and of OpenShift's
    /// apiserver-library-go (securitycontextconstraints/sccadmission/admission.go). A policy may answer with any of 401,
    /// 403, 413 and 422, a webhook with any code.
    pub(crate) fn of(fault: &Fault) -> Option<Self> {
        let code = fault.code()?;
        let message = fault.message.as_str();
        let quoted = |before: &str, quote: char| {
            let (_, rest) = message.split_once(before)?;
            rest.split(quote).next().map(str::to_owned)
        };
        if message.contains("does not support dry run") {
            return Some(Self::NoDryRun(quoted("admission webhook \"", '"').unwrap_or_default()));
        }
        if let Some(name) = quoted("failed calling webhook \"", '"') {
            return Some(Self::WebhookFailed(name));
        }
        if message.contains("denied the request")
            && let Some(name) = quoted("admission webhook \"", '"')
        {
            return Some(Self::Webhook(name));
        }
        if message.contains("denied request")
            && let Some(name) = quoted("AdmissionPolicy '", '\'')
        {
            return Some(Self::Policy(name));
        }
        if code != 403 {
            return None;
        }
        let has = |needle: &str| message.contains(needle);
        Some(if fault.fields.iter().any(|field| field.reason == "NamespaceTerminating") {
            Self::Terminating
        } else if has("must specify ") && has("failed quota") {
            Self::MustSpecify
        } else if has("exceeded quota") {
            Self::Quota
        } else if has("violates PodSecurity") || has("security context constraint") {
            Self::PodSecurity
        } else if has(" is forbidden: ") && !has("ser \"") {
            Self::Admission
        } else {
            // `User "a" cannot …` of an authorizer, `user "a" … is attempting to grant …`, or a proxy's own words.
            Self::Permission
        })
    }

    /// Whether it may be gone by itself, once what is being installed runs: another webhook may judge a pod that Istio's
    /// has not completed yet.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::Permission | Self::Terminating)
    }

    /// The code of the finding; none for a missing permission, which has its own, and for what is nobody's no.
    pub(crate) fn finding(&self) -> Option<&'static Code> {
        match self {
            Self::Permission | Self::NoDryRun(_) => None,
            Self::Terminating => Some(&codes::NAMESPACE_TERMINATING),
            Self::Quota | Self::MustSpecify => Some(&codes::QUOTA),
            Self::PodSecurity => Some(&codes::POD_SECURITY),
            Self::Policy(_) => Some(&codes::POLICY),
            Self::Webhook(_) | Self::WebhookFailed(_) => Some(&codes::WEBHOOK),
            Self::Admission => Some(&codes::DENIED),
        }
    }

    /// What failed, about an object such as `Service a/b` in a context.
    pub(crate) fn what(&self, object: &str, describe: &str, context: &str) -> String {
        match self {
            Self::Permission => format!("not allowed in {context}: {describe}"),
            Self::Terminating => format!("{object} cannot be created in {context}: its namespace is being deleted"),
            Self::Quota => format!("a quota in {context} does not allow {object}"),
            Self::MustSpecify => format!("a quota in {context} demands that {object} says what it needs"),
            Self::PodSecurity => format!("the security rules for pods in {context} do not allow {object}"),
            Self::Policy(name) => format!("the policy {name} of {context} does not allow {object}"),
            Self::Webhook(name) => format!("the admission webhook {name} of {context} does not allow {object}"),
            Self::NoDryRun(name) => format!("the admission webhook {name} of {context} allows no dry run of {object}"),
            Self::WebhookFailed(name) => {
                format!("the admission webhook {name} of {context} did not answer about {object}")
            }
            Self::Admission => format!("{context} does not admit {object}"),
        }
    }

    /// What to do: a sentence, then commands.
    pub(crate) fn fixes(&self, namespace: Option<&str>, context: &str) -> Vec<String> {
        let kubectl = |rest: &str| format!("kubectl --context {context} {rest}");
        let inside = |rest: &str| kubectl(&format!("-n {} {rest}", namespace.unwrap_or("NAMESPACE")));
        match self {
            Self::Permission => vec![ASK_FOR_IT.into()],
            Self::Terminating => vec![
                "wait until the namespace is gone, then run the same command again; what holds it is in its status:"
                    .into(),
                kubectl(&format!("get namespace {} -o yaml", namespace.unwrap_or("NAMESPACE"))),
            ],
            Self::Quota => {
                vec!["raise the quota, or free what it counts:".into(), inside("describe resourcequota")]
            }
            Self::MustSpecify => vec![
                "give the namespace a LimitRange with default requests and limits for what the quota counts:".into(),
                inside("describe resourcequota"),
            ],
            Self::PodSecurity => vec![
                "let an administrator allow such pods in that namespace: the reason says what it takes".into(),
                kubectl(&format!("get namespace {} -o yaml", namespace.unwrap_or("NAMESPACE"))),
            ],
            Self::Policy(name) => vec![
                "do what the policy demands, or ask whoever keeps it for an exception:".into(),
                kubectl(&format!("get validatingadmissionpolicies,mutatingadmissionpolicies | grep {name}")),
            ],
            Self::Webhook(_) => vec![
                "do what the webhook demands, or ask whoever runs it for an exception:".into(),
                kubectl("get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
            ],
            Self::WebhookFailed(_) => vec![
                "see that the webhook's Service answers, then run the same command again:".into(),
                kubectl("get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
            ],
            Self::NoDryRun(_) => vec![
                "have its configuration say sideEffects: None, if that is true".into(),
                kubectl("get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
            ],
            Self::Admission => vec!["do what the reason demands, or ask an administrator for an exception".into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn denial(code: u16, message: &str) -> Option<Denial> {
        let body = json!({"kind": "Status", "reason": "Forbidden", "message": message}).to_string();
        Denial::of(&Fault::from_answer(code, body.as_bytes(), None))
    }

    #[test]
    fn the_api_servers_words_tell_which_check_said_no() {
        let policy = "services \"a\" is forbidden: ValidatingAdmissionPolicy 'no-load-balancers' with binding 'b' denied request: no";
        for (code, message, expected) in [
            (403, "secrets is forbidden: User \"bob\" cannot list resource \"secrets\"", Denial::Permission),
            (403, "roles \"a\" is forbidden: user \"bob\" is attempting to grant RBAC permissions", Denial::Permission),
            (403, "<html>go away</html>", Denial::Permission),
            (403, "pods \"a\" is forbidden: exceeded quota: cpu, requested: requests.cpu=2", Denial::Quota),
            (403, "pods \"a\" is forbidden: failed quota: cpu: must specify requests.cpu for: a", Denial::MustSpecify),
            (
                403,
                "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot",
                Denial::PodSecurity,
            ),
            (
                403,
                "pods \"a\" is forbidden: unable to validate against any security context constraint: []",
                Denial::PodSecurity,
            ),
            (403, "pods \"a\" is forbidden: minimum cpu usage per Container is 200m", Denial::Admission),
            (422, policy, Denial::Policy("no-load-balancers".into())),
            (401, policy, Denial::Policy("no-load-balancers".into())),
            (400, "admission webhook \"w.example\" denied the request: no", Denial::Webhook("w.example".into())),
            (403, "admission webhook \"w.example\" denied the request: no", Denial::Webhook("w.example".into())),
            (400, "admission webhook \"w.example\" does not support dry run", Denial::NoDryRun("w.example".into())),
            (
                500,
                "Internal error occurred: failed calling webhook \"w.example\": failed to call webhook: Post: EOF",
                Denial::WebhookFailed("w.example".into()),
            ),
        ] {
            assert_eq!(denial(code, message), Some(expected), "{message}");
        }
        assert_eq!(denial(422, "Service \"a\" is invalid: spec.ports: Required value"), None);
        assert_eq!(denial(404, "services \"a\" not found"), None);
    }

    #[test]
    fn a_namespace_that_ends_is_known_by_its_cause() {
        let body = json!({"message": "secrets \"a\" is forbidden: unable to create new content in namespace x because it is being terminated",
            "details": {"causes": [{"reason": "NamespaceTerminating", "message": "namespace x is being terminated", "field": "metadata.namespace"}]}});
        let fault = Fault::from_answer(403, body.to_string().as_bytes(), None);
        assert_eq!(Denial::of(&fault), Some(Denial::Terminating));
    }
}
