//! Every fault that a drill can make. All that is special of one is in its own file; the rest of the drill asks it by [`Kind`].
//!
//! A new fault is its file and its line in `faults!` below, its roles in docs/permissions, and its row in docs/drills.md.

pub mod by_filter;
pub mod kind;
#[cfg(test)]
pub mod latency;
pub mod scale_to_zero;
pub mod upstream_errors;

use std::sync::LazyLock;

use mesh_shared::error::{Error, Result};
use serde::{Deserialize, Serialize};

use self::kind::{About, BadArgument, Kind};

/// Makes one `Fault` of all of them.
macro_rules! faults {
    ($($(#[$only:meta])* $file:ident::$fault:ident,)+) => {
        /// What is done to the endpoints. In a record and in the JSON report it is an object with the fault's word as `kind`.
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
            /// What this fault says of itself.
            pub fn kind(&self) -> &dyn Kind {
                match self {
                    $($(#[$only])* Self::$fault(fault) => fault,)+
                }
            }
        }

        /// How each is written on a command line, and what reads its argument.
        const ALL: &[(About, fn(Option<&str>) -> Result<Fault, BadArgument>)] = &[
            $($(#[$only])* ($file::ABOUT, |argument| $file::$fault::parse(argument).map(Fault::$fault)),)+
        ];
    };
}

faults! {
    scale_to_zero::ScaleToZero,
    upstream_errors::UpstreamErrors,
    #[cfg(test)] latency::Latency,
}

/// The words of all faults that help and completion name.
pub static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| offered().map(|about| about.word).collect());

fn offered() -> impl Iterator<Item = &'static About> {
    ALL.iter().map(|(about, _)| about).filter(|about| !about.hidden)
}

/// Whether this program knows a fault of this word.
pub fn is_known(word: &str) -> bool {
    ALL.iter().any(|(about, _)| about.word == word)
}

/// The faults as they are written, such as `scale-to-zero, or upstream-errors[=PERCENT]`.
pub fn usage() -> String {
    alternatives(", or ", |about| about.usage)
}

/// What they do, in a paragraph.
pub fn help() -> String {
    format!("What is done to the service's endpoints: {}.", alternatives(", or ", |about| about.help))
}

fn alternatives(before_last: &str, of: impl Fn(&About) -> &'static str) -> String {
    let all: Vec<&str> = offered().map(of).collect();
    match all.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{}{before_last}{last}", rest.join(", ")),
        all => all.concat(),
    }
}

/// The fault that a command line names.
///
/// # Errors
/// A usage error with those that there are.
pub fn parse(text: &str) -> Result<Fault> {
    let wrong = |why: String| Error::usage(format!("{text:?} is no fault")).because(why);
    let (word, argument) = text.split_once('=').map_or((text, None), |(word, argument)| (word, Some(argument)));
    match ALL.iter().find(|(about, _)| about.word == word) {
        Some((_, parse)) => {
            parse(argument).map_err(|bad| wrong(bad.why.into()).fix(format!("write it as {}", bad.write)))
        }
        None => Err(wrong(format!("there are {}", alternatives(" and ", |about| about.word)))
            .meant(text, WORDS.iter().copied())
            .fix(format!("write it as {}", alternatives(" or ", |about| about.usage)))),
    }
}

#[cfg(test)]
pub mod tests;
