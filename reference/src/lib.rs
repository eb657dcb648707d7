//! The manuals of a command line, made of its arguments: pages of help, man pages, a reference in Markdown.
//!
//! The plugins' tests call it, and hold what stands in `docs/` against it; no plugin is built with it. What is hidden in the
//! command line is in no manual.

mod files;
mod findings;
mod man;
mod markdown;
mod pages;
mod wording;

pub use files::settle;
pub use findings::findings;
pub use man::man_pages;
pub use markdown::reference;
pub use pages::transcripts;
pub use wording::{faults, misfits};
