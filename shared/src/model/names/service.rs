//! The service that a command is about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::LABEL_LENGTH;
use crate::plugin::error::{Error, Result};

/// The suffix of every service's host in a mesh with the default `trustDomain` and proxy domain.
pub const DOMAIN: &str = "svc.cluster.local";

/// A service of the mesh: one name in one namespace, in any number of clusters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ServiceName {
    /// The service that a user names: `name.namespace`, the full host, or `name` alone in the namespace of `-n`.
    ///
    /// # Errors
    /// A usage error if the text is none of these or has no namespace.
    pub fn parse(text: &str, namespace: Option<&str>) -> Result<Self> {
        let wrong = |why: String| {
            Error::usage(format!("{text:?} names no service"))
                .because(why)
                .fix("write it as NAME.NAMESPACE, as the full host, or as NAME with -n NAMESPACE")
        };
        let short = text.strip_suffix(DOMAIN).map_or(text, |rest| rest.trim_end_matches('.'));
        let short = short.strip_suffix(".svc").unwrap_or(short);
        let parts: Vec<&str> = short.split('.').collect();
        let (name, namespace) = match (parts.as_slice(), namespace) {
            ([name], Some(namespace)) => (*name, namespace),
            ([_], None) => return Err(wrong("it has no namespace".into())),
            ([name, own], None) => (*name, *own),
            ([name, own], Some(given)) if *own == given => (*name, *own),
            ([_, own], Some(given)) => {
                return Err(wrong(format!("it is in namespace {own}, but -n names {given}")));
            }
            _ => return Err(wrong("it is neither NAME.NAMESPACE nor a host of the cluster's domain".into())),
        };
        for part in [name, namespace] {
            if !is_label(part) {
                return Err(wrong(format!("{part:?} is not a valid Kubernetes name")));
            }
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The full host, such as `helloworld.sample.svc.cluster.local`.
    pub fn host(&self) -> String {
        format!("{self}.{DOMAIN}")
    }
}

impl fmt::Display for ServiceName {
    /// `helloworld.sample`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.name, self.namespace))
    }
}

fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= LABEL_LENGTH
        && text.chars().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, namespace: Option<&str>) -> Result<String> {
        ServiceName::parse(text, namespace).map(|service| service.host())
    }

    #[test]
    fn a_service_is_named_in_each_of_its_ways() {
        let host = Ok("helloworld.sample.svc.cluster.local".to_owned());
        for text in ["helloworld.sample", "helloworld.sample.svc", "helloworld.sample.svc.cluster.local"] {
            assert_eq!(parse(text, None), host, "{text}");
            assert_eq!(parse(text, Some("sample")), host, "{text}");
        }
        assert_eq!(parse("helloworld", Some("sample")), host);
    }

    #[test]
    fn what_names_no_service_is_refused() {
        for (text, namespace) in [
            ("helloworld", None),
            ("helloworld.sample", Some("other")),
            ("a.b.c", None),
            ("", Some("sample")),
            ("Hello.sample", None),
            ("api.example.com", None),
            ("..", None),
        ] {
            assert!(parse(text, namespace).is_err(), "{text}");
        }
    }
}
