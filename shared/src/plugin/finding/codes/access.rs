//! Which cluster reads which other's API server, and how.

use crate::plugin::finding::{Code, Verb};

const JOIN: &[Verb] = &[Verb::Join];

codes! {
    SECRET_UNUSABLE = Code::error("access/secret-unusable", JOIN)
        .means("istiod cannot use the remote secret by which a cluster reads a peer.")
        .fix("Delete that Secret and join again.");
    NAME_OF_ANOTHER_CLUSTER = Code::error("access/name-of-another-cluster", JOIN)
        .means("A cluster already reads another cluster under the name of a member.")
        .fix("Give the new cluster another name, or delete that Secret if the old cluster is gone.");
    NO_ADDRESS = Code::error("access/no-address", JOIN)
        .means("No address is known at which peers reach the API server of a cluster.")
        .fix("Name it: --api-server NAME=https://HOST:PORT.");
    STALE_CREDENTIAL = Code::error("access/stale-credential", JOIN)
        .means("A remote secret that no join made leads to a member, and its authority or its token is not that of the member any more: istiod loses that cluster, at its next start at the latest.")
        .fix("Renew it as it was made, or delete it and join again.");
    RENEWED = Code::warning("access/renewed")
        .means("A remote secret that a join made no longer fits the peer: its authority is not the peer's, or the peer refuses its token. It is written again.")
        .fix("Nothing: the join does it.");
    RENEWAL_LOSES = Code::warning("access/renewal-loses")
        .means("The reader's version of istiod loses something when the credential of a peer changes.")
        .fix("Restart that istiod after the join, or upgrade it before.");
    UNDER_ANOTHER_NAME = Code::error("access/under-another-name", JOIN)
        .means("A cluster reads a member under another name than the member's control plane has.")
        .fix("Delete that Secret and join again.");
    NO_READER = Code::error("access/no-reader", JOIN)
        .means("A cluster has no account by which its peers could read it, and nothing will make one.")
        .fix("Give its revision the tag default, by an IstioRevisionTag, or set global.enableReaderRBAC to true.");
    STRANGER = Code::warning("access/stranger")
        .means("A cluster also reads clusters that no context names. They will not know the new members.")
        .fix("Name the contexts of all clusters of the mesh.");
}
