//! What the value of an argument is about, and how it is put together of names.

use super::line::Candidate;

/// What an argument's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One name.
    One(Names),
    /// Names with commas between them, each once.
    List(Names),
    /// `NAME=TEXT`, of which the name can be told.
    Key(Names),
    /// `CLUSTER=REGION`.
    Pair(Names, Names),
    /// `FROM=TO` with commas between them, no name twice in one pair.
    Pairs(Names),
    /// One of these words.
    Words(&'static [&'static str]),
}

/// Names that somebody must be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Contexts of the kubeconfig.
    Contexts,
    /// Users of the kubeconfig.
    Users,
    /// Clusters by the names that a first join gives them: the contexts made DNS labels.
    Joining,
    /// Meshes whose root is kept on this machine.
    Meshes,
    /// What stands in clusters.
    Live(Live),
}

/// Names that stand in clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Services as `NAME.NAMESPACE`, or `NAME` where the namespace is given.
    Services,
    /// Client workloads of a namespace, or of all where none is given, such as `deploy/curl`.
    Workloads,
    /// Namespaces.
    Namespaces,
    /// Names of the clusters themselves in their mesh.
    Clusters,
    /// Regions of nodes.
    Regions,
    /// ConfigMaps with a label, whose names begin so, as `REST.NAMESPACE`.
    ConfigMaps {
        /// The label.
        label: &'static str,
        /// How their names begin.
        prefix: &'static str,
    },
}

/// The part of a word that is being typed, and what stands before it and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What stays, such as `east,` or `eu-west=`.
    pub head: String,
    /// Which names may follow it; none where nobody knows.
    pub names: Option<Names>,
    /// Names that may not, since they stand already.
    pub taken: Vec<String>,
    /// What follows a name, such as `=`.
    pub tail: &'static str,
}

impl Subject {
    /// Which part of the word is being typed.
    pub fn part(self, word: &str) -> Part {
        match self {
            Self::One(names) => Part::of("", Some(names)),
            Self::Words(_) => Part::of("", None),
            Self::List(names) => {
                let head = head(word, ',');
                Part { taken: split(head), ..Part::of(head, Some(names)) }
            }
            Self::Key(names) => pair(word, names, None),
            Self::Pair(first, second) => pair(word, first, Some(second)),
            Self::Pairs(names) => {
                let head = head(word, ',');
                let inner = pair(&word[head.len()..], names, Some(names));
                Part { head: format!("{head}{}", inner.head), ..inner }
            }
        }
    }

    /// Whether more may follow a whole name, so that no space does.
    pub fn goes_on(self, part: &Part) -> bool {
        matches!(self, Self::List(_) | Self::Pairs(_)) || !part.tail.is_empty()
    }
}

impl Part {
    fn of(head: &str, names: Option<Names>) -> Self {
        Self { head: head.to_owned(), names, taken: Vec::new(), tail: "" }
    }

    /// The candidates that these names make.
    pub fn candidates(&self, names: &[String]) -> Vec<Candidate> {
        let free = names.iter().filter(|name| !self.taken.contains(name));
        free.map(|name| Candidate { text: format!("{}{name}{}", self.head, self.tail), about: String::new() }).collect()
    }
}

/// Everything up to the last separator, with it.
fn head(word: &str, separator: char) -> &str {
    word.rfind(separator).map_or("", |at| &word[..=at])
}

fn split(head: &str) -> Vec<String> {
    head.split(',').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

fn pair(word: &str, first: Names, second: Option<Names>) -> Part {
    match word.rsplit_once('=') {
        None => Part { tail: "=", ..Part::of("", Some(first)) },
        Some((key, _)) => Part { taken: vec![key.to_owned()], ..Part::of(&format!("{key}="), second) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(subject: Subject, word: &str, names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        subject.part(word).candidates(&names).into_iter().map(|candidate| candidate.text).collect()
    }

    #[test]
    fn the_last_of_a_list_is_completed_and_none_is_named_twice() {
        let contexts = Subject::List(Names::Contexts);
        assert_eq!(texts(contexts, "", &["east", "west"]), ["east", "west"]);
        assert_eq!(texts(contexts, "east,we", &["east", "west"]), ["east,west"]);
    }

    #[test]
    fn of_a_pair_first_one_side_is_completed_then_the_other() {
        let regions = Subject::Pairs(Names::Live(Live::Regions));
        assert_eq!(texts(regions, "eu", &["eu", "us"]), ["eu=", "us="]);
        assert_eq!(texts(regions, "eu=", &["eu", "us"]), ["eu=us"]);
        assert_eq!(texts(regions, "eu=us,u", &["eu", "us"]), ["eu=us,eu=", "eu=us,us="]);
        assert_eq!(texts(regions, "eu=us,us=e", &["eu", "us"]), ["eu=us,us=eu"]);
        let assignment = Subject::Pair(Names::Live(Live::Clusters), Names::Live(Live::Regions));
        assert_eq!(assignment.part("ea").names, Some(Names::Live(Live::Clusters)));
        assert_eq!(assignment.part("east=e").names, Some(Names::Live(Live::Regions)));
        assert_eq!(Subject::Key(Names::Joining).part("east=n").names, None);
    }

    #[test]
    fn no_space_follows_where_more_may() {
        assert!(Subject::List(Names::Contexts).goes_on(&Subject::List(Names::Contexts).part("")));
        let pair = Subject::Pair(Names::Live(Live::Clusters), Names::Live(Live::Regions));
        assert!(pair.goes_on(&pair.part("ea")));
        assert!(!pair.goes_on(&pair.part("east=e")));
        assert!(
            !Subject::One(Names::Live(Live::Services)).goes_on(&Subject::One(Names::Live(Live::Services)).part("x"))
        );
    }
}
