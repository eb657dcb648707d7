//! Arguments that several verbs take.

use clap::{Args, ValueEnum};
use mesh_shared::error::Result;
use mesh_shared::mesh::service::ServiceName;

/// The service that a verb is about.
#[derive(Debug, Clone, Args)]
pub struct ServiceArguments {
    /// The service: NAME.NAMESPACE, its full host, or NAME with -n
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
pub struct WriteArguments {
    /// Write nothing: client shows the plan
    #[arg(long, value_name = "MODE", value_enum, default_value_t = DryRun::None)]
    pub dry_run: DryRun,
    /// Print the objects of each cluster as they would be, instead of writing them
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub output: Option<ManifestFormat>,
    /// Answer yes to the question
    #[arg(short, long)]
    pub yes: bool,
}

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Write.
    None,
    /// Show the plan.
    Client,
}

/// `-o` of a verb that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// A stream of YAML documents.
    Yaml,
    /// A JSON List.
    Json,
}

/// What every verb takes that shows a table.
#[derive(Debug, Clone, Args)]
pub struct TableArguments {
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = TableFormat::Table)]
    pub output: TableFormat,
}

/// `-o` of a verb that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// A table.
    Table,
    /// A table with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}
