//! The Secret `cacerts`, from which istiod takes the root and the key that signs workloads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::pki::acceptance::accepts;
use crate::model::pki::authority::Issued;
use crate::model::pki::chain::{BundleFault, Certificate, bundle};
use crate::model::pki::go_pem;
use crate::model::pki::key::PrivateKey;
use crate::model::pki::verify::verify_key;
use crate::plugin::text::count as counted;

/// Name of the Secret.
pub const NAME: &str = "cacerts";

/// The key by which istiod marks a CA that it generated itself (istio/istio security/pkg/pki/ca/ca.go).
const ISTIO_GENERATED: &str = "istio-generated";

/// Type of the Secret `istio-ca-secret`, in which istiod keeps a CA of its own under the same keys.
const SELF_SIGNED_TYPE: &str = "istio.io/ca-root";

/// The Secret for one cluster's intermediate, in the form of Istio's manual. Its workloads trust the intermediate's root, and
/// these roots beside it.
pub fn cacerts(issued: &Issued, beside: &[Certificate], namespace: &str, managed_by: &str) -> Secret {
    let others = beside.iter().filter(|root| root.fingerprint != issued.root.fingerprint);
    let data = [
        ("ca-cert.pem", issued.certificate.pem()),
        ("ca-key.pem", issued.key.reveal_pem().to_string()),
        ("root-cert.pem", bundle(std::iter::once(&issued.root).chain(others))),
        ("cert-chain.pem", issued.chain_pem()),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            namespace: Some(namespace.into()),
            labels: Some(BTreeMap::from([(MANAGED_BY.into(), managed_by.into())])),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".into()),
        data: Some(data.into_iter().map(|(key, text)| (key.into(), ByteString(text.into_bytes()))).collect()),
        ..Secret::default()
    }
}

/// A `cacerts` or `istio-ca-secret` of a cluster, without its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaSecret {
    /// Which data keys it has.
    pub form: CaForm,
    /// Whether istiod generated it.
    pub self_signed: bool,
    /// What workloads trust; more than one while a root is replaced.
    pub roots: Vec<Certificate>,
    /// The certificate that signs workloads.
    pub signer: Option<Certificate>,
    /// What is sent along with every certificate that it signs.
    pub on_the_wire: Vec<Certificate>,
    /// Why istiod cannot or should not use it; empty if all is well.
    pub problems: Vec<String>,
    /// What istiod leaves out without a word.
    pub skipped: Vec<String>,
}

/// The two forms that istiod reads (istio/istio pilot/pkg/bootstrap/istio_ca.go: `tls.crt` decides).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaForm {
    /// `ca-cert.pem`, `ca-key.pem`, `cert-chain.pem`, `root-cert.pem`.
    Istio,
    /// `tls.crt`, `tls.key`, `ca.crt`, as cert-manager writes them.
    Tls,
}

impl CaForm {
    fn signer(self) -> &'static str {
        match self {
            Self::Istio => "ca-cert.pem",
            Self::Tls => "tls.crt",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Istio => "ca-key.pem",
            Self::Tls => "tls.key",
        }
    }

    /// The data key of what workloads trust.
    pub fn root(self) -> &'static str {
        match self {
            Self::Istio => "root-cert.pem",
            Self::Tls => "ca.crt",
        }
    }

    /// What istiod sends along with what it signs, one file after the other.
    fn chain(self) -> &'static [&'static str] {
        match self {
            Self::Istio => &["cert-chain.pem"],
            Self::Tls => &["tls.crt", "ca.crt"],
        }
    }
}

/// Reads a Secret with a CA, and checks it at this time as istiod does before using it: a key that is absent is a missing
/// file, and the chain may be empty (istio/istio pilot/pkg/bootstrap/istio_ca.go `checkCABundleCompleteness`,
/// security/pkg/pki/util/keycertbundle.go `Verify`).
pub fn read(secret: &Secret, at: Timestamp) -> CaSecret {
    let none = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&none);
    let form = if data.contains_key(CaForm::Tls.signer()) { CaForm::Tls } else { CaForm::Istio };
    let is_own = secret.type_.as_deref() == Some(SELF_SIGNED_TYPE);
    let (mut problems, mut skipped) = (Vec::new(), Vec::new());
    let mut certificates = |keys: &[&str], may_be_empty: bool| {
        let name = keys.join(" and ");
        let missing: Vec<&str> = keys.iter().copied().filter(|key| !data.contains_key(*key)).collect();
        problems.extend(missing.iter().map(|key| format!("{key} is missing")));
        let text: Vec<u8> = keys.iter().filter_map(|key| data.get(*key)).flat_map(|text| text.0.clone()).collect();
        let found = match go_pem::certificates(&text) {
            Ok(found) if found.certificates.is_empty() && !may_be_empty => Err(BundleFault::Empty),
            found => found,
        };
        let fault = found.as_ref().err().filter(|_| missing.is_empty()).copied();
        problems.extend(fault.map(|fault| format!("{name}: {fault}")));
        let found = found.unwrap_or_default();
        if found.skipped > 0 {
            skipped.push(format!("{} of {name}", counted(found.skipped, "certificate")));
        }
        found.certificates
    };
    let signer = certificates(&[form.signer()], false).into_iter().next();
    let roots = certificates(&[form.root()], false);
    // istiod does not read the chain of the root that it keeps for itself.
    let on_the_wire = if is_own { Vec::new() } else { certificates(form.chain(), true) };

    if let Some(signer) = &signer {
        problems.extend(key_problem(signer, data.get(form.key()), form.key()));
        if !roots.is_empty() {
            problems.extend(accepts(&roots, signer, &on_the_wire, at).err().map(|fault| fault.to_string()));
        }
    }
    skipped.dedup();
    let self_signed = is_own || data.contains_key(ISTIO_GENERATED);
    CaSecret { form, self_signed, roots, signer, on_the_wire, problems, skipped }
}

fn key_problem(signer: &Certificate, key: Option<&ByteString>, name: &str) -> Option<String> {
    let Some(key) = key.filter(|key| !key.0.is_empty()) else {
        return Some(format!("{name} is missing"));
    };
    match PrivateKey::from_pem(&key.0) {
        Ok(key) => verify_key(signer, &key).err().map(|fault| format!("{name}: {fault}")),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests;
