//! A drill: an experiment with a hypothesis about a steady state.
//!
//! [`experiment`] is what is asked, [`recording`] what happened; [`measure`] makes a report of the two. All three are values.
//!
//! Public is what puts back: another program may call it too.

pub mod changed;
pub mod faults;
pub mod fence;
pub mod put_back;
pub mod record;
pub mod recording;
pub mod restore;

pub(crate) mod arguments;
pub(crate) mod command;
pub(crate) mod command_lines;
pub(crate) mod conduct;
pub(crate) mod experiment;
pub(crate) mod governing_rule;
pub(crate) mod inject;
pub(crate) mod list;
pub(crate) mod live_view;
pub(crate) mod locality_rule;
pub(crate) mod lock;
pub(crate) mod measure;
pub(crate) mod object_names;
pub(crate) mod origin;
pub(crate) mod permissions;
pub(crate) mod phase;
pub(crate) mod pods;
pub(crate) mod preflight;
pub(crate) mod preparation;
pub(crate) mod prepared;
pub(crate) mod recover;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod setup;
pub(crate) mod side;
#[cfg(test)]
pub(crate) mod test_mesh;
pub(crate) mod traffic;
pub(crate) mod watch;
pub(crate) mod words;
