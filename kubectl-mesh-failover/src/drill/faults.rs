//! Every fault that a drill can inject. What is special about one is in its own file; the rest of the drill uses
//! [`FaultKind`].
//!
//! A new fault takes a file, a line in `faults!` below, roles in docs/permissions, and a row in docs/drills.md.

pub mod by_filter;
pub mod fault_kind;
pub mod scale_to_zero;
pub mod upstream_errors;

#[cfg(test)]
pub(crate) mod latency;

use std::sync::LazyLock;

use mesh_shared::plugin::error::{Error, Result};
use serde::{Deserialize, Serialize};

use self::fault_kind::{BadArgument, FaultEntry, FaultKind};

/// Makes one `Fault` of all of them.
macro_rules! faults {
    ($($(#[$only:meta])* $file:ident::$fault:ident,)+) => {
        /// What is done to the endpoints. In a record and in the JSON report it is an object with the fault's word as
        /// `kind`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Fault {
            $(
                $(#[$only])*
                #[doc = concat!("See [`", stringify!($file), "`].")]
                $fault($file::$fault),
            )+
        }

        impl Fault {
            /// The behaviour of this fault.
            pub fn kind(&self) -> &dyn FaultKind {
                match self {
                    $($(#[$only])* Self::$fault(fault) => fault,)+
                }
            }
        }

        /// How each is written on the command line, and the parser of its argument.
        const ALL: &[(FaultEntry, fn(Option<&str>) -> Result<Fault, BadArgument>)] = &[
            $($(#[$only])* ($file::ENTRY, |argument| $file::$fault::parse(argument).map(Fault::$fault)),)+
        ];
    };
}

faults! {
    scale_to_zero::ScaleToZero,
    upstream_errors::UpstreamErrors,
    #[cfg(test)] latency::Latency,
}

/// The words of all faults that help and completion offer.
pub static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| offered().map(|entry| entry.word).collect());

fn offered() -> impl Iterator<Item = &'static FaultEntry> {
    ALL.iter().map(|(entry, _)| entry).filter(|entry| !entry.hidden)
}

/// Whether this program knows a fault by this word.
pub fn is_known(word: &str) -> bool {
    ALL.iter().any(|(entry, _)| entry.word == word)
}

/// The faults as they are written, such as `scale-to-zero, or upstream-errors[=PERCENT]`.
pub fn usage() -> String {
    alternatives(", or ", |entry| entry.usage)
}

/// What the faults do, in a paragraph.
pub fn help() -> String {
    format!("What is done to the service's endpoints: {}.", alternatives(", or ", |entry| entry.help))
}

fn alternatives(before_last: &str, of: impl Fn(&FaultEntry) -> &'static str) -> String {
    let all: Vec<&str> = offered().map(of).collect();
    match all.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{}{before_last}{last}", rest.join(", ")),
        all => all.concat(),
    }
}

/// Parses a fault from the command line.
///
/// # Errors
/// A usage error that lists the existing ones.
pub fn parse(text: &str) -> Result<Fault> {
    let wrong = |why: String| Error::usage(format!("{text:?} is not a fault")).because(why);
    let (word, argument) = text.split_once('=').map_or((text, None), |(word, argument)| (word, Some(argument)));
    match ALL.iter().find(|(entry, _)| entry.word == word) {
        Some((_, parse)) => {
            parse(argument).map_err(|bad| wrong(bad.why.into()).fix(format!("write it as {}", bad.write)))
        }
        None => Err(wrong(format!("the faults are {}", alternatives(" and ", |entry| entry.word)))
            .meant(text, WORDS.iter().copied())
            .fix(format!("write it as {}", alternatives(" or ", |entry| entry.usage)))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
