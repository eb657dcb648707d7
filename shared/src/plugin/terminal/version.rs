//! The verb `version` of both plugins.

use clap::{Args, ValueEnum};

use crate::plugin::release::{About, SailOperator};
use crate::plugin::yaml;

/// Print the version, its commit, and what it was tested against
#[derive(Debug, Clone, Args)]
pub struct VersionArguments {
    /// Print it as data
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// What the verb prints of a build. `words` is its line of `--version`.
pub fn version(arguments: &VersionArguments, words: &str, about: &About) -> String {
    // Its fields always serialise: they hold text and truth values only.
    let value = serde_json::to_value(about).unwrap_or_default();
    match arguments.output {
        Some(Format::Json) => format!("{value:#}\n"),
        Some(Format::Yaml) => yaml::document(&value),
        None => text(words, about),
    }
}

fn text(words: &str, about: &About) -> String {
    let commit = match (about.commit, about.changed) {
        (Some(commit), Some(true)) => format!("{commit}, and changes that are in no commit"),
        (Some(commit), _) => commit.to_owned(),
        (None, _) => "not set at build time".to_owned(),
    };
    let tested = about.tested_against;
    let operator = match tested.sail_operator {
        SailOperator::StandIn => "on the operator's own CRDs; a stand-in acted as the operator",
    };
    format!(
        "kubectl {plugin} {words}
commit    {commit}
platform  {platform}

tested against
  Kubernetes  {kubernetes}
  Istio       {istio}, {data_plane} mode
  Sail API    {api}, {operator}
not tested by this project: the Sail operator itself, OpenShift, load balancers of clouds
",
        plugin = about.plugin,
        platform = about.platform,
        kubernetes = tested.kubernetes,
        istio = tested.istio,
        data_plane = tested.data_plane,
        api = tested.sail_api.join(" and "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::release::Build;

    fn printed(output: Option<Format>) -> String {
        let build = Build {
            plugin: "mesh-mc",
            package: "0.1.0",
            release: Some("v1.2.3"),
            commit: Some("0123456789abcdef0123456789abcdef01234567-dirty"),
        };
        let about = About { platform: "linux/arm64".into(), ..build.about() };
        version(&VersionArguments { output }, &build.words(), &about)
    }

    #[test]
    fn a_release_says_what_it_is_and_what_it_was_tested_against() {
        insta::assert_snapshot!(printed(None));
    }

    #[test]
    fn it_is_data_too() {
        insta::assert_snapshot!(printed(Some(Format::Yaml)));
        let json: serde_json::Value = serde_json::from_str(&printed(Some(Format::Json))).unwrap();
        assert_eq!(json["version"], "v1.2.3");
    }
}
