//! A drill: an experiment with a hypothesis about a steady state.
//!
//! [`experiment`] is what is asked, [`recording`] what happened; [`measure`] makes a report of the two. All three are values.

pub mod changed;
pub mod command_lines;
pub mod conduct;
pub mod experiment;
pub mod faults;
pub mod fence;
pub mod governing_rule;
pub mod inject;
pub mod lock;
pub mod measure;
pub mod object_names;
pub mod origin;
pub mod permissions;
pub mod phase;
pub mod pods;
pub mod preflight;
pub mod put_back;
pub mod record;
pub mod recording;
pub mod restore;
pub mod side;
#[cfg(test)]
pub mod test_mesh;
pub mod traffic;
pub mod watch;
