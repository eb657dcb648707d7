//! The Secret that an image is pulled with.

use crate::plugin::error::{Error, Result};

/// A Secret that exists in every cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::str::FromStr for PullSecret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.into(), name: name.into() })
            }
            _ => Err(Error::usage(format!("{text:?} names no Secret"))
                .because("both a namespace and a name are needed")
                .fix("write it as NAMESPACE/NAME")),
        }
    }
}
