//! What `kubectl mesh-mc` completes of values.

use mesh_shared::plugin::completion::line::{Line, Wanted};
use mesh_shared::plugin::completion::subject::{Names, Subject};

/// What the value of an argument is, by its id.
pub fn subject(line: &Line) -> Option<Subject> {
    let Wanted::Value(argument) = &line.wanted else { return None };
    Some(match argument.as_str() {
        "contexts" => Subject::List(Names::Contexts),
        "user" => Subject::One(Names::Users),
        "mesh_id" => Subject::One(Names::Meshes),
        "cluster_names" => Subject::Key(Names::Contexts),
        "networks" | "api_servers" => Subject::Key(Names::Joining),
        _ => return None,
    })
}
