//! What an argument's value refers to, and how it is composed of names.

use super::line::Candidate;

/// What an argument's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One name.
    One(Names),
    /// Names with commas between them, each once.
    List(Names),
    /// `NAME=TEXT`, of which the name can be completed.
    Key(Names),
    /// `CLUSTER=REGION`.
    Pair(Names, Names),
    /// `FROM=TO` with commas between them, no name twice in one pair.
    Pairs(Names),
    /// One of these words.
    Words(&'static [&'static str]),
}

/// Names that have to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Contexts of the kubeconfig.
    Contexts,
    /// Users of the kubeconfig.
    Users,
    /// Clusters by the names that a first join gives them: the contexts made DNS labels.
    Joining,
    /// What the plugin itself keeps on this machine.
    Own,
    /// What exists in clusters.
    Live(Live),
}

/// Names that exist in clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Services as `NAME.NAMESPACE`, or `NAME` if the namespace is given.
    Services,
    /// Client workloads of a namespace, or of all if none is given, such as `deploy/curl`.
    Workloads,
    /// Namespaces.
    Namespaces,
    /// Names of the clusters themselves in their mesh.
    Clusters,
    /// Regions of nodes.
    Regions,
    /// ConfigMaps with a label and a name prefix, as `REST.NAMESPACE`.
    ConfigMaps {
        /// The label.
        label: &'static str,
        /// The prefix of their names.
        prefix: &'static str,
    },
}

/// The part of a word that is being typed, and the part before it, which stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What stays, such as `east,` or `eu-west=`.
    pub head: String,
    /// Which names may follow it; none if unknown.
    pub names: Option<Names>,
    /// Names that may not, since they are already there.
    pub taken: Vec<String>,
    /// What follows a name.
    pub tail: Tail,
    /// In a list, the number of its elements including this one.
    pub elements: Option<usize>,
}

/// What follows a name within its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Nothing,
    /// `=`; what comes after it is completed later or not at all.
    Equals,
    /// `=` and another one of these names.
    Another(Names),
}

impl Subject {
    /// Which part of the word is being typed. Of a pair one half is, or both at once.
    pub fn part(self, word: &str, by_halves: bool) -> Part {
        match self {
            Self::One(names) => Part::of("", Some(names)),
            Self::Words(_) => Part::of("", None),
            Self::List(names) => {
                let head = head(word, ',');
                let taken = split(head);
                Part { elements: Some(taken.len() + 1), taken, ..Part::of(head, Some(names)) }
            }
            Self::Key(names) => pair(word, names, None, true),
            Self::Pair(first, second) => pair(word, first, Some(second), by_halves),
            Self::Pairs(names) => {
                let head = head(word, ',');
                let keys: Vec<String> = split(head).iter().map(|pair| key(pair).to_owned()).collect();
                let inner = pair(&word[head.len()..], names, Some(names), by_halves);
                let elements = Some(keys.len() + 1);
                // Where one fails over to may fail over itself.
                let taken = if inner.tail == Tail::Nothing { inner.taken } else { keys };
                Part { head: format!("{head}{}", inner.head), taken, elements, ..inner }
            }
        }
    }
}

impl Part {
    fn of(head: &str, names: Option<Names>) -> Self {
        Self { head: head.to_owned(), names, taken: Vec::new(), tail: Tail::Nothing, elements: None }
    }

    /// The candidates that these names make, with these others behind them where [`Tail::Another`] follows.
    pub fn candidates(&self, names: &[String], others: &[String]) -> Vec<Candidate> {
        let free = names.iter().filter(|name| !self.taken.contains(name));
        let whole = free.flat_map(|name| match self.tail {
            Tail::Nothing => vec![name.clone()],
            Tail::Equals => vec![format!("{name}=")],
            Tail::Another(second) => {
                let may = |other: &&String| self.names != Some(second) || *other != name;
                others.iter().filter(may).map(|other| format!("{name}={other}")).collect()
            }
        });
        whole.map(|text| Candidate { text: format!("{}{text}", self.head), about: String::new() }).collect()
    }

    /// Whether more may follow a name in this word, where these names are all that there are, so that no space does.
    pub fn goes_on(&self, names: &[String]) -> bool {
        self.tail == Tail::Equals || self.elements.is_some_and(|elements| names.len() > elements)
    }
}

/// Everything up to the last separator, with it.
fn head(word: &str, separator: char) -> &str {
    word.rfind(separator).map_or("", |at| &word[..=at])
}

fn split(head: &str) -> Vec<String> {
    head.split(',').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

fn key(pair: &str) -> &str {
    pair.rsplit_once('=').map_or(pair, |(key, _)| key)
}

fn pair(word: &str, first: Names, second: Option<Names>, by_halves: bool) -> Part {
    match (word.rsplit_once('='), second) {
        (None, Some(second)) if !by_halves => Part { tail: Tail::Another(second), ..Part::of("", Some(first)) },
        (None, _) => Part { tail: Tail::Equals, ..Part::of("", Some(first)) },
        (Some((key, _)), second) => {
            let taken = if second == Some(first) { vec![key.to_owned()] } else { Vec::new() };
            Part { taken, ..Part::of(&format!("{key}="), second) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn texts(part: &Part, names: &[&str], others: &[&str]) -> Vec<String> {
        part.candidates(&owned(names), &owned(others)).into_iter().map(|candidate| candidate.text).collect()
    }

    const CONTEXTS: Subject = Subject::List(Names::Contexts);
    const ASSIGNMENT: Subject = Subject::Pair(Names::Live(Live::Clusters), Names::Live(Live::Regions));
    const FAILOVER: Subject = Subject::Pairs(Names::Live(Live::Regions));

    #[test]
    fn the_last_of_a_list_is_completed_and_none_is_named_twice() {
        assert_eq!(texts(&CONTEXTS.part("", true), &["east", "west"], &[]), ["east", "west"]);
        assert_eq!(texts(&CONTEXTS.part("east,we", true), &["east", "west"], &[]), ["east,west"]);
    }

    #[test]
    fn of_a_pair_first_one_side_is_completed_then_the_other() {
        let regions = |word| texts(&FAILOVER.part(word, true), &["eu", "us"], &[]);
        assert_eq!(regions("eu"), ["eu=", "us="]);
        assert_eq!(regions("eu="), ["eu=us"]);
        assert_eq!(regions("eu=us,u"), ["eu=us,us="]);
        assert_eq!(regions("eu=us,us=e"), ["eu=us,us=eu"]);
        assert_eq!(ASSIGNMENT.part("ea", true).names, Some(Names::Live(Live::Clusters)));
        assert_eq!(ASSIGNMENT.part("east=e", true).names, Some(Names::Live(Live::Regions)));
        assert_eq!(Subject::Key(Names::Joining).part("east=n", true).names, None);
        // A cluster and its region may have one name.
        assert_eq!(texts(&ASSIGNMENT.part("eu=", true), &["eu", "us"], &[]), ["eu=eu", "eu=us"]);
        assert_eq!(texts(&ASSIGNMENT.part("", false), &["eu"], &["eu", "us"]), ["eu=eu", "eu=us"]);
    }

    #[test]
    fn both_sides_of_a_pair_are_completed_at_once_where_a_shell_wants_it() {
        let pairs = |word, names: &[&str]| texts(&FAILOVER.part(word, false), names, names);
        assert_eq!(pairs("", &["eu", "us"]), ["eu=us", "us=eu"]);
        assert_eq!(pairs("eu=us,", &["eu", "us", "ap"]), ["eu=us,us=eu", "eu=us,us=ap", "eu=us,ap=eu", "eu=us,ap=us"]);
        assert_eq!(pairs("eu=", &["eu", "us"]), ["eu=us"]);
        let assignments = texts(&ASSIGNMENT.part("ea", false), &["east"], &["eu", "us"]);
        assert_eq!(assignments, ["east=eu", "east=us"]);
        // The name of a new network cannot be known.
        assert_eq!(texts(&Subject::Key(Names::Joining).part("", false), &["east"], &[]), ["east="]);
    }

    #[test]
    fn no_space_follows_where_more_may() {
        let goes_on = |subject: Subject, word, names: &[&str]| subject.part(word, true).goes_on(&owned(names));
        assert!(goes_on(CONTEXTS, "", &["east", "west"]));
        assert!(!goes_on(CONTEXTS, "east,", &["east", "west"]));
        assert!(goes_on(ASSIGNMENT, "ea", &["east"]));
        assert!(!goes_on(ASSIGNMENT, "east=e", &["eu", "us"]));
        assert!(goes_on(FAILOVER, "eu=", &["eu", "us"]));
        assert!(!goes_on(FAILOVER, "eu=us,us=", &["eu", "us"]));
        assert!(!goes_on(Subject::One(Names::Live(Live::Services)), "x", &["x.sample", "y.sample"]));
        assert!(!FAILOVER.part("eu=us,u", false).goes_on(&owned(&["eu", "us"])));
    }
}
