//! Names that end up in files, Secrets and labels: checked once, on the way in.

pub mod service;

use std::fmt;

use serde::Serialize;

use crate::plugin::error::{Error, Result};

/// The longest DNS-1123 label, and the longest value of a Kubernetes label.
pub const LABEL_LENGTH: usize = 63;

/// Name of a cluster inside its mesh (`values.global.multiCluster.clusterName`): a DNS-1123 label.
///
/// Names become file names and Secret names, so only a DNS-1123 label is accepted (RFC 1123 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClusterName(String);

/// Name of a network (`values.global.network`): also a DNS-1123 label, since it is a label value on Services and pods.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NetworkName(String);

/// Identifier of a mesh (`values.global.meshID`); it names the folder of its root as well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MeshId(String);

macro_rules! label_name {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The name, if it is a DNS-1123 label.
            ///
            /// # Errors
            /// A usage error that says which character or length is wrong.
            pub fn new(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                match label_fault(&text) {
                    None => Ok(Self(text)),
                    Some(fault) => Err(Error::usage(format!("{} {text:?} is not a DNS-1123 label", $what))
                        .because(fault)
                        .fix("use at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or a digit")),
                }
            }

            /// The bare name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

label_name!(ClusterName, "cluster name");
label_name!(NetworkName, "network");
label_name!(MeshId, "mesh id");

impl ClusterName {
    /// The default for a context: its name in lower case, with everything but letters and digits replaced by `-`. Of a
    /// name that is too long, the end is kept (`arn:aws:eks:…:cluster/shop` ends in what tells clusters apart).
    ///
    /// # Errors
    /// If the context's name has no letter or digit.
    pub fn from_context(context: &str) -> Result<Self> {
        let mapped: String = context
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
            .collect();
        let label = shortened(&mapped);
        Self::new(label).map_err(|_| {
            Error::usage(format!("no cluster name can be made from context {context:?}"))
                .because("it has no letter or digit")
                .fix(format!("name the cluster: --cluster-name '{context}=NAME'"))
        })
    }
}

impl NetworkName {
    /// `network-<cluster>`, shortened to fit.
    pub fn of_cluster(cluster: &ClusterName) -> Self {
        let room = LABEL_LENGTH - "network-".len();
        let text = cluster.as_str();
        let tail = text.get(text.len().saturating_sub(room)..).unwrap_or(text).trim_start_matches('-');
        Self(format!("network-{tail}"))
    }
}

/// The last 63 characters, without repeated, leading or trailing dashes.
fn shortened(text: &str) -> String {
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    let joined = parts.join("-");
    let tail = joined.get(joined.len().saturating_sub(LABEL_LENGTH)..).unwrap_or(&joined);
    tail.trim_matches('-').to_owned()
}

fn label_fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".into());
    }
    if text.len() > LABEL_LENGTH {
        return Some(format!("it has {} characters, at most {LABEL_LENGTH} are allowed", text.len()));
    }
    if let Some(wrong) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        return Some(format!("{wrong:?} is not allowed"));
    }
    (text.starts_with('-') || text.ends_with('-')).then(|| "it begins or ends with '-'".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn default_name(context: &str) -> String {
        ClusterName::from_context(context).unwrap().as_str().to_owned()
    }

    #[test]
    fn contexts_of_every_platform_become_labels() {
        assert_eq!(default_name("east"), "east");
        assert_eq!(
            default_name("arn:aws:eks:eu-west-1:123456789012:cluster/shop"),
            "arn-aws-eks-eu-west-1-123456789012-cluster-shop"
        );
        assert_eq!(
            default_name("default/api-east-example-com:6443/kube:admin"),
            "default-api-east-example-com-6443-kube-admin"
        );
        assert_eq!(default_name("Kind_Prod"), "kind-prod");
    }

    #[test]
    fn a_long_context_keeps_its_end() {
        let name = default_name(&format!("{}/shop", "gke_".repeat(30)));
        assert!(name.len() <= LABEL_LENGTH && name.ends_with("shop"), "{name}");
    }

    #[test]
    fn a_context_without_letters_names_the_flag() {
        let error = ClusterName::from_context("///").unwrap_err();
        assert_eq!(error.remedy, ["name the cluster: --cluster-name '///=NAME'"]);
    }

    #[test]
    fn what_is_wrong_with_a_name_is_said() {
        let fault = |name: &str| ClusterName::new(name).unwrap_err().why.unwrap();
        assert_eq!(fault(""), "it is empty");
        assert_eq!(fault("East"), "'E' is not allowed");
        assert_eq!(fault("../etc"), "'.' is not allowed");
        assert_eq!(fault("-a"), "it begins or ends with '-'");
        assert_eq!(fault(&"a".repeat(64)), "it has 64 characters, at most 63 are allowed");
    }

    proptest! {
        #[test]
        fn every_default_is_a_label(context in "\\PC{1,200}") {
            if let Ok(name) = ClusterName::from_context(&context) {
                prop_assert!(ClusterName::new(name.as_str()).is_ok());
                prop_assert!(NetworkName::new(NetworkName::of_cluster(&name).as_str()).is_ok());
            } else {
                prop_assert!(!context.chars().any(|c| c.is_ascii_alphanumeric()));
            }
        }
    }
}
