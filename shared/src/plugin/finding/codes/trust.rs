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
    ROOTS_DIFFER = Code::error("trust/roots-differ", JOIN)
        .means("Clusters trust different roots: workloads of one would refuse the other's certificates.")
        .fix("Join only clusters of one root, or remove the control plane and cacerts of those that should take the other's.");
    ROOT_KEPT_NOWHERE = Code::error("trust/root-kept-nowhere", JOIN)
        .means("The join would make a root, nobody is there to see where its key is kept, and no folder is named for it.")
        .fix("Name a folder on a disk that stays: --ca-dir DIR. The next cluster needs the key.");
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
