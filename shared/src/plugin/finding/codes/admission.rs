//! What the API servers do not admit, whoever asks.

use crate::plugin::finding::{Code, Verb};

const WRITING: &[Verb] = Verb::WRITING;

codes! {
    NAMESPACE_TERMINATING = Code::error("admission/namespace-terminating", WRITING)
        .means("A namespace that the command writes to is being deleted: nothing can be created in it.")
        .fix("Wait until it is gone, or remove what holds it: its status names that.");
    QUOTA = Code::error("admission/quota", WRITING)
        .means("A quota does not allow an object that the command would write.")
        .fix("Raise the quota, free what it counts, or give its namespace a LimitRange with defaults.");
    POD_SECURITY = Code::error("admission/pod-security", WRITING)
        .means("The security rules of a namespace do not allow a pod that the command would start.")
        .fix("Let an administrator allow such pods there.");
    POLICY = Code::error("admission/policy", WRITING)
        .means("An admission policy of the cluster does not allow an object that the command would write.")
        .fix("Do what the policy demands, or ask whoever keeps it for an exception.");
    WEBHOOK = Code::error("admission/webhook", WRITING)
        .means("An admission webhook of the cluster denies an object that the command would write, or does not answer.")
        .fix("Do what the webhook demands, or see that it answers.");
    DENIED = Code::error("admission/denied", WRITING)
        .means("An API server does not admit an object that the command would write, for a reason that it gives.")
        .fix("Do what the reason demands, or ask an administrator for an exception.");
    INVALID = Code::error("admission/invalid", WRITING)
        .means("An API server says that an object that the command would write is not valid.")
        .fix("Correct the value that it names.");
    CONFLICT = Code::error("admission/conflict", WRITING)
        .means("An object that the command would change is owned in part by someone else.")
        .fix("Let its owner set these fields, or have the owner give them up.");
    NOT_TRIED = Code::note("admission/not-tried")
        .means("The API server could not be asked beforehand whether it takes an object: its namespace does not exist yet, or a webhook allows no dry run.");
}
