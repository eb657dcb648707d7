//! What a drill changes, as its record keeps it. Each kind of change says how it is made and what putting it back means; a fault
//! is made of such changes.

pub mod filter;
pub mod replicas;
pub mod reversible;

use mesh_shared::model::kube::kinds::Target;
use mesh_shared::plugin::error::Result;
use serde::{Deserialize, Serialize};

use self::filter::Filter;
use self::replicas::Replicas;
use self::reversible::Reversible;

/// Something that is changed. A record holds it by these names for as long as there are records of version 1.
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

    /// What this change says of itself.
    pub fn reversible(&self) -> &dyn Reversible {
        match self {
            Self::Replicas(replicas) => replicas,
            Self::Filter(filter) => filter,
        }
    }

    /// The object.
    ///
    /// # Errors
    /// Where a record names a kind of object that is not known to this program.
    pub fn target(&self) -> Result<Target> {
        let key = self.reversible().object();
        Target::new(&key.kind, &key.namespace, &key.name)
    }
}
