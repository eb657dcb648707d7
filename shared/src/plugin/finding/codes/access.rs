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
    NO_READER = Code::error("access/no-reader", JOIN)
        .means("A cluster has no account by which its peers could read it, and nothing will make one.")
        .fix("Give its revision the tag default, by an IstioRevisionTag, or set global.enableReaderRBAC to true.");
    STRANGER = Code::warning("access/stranger")
        .means("A cluster also reads clusters that no context names. They will not know the new members.")
        .fix("Name the contexts of all clusters of the mesh.");
}
