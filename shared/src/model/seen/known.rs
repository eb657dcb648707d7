//! A facet that was read, may not be read, or was not asked for.

use serde::Serialize;

use crate::plugin::error::{Error, Result};

/// A facet of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Known<T> {
    /// It was read.
    Known(T),
    /// It may not be read; the error says what is missing.
    Unknown(Box<Error>),
    /// It was not asked for.
    #[default]
    NotAsked,
}

impl<T> Known<T> {
    /// What was read, if it was.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(seen) => Some(seen),
            Self::Unknown(_) | Self::NotAsked => None,
        }
    }

    /// The same, mutable.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Known(seen) => Some(seen),
            Self::Unknown(_) | Self::NotAsked => None,
        }
    }

    /// Applies `of` to what was read.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Known(seen) => Known::Known(of(seen)),
            Self::Unknown(error) => Known::Unknown(error),
            Self::NotAsked => Known::NotAsked,
        }
    }

    /// Checks that a facet that was asked for was read.
    ///
    /// # Errors
    /// The error that says why it may not be read.
    pub fn must_be_known(&self) -> Result<()> {
        match self {
            Self::Unknown(error) => Err(error.as_ref().clone()),
            Self::Known(_) | Self::NotAsked => Ok(()),
        }
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.known().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_can_be_missing() {
        let error = Error::failed("no").fix("ask for it");
        assert!(Known::<u8>::NotAsked.must_be_known().is_ok() && Known::Known(1).must_be_known().is_ok());
        assert_eq!(Known::<u8>::Unknown(Box::new(error.clone())).must_be_known(), Err(error));
    }
}
