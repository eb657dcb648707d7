//! A world as its file has it: where it comes from, what is true in it, and what each of our commands must say there.
//!
//! tests/worlds/README.md explains every field. What the format does not know is refused.

use std::fmt;

use mesh_shared::plugin::finding::{Code, codes};
use meshlab::spec::DOMAIN;
use regex_lite::Regex;
use serde::{Deserialize, Deserializer};

/// A mesh as somebody else makes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    /// Name of its folder.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) source: Vec<Source>,
    pub(crate) kind: Kind,
    pub(crate) tier: Tier,
    #[serde(default)]
    pub(crate) operator: Operator,
    /// What names of Services end with in its clusters.
    #[serde(default = "default_domain")]
    pub(crate) cluster_domain: String,
    pub(crate) facts: Vec<Fact>,
    /// What is true besides where a recorded world is made in whole clusters; none where it is not made there.
    pub(crate) live: Option<Vec<Fact>>,
    pub(crate) commands: Vec<Command>,
    /// What is true once the commands were run.
    #[serde(default)]
    pub(crate) afterwards: Vec<Fact>,
}

fn default_domain() -> String {
    DOMAIN.to_owned()
}

/// Where its manifests and commands were read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) what: String,
    pub(crate) address: String,
    pub(crate) version: String,
    pub(crate) licence: String,
}

/// What it is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Whole clusters.
    Live,
    /// API servers that hold the objects of a mesh with their status, and nothing that acts on them.
    Recorded,
}

/// Which run it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tier {
    /// `make test` and `make test-all`.
    Test,
    /// `make test-all` alone.
    All,
}

/// Whether its clusters have the Sail operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operator {
    #[default]
    Sail,
    None,
}

/// Something that is true, by the word of somebody else than us.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    pub(crate) what: String,
    pub(crate) judge: Judge,
    pub(crate) run: String,
    #[serde(default)]
    pub(crate) says: Vec<Pattern>,
    #[serde(default)]
    pub(crate) silent: Vec<Pattern>,
}

/// Who knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Judge {
    Istioctl,
    Istiod,
    Envoy,
    Openssl,
    Kubectl,
    /// A request from a pod, and who answered it.
    Traffic,
}

/// One of our commands, as it is typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    pub(crate) run: String,
    pub(crate) why: String,
    pub(crate) expect: Vec<Expectation>,
}

/// What is right, and whether we are known to be wrong about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Expectation {
    pub(crate) what: What,
    pub(crate) known: Option<Known>,
}

/// What a command must do.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Exit(i32),
    Says(Pattern),
    Silent(Pattern),
    /// It finds what has this code.
    Finds(&'static Code),
    /// By the audit logs of all clusters.
    WritesNothing,
    /// It is meant to change something.
    MayWrite,
}

/// Why an expectation fails today, and what takes that away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Such as `join M7`: the row in the review that this is.
    pub(crate) finding: String,
    pub(crate) issue: u32,
    pub(crate) why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    exit: Option<i32>,
    says: Option<Pattern>,
    silent: Option<Pattern>,
    code: Option<String>,
    writes: Option<Writes>,
    known: Option<Known>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Writes {
    Nothing,
    Something,
}

impl TryFrom<Written> for Expectation {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let writes = written.writes.map(|writes| match writes {
            Writes::Nothing => What::WritesNothing,
            Writes::Something => What::MayWrite,
        });
        let named = |name: String| codes::named(&name).ok_or_else(|| format!("docs/findings.md has no code {name}"));
        let given = [
            written.exit.map(What::Exit),
            written.says.map(What::Says),
            written.silent.map(What::Silent),
            written.code.map(named).transpose()?.map(What::Finds),
            writes,
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(what), None) => Ok(Self { what, known: written.known }),
            _ => Err("an expectation is one of exit, says, silent, code and writes".to_owned()),
        }
    }
}

/// A regular expression, looked for in all that a program wrote.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pattern = Regex::new(&text).map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}")))?;
        Ok(Self(pattern))
    }
}

impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "exit {code}"),
            Self::Says(pattern) => write!(formatter, "says `{pattern}`"),
            Self::Silent(pattern) => write!(formatter, "does not say `{pattern}`"),
            Self::Finds(code) => write!(formatter, "finds {code}"),
            Self::WritesNothing => formatter.write_str("writes nothing"),
            Self::MayWrite => formatter.write_str("may write"),
        }
    }
}

impl World {
    /// Reads the file of a world.
    ///
    /// # Errors
    /// What the format does not know or what is missing: a command without a word on what it writes, a world without a fact
    /// or without a source.
    pub(crate) fn parse(name: &str, yaml: &str) -> Result<Self, String> {
        let mut world: Self = serde_yaml::from_str(yaml).map_err(|error| format!("{name}: {error}"))?;
        name.clone_into(&mut world.name);
        world.check().map_err(|why| format!("{name}: {why}"))?;
        Ok(world)
    }

    /// The same world of another kind: a recorded one that is made in whole clusters as well has more facts there, and the
    /// same is to be said of it.
    pub(crate) fn of_kind(mut self, kind: Kind) -> Option<Self> {
        if self.kind == kind {
            return Some(self);
        }
        self.facts.extend(self.live.take()?);
        (self.kind, self.tier) = (Kind::Live, Tier::All);
        Some(self)
    }

    fn check(&self) -> Result<(), String> {
        for (what, is_empty) in [
            ("source", self.source.is_empty()),
            ("facts", self.facts.is_empty()),
            ("commands", self.commands.is_empty()),
        ] {
            if is_empty {
                return Err(format!("{what} is empty"));
            }
        }
        if self.live.is_some() && self.kind == Kind::Live {
            return Err("it is live by its kind: what is true in it are its facts".to_owned());
        }
        if self.live.as_ref().is_some_and(Vec::is_empty) {
            return Err("live is empty".to_owned());
        }
        for fact in self.facts.iter().chain(self.live.iter().flatten()).chain(&self.afterwards) {
            if fact.says.is_empty() && fact.silent.is_empty() {
                return Err(format!("fact {:?} says nothing of what is to be seen", fact.what));
            }
        }
        for command in &self.commands {
            command.check().map_err(|why| format!("command {:?}: {why}", command.run))?;
        }
        Ok(())
    }
}

impl Command {
    fn check(&self) -> Result<(), String> {
        if !self.run.starts_with("kubectl mesh-") {
            return Err("it is none of ours".to_owned());
        }
        let count = |is: fn(&What) -> bool| self.expect.iter().filter(|expectation| is(&expectation.what)).count();
        if count(|what| matches!(what, What::WritesNothing | What::MayWrite)) != 1 {
            return Err("it has to say once what it writes".to_owned());
        }
        if self.expect.len() < 2 {
            return Err("nothing is expected of what it does".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: &str = "
title: A mesh
source: [{what: a guide, address: 'https://example.test', version: '1', licence: Apache-2.0}]
kind: recorded
tier: test
facts:
- {what: it is so, judge: kubectl, run: kubectl version, says: ['v1\\.']}
commands:
- run: kubectl mesh-mc join --contexts east,west --dry-run=client
  why: it is whole
  expect:
  - exit: 0
    known: {finding: join M7, issue: 22, why: pilot.cni is asked for}
  - says: Nothing to change
  - writes: nothing
";

    fn with(old: &str, new: &str) -> Result<World, String> {
        assert!(WORLD.contains(old), "{old}");
        World::parse("a-mesh", &WORLD.replace(old, new))
    }

    #[test]
    fn a_world_is_read_with_what_is_known_to_be_wrong() {
        let world = World::parse("a-mesh", WORLD).unwrap();
        assert_eq!((world.name.as_str(), world.kind, world.operator), ("a-mesh", Kind::Recorded, Operator::Sail));
        let [exit, says, writes] = &world.commands[0].expect[..] else { panic!("{world:?}") };
        assert_eq!(exit.known.as_ref().unwrap().issue, 22);
        assert!(says.known.is_none());
        assert_eq!(says.what.to_string(), "says `Nothing to change`");
        assert!(matches!(writes.what, What::WritesNothing));
    }

    #[test]
    fn a_field_that_the_format_does_not_know_is_refused() {
        for (old, new) in [
            ("tier: test", "tier: test\nspeed: 3"),
            ("licence:", "license:"),
            ("judge: kubectl", "judge: kubectl, waits: 3"),
            ("judge: kubectl", "judge: us"),
            ("why: it is whole", "why: it is whole\n  twice: true"),
            ("issue: 22", "issue: 22, until: later"),
            ("- exit: 0", "- exit: 0\n    reason: trust"),
        ] {
            assert!(with(old, new).is_err(), "{new}");
        }
    }

    #[test]
    fn a_code_is_one_that_there_is() {
        let world = with("- says: Nothing to change", "- code: trust/roots-differ").unwrap();
        assert_eq!(world.commands[0].expect[1].what.to_string(), "finds trust/roots-differ");
        assert!(with("- says: Nothing to change", "- code: trust/roots").unwrap_err().contains("trust/roots"));
    }

    #[test]
    fn an_expectation_is_one_thing() {
        assert!(with("- exit: 0", "- exit: 0\n    says: a").unwrap_err().contains("one of"));
        assert!(with("- says: Nothing to change", "- {}").unwrap_err().contains("one of"));
    }

    #[test]
    fn a_command_says_what_it_writes_and_one_thing_more() {
        assert!(with("  - writes: nothing\n", "").unwrap_err().contains("what it writes"));
        let (before, _) = WORLD.split_once("  - exit: 0").unwrap();
        let alone = format!("{before}  - writes: nothing\n");
        assert!(World::parse("a-mesh", &alone).unwrap_err().contains("nothing is expected"));
        assert!(with("run: kubectl mesh-mc", "run: kubectl").unwrap_err().contains("none of ours"));
    }

    #[test]
    fn a_fact_that_shows_nothing_and_a_pattern_that_is_none_are_refused() {
        assert!(with(", says: ['v1\\.']", "").unwrap_err().contains("to be seen"));
        assert!(with("'v1\\.'", "'('").is_err());
    }

    #[test]
    fn a_recorded_world_that_is_made_live_too_has_more_facts_there_and_takes_its_time() {
        assert!(World::parse("a-mesh", WORLD).unwrap().of_kind(Kind::Live).is_none());
        let more = "live: [{what: it runs, judge: istiod, run: b, says: [c]}]\ncommands:";
        let live = with("commands:", more).unwrap().of_kind(Kind::Live).unwrap();
        assert_eq!((live.kind, live.tier, live.facts.len(), live.commands.len()), (Kind::Live, Tier::All, 2, 1));
        let recorded = with("commands:", more).unwrap().of_kind(Kind::Recorded).unwrap();
        assert_eq!((recorded.kind, recorded.tier, recorded.facts.len()), (Kind::Recorded, Tier::Test, 1));
        assert!(with("commands:", "live: []\ncommands:").unwrap_err().contains("live is empty"));
        assert!(live.of_kind(Kind::Recorded).is_none());
    }

    #[test]
    fn a_world_without_a_source_is_refused() {
        let source = "source: [{what: a guide, address: 'https://example.test', version: '1', licence: Apache-2.0}]";
        assert!(with(source, "source: []").unwrap_err().contains("source is empty"));
    }
}
