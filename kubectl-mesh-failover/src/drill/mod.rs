//! A drill: an experiment with a hypothesis about a steady state.
//!
//! [`experiment`] is what is asked, [`recording`] what happened; [`measure`] makes a report of the two. All three are values.

pub mod experiment;
pub mod measure;
pub mod recording;
