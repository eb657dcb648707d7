//! Every code. A new one goes into the file of its category, and the rule that finds it beside the existing rules.

use super::Code;

/// Codes that are in [`all`] by being written down.
macro_rules! codes {
    ($($name:ident = $code:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`, as docs/findings.md has it.")] pub static $name: Code = $code;)*
        pub(super) static ALL: &[&Code] = &[$(&$name),*];
    };
}

pub mod access;
pub mod admission;
pub mod control_plane;
pub mod drill;
pub mod exposure;
pub mod gateway;
pub mod locality;
pub mod mesh;
pub mod observation;
pub mod permissions;
pub mod probe;
pub mod regions;
pub mod report;
pub mod trust;

/// All codes, by category.
pub fn all() -> impl Iterator<Item = &'static Code> {
    let categories = [
        mesh::ALL,
        permissions::ALL,
        admission::ALL,
        observation::ALL,
        trust::ALL,
        control_plane::ALL,
        access::ALL,
        gateway::ALL,
        probe::ALL,
        regions::ALL,
        exposure::ALL,
        locality::ALL,
        drill::ALL,
        report::ALL,
    ];
    categories.into_iter().flatten().copied()
}

/// The code of this name.
pub fn named(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plugin::finding::Severity;

    #[test]
    fn every_code_is_one_category_and_one_name_in_kebab_case_and_there_once() {
        let is_kebab = |part: &str| {
            !part.is_empty()
                && part.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        };
        let mut names = BTreeSet::new();
        for code in all() {
            let parts: Vec<&str> = code.name.split('/').collect();
            assert!(parts.len() == 2 && parts.iter().all(|part| is_kebab(part)), "{code}");
            assert!(names.insert(code.name), "{code} is there twice");
        }
        assert!(!names.is_empty());
    }

    #[test]
    fn every_code_says_what_it_means_and_what_is_no_note_what_to_do() {
        for code in all() {
            assert!(code.meaning.ends_with('.'), "{code}: {}", code.meaning);
            assert!(code.severity == Severity::Note || !code.fix.is_empty(), "{code}");
            assert!(code.fix.is_empty() || code.fix.ends_with('.'), "{code}: {}", code.fix);
            assert!(code.severity != Severity::Error || !code.refused_by.is_empty(), "nobody refuses on {code}");
        }
    }

    #[test]
    fn a_code_is_found_by_its_name() {
        assert_eq!(named("trust/roots-differ"), Some(&trust::ROOTS_DIFFER));
        assert_eq!(named("trust/roots"), None);
    }
}
