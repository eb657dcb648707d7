//! What a drill changes, as its record stores it. Each kind of change defines how it is made and put back; a fault
//! consists of such changes.

pub mod filter;
pub mod replicas;
pub mod reversible;

use mesh_shared::model::kube::kinds::Target;
use mesh_shared::plugin::error::Result;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use self::replicas::Replicas;
use self::reversible::Reversible;

/// A change. A record stores it under these names for as long as there are records of version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Changed {
    /// The replicas of a workload, to zero.
    Replicas(Replicas),
    /// An EnvoyFilter that the drill makes.
    Filter(Filter),
}

impl Changed {
    /// The names of all kinds in a record.
    pub const KINDS: [&str; 2] = ["replicas", "filter"];

    /// The behaviour of this change.
    pub fn reversible(&self) -> &dyn Reversible {
        match self {
            Self::Replicas(replicas) => replicas,
            Self::Filter(filter) => filter,
        }
    }

    /// The object.
    ///
    /// # Errors
    /// If a record names a kind of object that this program does not know.
    pub fn target(&self) -> Result<Target> {
        let key = self.reversible().object();
        Target::new(&key.kind, &key.namespace, &key.name)
    }
}
