//! Certificates, roots, and the folder that keeps the root's key.

use crate::plugin::finding::{Code, Verb};

const JOIN: &[Verb] = &[Verb::Join];

codes! {
    CACERTS_UNUSABLE = Code::error("trust/cacerts-unusable", JOIN)
        .means("The Secret cacerts of a cluster cannot be used.")
        .fix("Correct or remove that Secret. A join never changes one that exists.");
    SELF_SIGNED = Code::error("trust/self-signed", JOIN)
        .means("The istiod of a cluster made a root for itself, which other clusters cannot share.")
        .fix("Join clusters without a control plane, or with the Secret cacerts. Adopting this one is not supported yet.");
    OTHER_ISSUER = Code::error("trust/other-issuer", JOIN)
        .means("Another issuer, such as istio-csr, signs for the workloads of a cluster.")
        .fix("Join clusters without a control plane, or with the Secret cacerts. Adopting this one is not supported yet.");
    NOT_IN_USE = Code::error("trust/not-in-use", JOIN)
        .means("The istiod of a cluster publishes other roots than those of its Secret cacerts, which came or changed after it started.")
        .fix("Restart istiod, then every workload of that cluster.");
    PEM_SKIPPED = Code::warning("trust/pem-skipped")
        .means("istiod skips certificates of the Secret cacerts without a word: they are damaged, have headers, or run together on one line.")
        .fix("Put each certificate on lines of its own, as openssl x509 writes it.");
    ROOTS_DIFFER = Code::error("trust/roots-differ", JOIN)
        .means("Clusters have no root in common: workloads of one would refuse the other's certificates.")
        .fix("Join only clusters that have a root in common, or let each trust the other's roots beside its own.");
    SIGNER_NOT_ACCEPTED = Code::error("trust/signer-not-accepted", JOIN)
        .means("A cluster does not trust the root by which another signs, though they have others in common.")
        .fix("Add that root to what the cluster trusts, beside its own; restart its istiod and then its workloads.");
    ROOT_KEPT_NOWHERE = Code::error("trust/root-kept-nowhere", JOIN)
        .means("The join would make a root, nobody is there to see where its key is kept, and no folder is named for it.")
        .fix("Name a folder on a disk that stays: --ca-dir DIR. The next cluster needs the key.");
    DOMAINS_DIFFER = Code::error("trust/domains-differ", JOIN)
        .means("Clusters have different trust domains, and one does not have the other's among its aliases: it refuses those identities.")
        .fix("Add the trust domains of the others to meshConfig.trustDomainAliases of each.");
    ENDS_SOON = Code::warning("trust/ends-soon")
        .means("A root ends within a year, or the certificate that signs a cluster's workloads within 90 days.")
        .fix("Replace it while it is valid: trust the new root everywhere first, then sign by it.");
    KEY_ELSEWHERE = Code::error("trust/key-elsewhere", JOIN)
        .means("A cluster needs an intermediate of the root in use, and the CA folder does not hold the key of that root.")
        .fix("Name the folder that keeps that root: --ca-dir DIR.");
    KEY_MISSING = Code::error("trust/key-missing", JOIN)
        .means("The CA folder holds a root without its key.")
        .fix("Put its root-key.pem back, or name another folder: --ca-dir DIR.");
    FOLDER_UNUSABLE = Code::error("trust/folder-unusable", JOIN)
        .means("The CA folder cannot be used: others can read it, it cannot be written to, or a file in it is damaged.")
        .fix("Correct what it names, or name another folder: --ca-dir DIR.");
    FOLDER_OF_ANOTHER_MESH = Code::error("trust/folder-of-another-mesh", JOIN)
        .means("The root in the CA folder has signed only for clusters of another mesh.")
        .fix("Give this mesh a name of its own, --mesh-id NAME, or a folder of its own, --ca-dir DIR.");
}
