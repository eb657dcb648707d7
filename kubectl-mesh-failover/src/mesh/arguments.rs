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
    /// A usage error if the text does not name one.
    pub fn name(&self) -> Result<ServiceName> {
        ServiceName::parse(&self.service, self.namespace.as_deref())
    }
}

/// The clusters of the mesh.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Mesh")]
pub struct MeshArguments {
    /// Contexts of the mesh's clusters
    ///
    /// By default the current context and its peers, which are found from its remote secrets.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', global = true)]
    pub contexts: Vec<String>,
    /// Context to discover the mesh from
    ///
    /// Its peers are found through its remote secrets; not with --contexts. By default the kubeconfig's current
    /// context.
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "contexts")]
    pub context: Option<String>,
    /// Namespace of istiod
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system", global = true)]
    pub istio_namespace: String,
}

/// The arguments of every verb that writes to clusters.
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
