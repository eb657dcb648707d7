//! Completion of argument values of `kubectl mesh-mc`.

use mesh_shared::plugin::completion::line::{Line, Wanted};
use mesh_shared::plugin::completion::subject::{Names, Subject};

use crate::keep::ca_folder;

/// The meshes whose root is kept on this machine.
pub fn meshes() -> Vec<String> {
    ca_folder::meshes().unwrap_or_default()
}

/// What to complete for the value of an argument, by the argument's id.
pub fn subject(line: &Line) -> Option<Subject> {
    let Wanted::Value(argument) = &line.wanted else { return None };
    Some(match argument.as_str() {
        "contexts" => Subject::List(Names::Contexts),
        "user" => Subject::One(Names::Users),
        "mesh_id" => Subject::One(Names::Own),
        "cluster_names" => Subject::Key(Names::Contexts),
        "networks" | "api_servers" => Subject::Key(Names::Joining),
        _ => return None,
    })
}
