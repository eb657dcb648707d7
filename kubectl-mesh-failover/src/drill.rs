//! A drill: an experiment with a hypothesis about a steady state.
//!
//! [`experiment`] is what is to be shown, [`recording`] what happened; [`measure`] turns both into a report. All are
//! values.
//!
//! What puts changes back is public: another program may call it too.

pub(crate) mod arguments;
pub mod changed;
pub(crate) mod command;
pub(crate) mod command_lines;
pub(crate) mod conduct;
pub(crate) mod experiment;
pub mod fault_record;
pub mod faults;
pub mod fence;
pub(crate) mod find_governing_rule;
pub(crate) mod governing_rule;
pub(crate) mod inject;
pub(crate) mod list_command;
pub(crate) mod live_answerers;
pub(crate) mod live_view;
pub(crate) mod lock;
pub(crate) mod measure;
pub(crate) mod object_names;
pub(crate) mod observers;
pub(crate) mod permissions;
pub(crate) mod phase;
pub(crate) mod pods;
pub(crate) mod preflight;
pub(crate) mod preparation;
pub(crate) mod prepared;
pub mod put_back;
pub mod recording;
pub(crate) mod recover_command;
pub(crate) mod report;
pub mod request_outcome;
pub mod restore_outcome;
pub(crate) mod run_command;
pub(crate) mod setup;
pub(crate) mod side;
pub(crate) mod traffic;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod test_mesh;
