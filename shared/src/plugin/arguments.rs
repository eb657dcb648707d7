//! Arguments that mean the same wherever they are accepted.

use clap::{Args, ValueEnum};

/// The arguments of every verb that asks before it changes something.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Write")]
pub struct ConsentArguments {
    /// Change nothing: show the plan
    ///
    /// Without a value: client.
    #[arg(long, value_name = "MODE", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client",
        default_value_t = DryRun::None, hide_default_value = true, hide_possible_values = true)]
    pub dry_run: DryRun,
    /// Answer yes to the question
    #[arg(short, long)]
    pub yes: bool,
}

impl ConsentArguments {
    /// Whether to show the plan and do nothing else.
    pub fn only_shows(&self) -> bool {
        self.dry_run == DryRun::Client
    }
}

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Write.
    None,
    /// Show the plan.
    Client,
}

/// `-o` of a verb that writes: the manifests of what would be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// A stream of YAML documents.
    Yaml,
    /// A JSON List.
    Json,
}

/// The arguments of every verb that shows a table.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct TableArguments {
    /// table, wide, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = TableFormat::Table, hide_possible_values = true)]
    pub output: TableFormat,
}

/// `-o` of a verb that reads.
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

/// `-o` of a drill: its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
