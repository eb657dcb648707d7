//! What makes a context unusable, in our own sentences: kube's quote values of the kubeconfig, which may be secrets (a
//! password in `proxy-url`, a key in place of its path). Names of fields and entries are shown, and what the operating
//! system says.

use kube::client::RustlsTlsError;
use kube::config::{KubeconfigError, LoadDataError};

use crate::cluster::api_fault::clean;

/// What is wrong with the entries of a kubeconfig.
pub(super) fn kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::CurrentContextNotSet => "no context is named, and the kubeconfig has no current one".into(),
        KubeconfigError::KindMismatch => "one file is of another kind than the one before".into(),
        KubeconfigError::ApiVersionMismatch => "one file has another apiVersion than the one before".into(),
        KubeconfigError::LoadContext(_) => "the context names no cluster".into(),
        KubeconfigError::LoadClusterOfContext(name) => format!("the kubeconfig has no cluster {:?}", clean(name)),
        KubeconfigError::FindPath => "the path of the kubeconfig is not known".into(),
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(_) => "it is not a kubeconfig".into(),
        KubeconfigError::MissingClusterUrl => "its cluster has no server".into(),
        KubeconfigError::ParseClusterUrl(_) => "the server of its cluster is not an address".into(),
        KubeconfigError::ParseProxyUrl(_) => "the proxy-url of its cluster, or HTTPS_PROXY, is not an address".into(),
        KubeconfigError::LoadCertificateAuthority(error) => data("certificate-authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("client-certificate", error),
        KubeconfigError::LoadClientKey(error) => data("client-key", error),
        KubeconfigError::ParseCertificates(_) => "the certificate-authority of its cluster is not PEM".into(),
        KubeconfigError::ParseNoProxy(_) => "NO_PROXY is not a list of hosts".into(),
    }
}

/// The path is not shown: it may be the key itself, put in the wrong place.
fn data(field: &str, error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => format!("{field}-data is not base64"),
        LoadDataError::ReadFile(error, _) => format!("the file that {field} names cannot be read: {error}"),
        LoadDataError::NoBase64DataOrFile => format!("neither {field} nor {field}-data is there"),
    }
}

/// What keeps a client from being made for a context, other than its credentials.
pub(super) fn client(error: &kube::Error) -> String {
    match error {
        kube::Error::InferKubeconfig(error) => kubeconfig(error),
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            "the proxy-url of its cluster, or HTTPS_PROXY, does not begin with http, https or socks5".into()
        }
        kube::Error::RustlsTls(error) => tls(error),
        kube::Error::HttpError(_) => {
            "what it impersonates (as, as-groups, as-uid, as-user-extra) cannot be sent in a header".into()
        }
        _ => "no client can be made from it".into(),
    }
}

fn tls(error: &RustlsTlsError) -> String {
    match error {
        RustlsTlsError::InvalidIdentityPem(_) => "the client certificate or its key is not PEM".into(),
        RustlsTlsError::MissingPrivateKey => "the client certificate has no key in PKCS#8 or PKCS#1".into(),
        RustlsTlsError::MissingCertificate => "there is a client key but no certificate".into(),
        RustlsTlsError::InvalidPrivateKey(_) => "the client key cannot be used with its certificate".into(),
        RustlsTlsError::UnknownPrivateKeyFormat => "the client key is neither PKCS#8 nor PKCS#1".into(),
        RustlsTlsError::AddRootCertificate(_) => "the certificate-authority of its cluster is not a certificate".into(),
        RustlsTlsError::NoValidNativeRootCA(error) => {
            format!("the certificate authorities of this machine cannot be read: {error}")
        }
        RustlsTlsError::InvalidServerName(_) => "the tls-server-name of its cluster is not a name".into(),
    }
}
