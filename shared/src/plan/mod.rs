//! What will be done, why, and in which order: data that is shown, compared, serialised, tested, and only then executed.

pub mod action;
pub mod change;
pub mod diff;
pub mod order;
pub mod ownership;
pub mod patch;
