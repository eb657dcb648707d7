//! Arguments that several verbs take.

use clap::Args;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::arguments::{ConsentArguments, ManifestFormat};
use mesh_shared::plugin::error::Result;

/// The service that a verb is about.
#[derive(Debug, Clone, Args)]
pub struct ServiceArguments {
    /// The service: NAME.NAMESPACE, its host, or NAME with -n
    #[arg(value_name = "SERVICE")]
    pub service: String,
    /// Namespace of the service
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

impl ServiceArguments {
    /// The service's name.
    ///
    /// # Errors
    /// A usage error where the text names none.
    pub fn name(&self) -> Result<ServiceName> {
        ServiceName::parse(&self.service, self.namespace.as_deref())
    }
}

/// What every verb takes that writes to clusters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Write")]
pub struct WriteArguments {
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// Print manifests instead of writing: yaml or json
    ///
    /// The objects of each cluster, as they would be.
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<ManifestFormat>,
}
