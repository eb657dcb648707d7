//! Arguments that several verbs take.

use clap::{Args, ValueEnum};
use mesh_shared::model::names::service::ServiceName;
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
    /// Write nothing: client shows the plan
    #[arg(long, value_name = "MODE", value_enum, default_value_t = DryRun::None, hide_possible_values = true)]
    pub dry_run: DryRun,
    /// Print manifests instead of writing: yaml or json
    ///
    /// The objects of each cluster, as they would be.
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
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
#[command(next_help_heading = "Output")]
pub struct TableArguments {
    /// table, wide, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = TableFormat::Table, hide_possible_values = true)]
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
