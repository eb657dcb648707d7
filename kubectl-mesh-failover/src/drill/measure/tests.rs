//! Whole drills as streams of events, and the reports on them.

#![allow(clippy::unwrap_used)]
#![allow(clippy::float_cmp, reason = "times of the streams are whole milliseconds")]

mod failures;
mod losses;
mod properties;
pub mod stream;
mod whole;
