//! Which Service has which of a cluster's addresses.

use std::collections::BTreeMap;

use crate::spec::BALANCED;

/// Numbers of addresses by the Services that have them, as `namespace/name`.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    given: BTreeMap<String, u8>,
}

impl Addresses {
    /// All that there are.
    pub(super) fn all() -> impl Iterator<Item = u8> {
        1..=BALANCED
    }

    /// Notes what a Service has from before, unless another has it.
    pub(super) fn keep(&mut self, service: &str, number: u8) {
        if !self.given.values().any(|given| *given == number) {
            self.given.insert(service.to_owned(), number);
        }
    }

    /// The number of a Service: the one that it has, or the first that is free. None where all are given away.
    pub(super) fn of(&mut self, service: &str) -> Option<u8> {
        if let Some(number) = self.given.get(service) {
            return Some(*number);
        }
        let free = Self::all().find(|number| !self.given.values().any(|given| given == number))?;
        self.given.insert(service.to_owned(), free);
        Some(free)
    }

    /// Takes a Service's number back.
    pub(super) fn free(&mut self, service: &str) {
        self.given.remove(service);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_an_address_of_its_own_and_keeps_it() {
        let mut addresses = Addresses::default();
        assert_eq!([addresses.of("a/x"), addresses.of("a/y"), addresses.of("a/x")], [Some(1), Some(2), Some(1)]);
        addresses.free("a/x");
        assert_eq!([addresses.of("b/z"), addresses.of("a/y"), addresses.of("a/x")], [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn what_a_service_has_from_before_is_given_to_no_other() {
        let mut addresses = Addresses::default();
        addresses.keep("a/y", 1);
        addresses.keep("a/z", 1);
        assert_eq!([addresses.of("a/x"), addresses.of("a/y"), addresses.of("a/z")], [Some(2), Some(1), Some(3)]);
    }

    #[test]
    fn there_is_an_end_of_them() {
        let mut addresses = Addresses::default();
        assert!(Addresses::all().all(|number| addresses.of(&format!("a/{number}")) == Some(number)));
        assert_eq!(addresses.of("a/more"), None);
    }
}
