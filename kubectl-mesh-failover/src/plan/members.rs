//! Which of the mesh's clusters a command is about.

use mesh_shared::error::{Error, Result};
use mesh_shared::observed::traffic::ObservedTraffic;

/// The clusters of these names in the order of the mesh, or all of them where none is named.
///
/// # Errors
/// A usage error where a name is no cluster of the mesh, with those that are.
pub fn chosen<'a>(names: &[String], seen: &[&'a ObservedTraffic]) -> Result<Vec<&'a ObservedTraffic>> {
    if let Some(unknown) = names.iter().find(|name| !seen.iter().any(|cluster| cluster.name.as_str() == *name)) {
        return Err(no_member("--clusters", unknown, seen));
    }
    let is_chosen =
        |cluster: &&&ObservedTraffic| names.is_empty() || names.iter().any(|name| name == cluster.name.as_str());
    Ok(seen.iter().filter(is_chosen).copied().collect())
}

/// The error for a name that is no cluster of the mesh.
pub fn no_member(what: &str, name: &str, seen: &[&ObservedTraffic]) -> Error {
    let all: Vec<&str> = seen.iter().map(|cluster| cluster.name.as_str()).collect();
    Error::usage(format!("{what} names cluster {name:?}, which is not in the mesh"))
        .because(format!("the clusters are {}", all.join(", ")))
        .fix("name clusters as the mesh does, not by their contexts")
}
