//! What a rule finds: something that stands in the way of a command, that costs something, or that is good to know.
//!
//! A rule is a function from what was observed to findings. Each has a [`Code`], by which scripts know it and docs/findings.md
//! lists it. What was found is a [`Claim`] until it says what to do: only then it is a [`Finding`]. A verb collects the
//! [`Findings`] of all its rules, and refuses once with all on which it refuses.

pub mod code;
pub mod codes;

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

pub use self::code::{Code, Severity, Verb};
use crate::plugin::error::{Error, Kind, Result};

/// What was found, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of thing it is.
    pub code: &'static Code,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about.
    #[serde(skip_serializing_if = "Subject::is_empty")]
    pub subject: Box<Subject>,
    /// One sentence without a full stop: what was found.
    pub what: String,
    /// The cause or the consequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do; the first line is a sentence, further ones are commands. Empty only for a note.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
}

/// What a finding is about. Fields that do not apply are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The cluster, by its name in the mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The cluster, by its context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Kind, namespace and name, such as `Secret istio-system/cacerts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field of the object, such as `.spec.values.global.meshID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The place, if it is not an object of one cluster: a folder of this machine, several clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Subject {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As an error names it after `where:`; none if nothing is known.
    fn in_words(&self) -> Option<String> {
        let cluster = match (&self.context, &self.cluster) {
            (Some(context), _) => Some(format!("context {context}")),
            (None, cluster) => cluster.as_ref().map(|cluster| format!("cluster {cluster}")),
        };
        let parts: Vec<&str> =
            [&cluster, &self.object, &self.field, &self.place].into_iter().filter_map(Option::as_deref).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// What was found, so far without what to do.
#[derive(Debug, Clone)]
#[must_use = "it is a finding once it says what to do: fix, or as_documented"]
pub struct Claim(Finding);

impl Claim {
    /// The same about a cluster by its name in the mesh.
    pub fn cluster(mut self, name: impl fmt::Display) -> Self {
        self.0.subject.cluster = Some(name.to_string());
        self
    }

    /// The same about a cluster by its context.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.subject.context = Some(context.into());
        self
    }

    /// The same about an object, such as `Secret istio-system/cacerts`.
    pub fn object(mut self, object: impl fmt::Display) -> Self {
        self.0.subject.object = Some(object.to_string());
        self
    }

    /// The same about a field of the object.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.subject.field = Some(field.into());
        self
    }

    /// The same about something that is no object of one cluster.
    pub fn place(mut self, place: impl Into<String>) -> Self {
        self.0.subject.place = Some(place.into());
        self
    }

    /// The same with its cause.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.0.why = Some(why.into());
        self
    }

    /// The finding, with the next thing to do: a sentence or a command that a person can carry out.
    #[must_use]
    pub fn fix(self, line: impl Into<String>) -> Finding {
        self.0.fix(line)
    }

    /// The finding, with what to do about all that has its code; for a note that may be nothing.
    #[must_use]
    pub fn as_documented(self) -> Finding {
        match self.0.code.fix {
            "" => self.0,
            fix => self.0.fix(fix),
        }
    }
}

impl Code {
    /// What has this code, so far with nothing but what was found.
    pub fn found(&'static self, what: impl Into<String>) -> Claim {
        let what = what.into();
        let (severity, subject) = (self.severity, Box::default());
        Claim(Finding { code: self, severity, subject, what, why: None, fix: Vec::new() })
    }

    /// An error that a rule got of what it called, as a finding.
    pub fn of_error(&'static self, error: Error) -> Finding {
        let Error { what, place, why, remedy, .. } = error;
        let subject = Box::new(Subject { place, ..Subject::default() });
        Finding { code: self, severity: self.severity, subject, what, why, fix: remedy }
    }
}

impl Finding {
    /// The same with one more line of what to do.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// The same about an object of a cluster.
    #[must_use]
    pub fn about(mut self, cluster: impl fmt::Display, context: &str, object: impl fmt::Display) -> Self {
        self.subject.cluster = Some(cluster.to_string());
        self.subject.context = Some(context.to_owned());
        self.subject.object = Some(object.to_string());
        self
    }

    /// In one line, as printed beside a table or below a plan: `note  what was found [its/code]`.
    pub fn line(&self) -> String {
        format!("{}  {} [{}]", self.severity, self.what, self.code)
    }

    /// The error for someone who cannot go on because of it.
    pub fn into_error(self) -> Error {
        let kind = if self.code.usage { Kind::Usage } else { Kind::Refused };
        Error {
            kind,
            code: Some(self.code),
            place: self.subject.in_words(),
            what: self.what,
            why: self.why,
            remedy: self.fix,
            also: Vec::new(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

/// What the rules of a verb found, in the order in which they looked, each once.
///
/// Flattened into data it is two fields: `notes`, the sentences alone, and `findings`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// One more; the same one is not taken twice.
    pub fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// The value of a rule that found nothing; what it found is kept, and the value is none then, so that what needs it is
    /// skipped.
    pub fn keep<T>(&mut self, judged: Result<T, Finding>) -> Option<T> {
        judged.map_err(|finding| self.push(finding)).ok()
    }

    /// The same of a rule that may find several things.
    pub fn keep_all<T>(&mut self, judged: Result<T, Self>) -> Option<T> {
        judged.map_err(|found| self.extend(found)).ok()
    }

    /// The same, about this cluster if they name none.
    #[must_use]
    pub fn in_cluster(self, name: impl fmt::Display, context: &str) -> Self {
        let named = self.0.into_iter().map(|mut finding| {
            finding.subject.cluster.get_or_insert_with(|| name.to_string());
            finding.subject.context.get_or_insert_with(|| context.to_owned());
            finding
        });
        Self(named.collect())
    }

    /// In the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those on which a verb refuses: errors, and others whose code says so.
    pub fn refusing(&self, verb: Verb) -> impl Iterator<Item = &Finding> {
        self.iter()
            .filter(move |finding| finding.severity == Severity::Error || finding.code.refused_by.contains(&verb))
    }

    /// Succeeds if nothing was found on which the verb refuses.
    ///
    /// # Errors
    /// All on which it refuses, as one error; a usage error if one of them is.
    pub fn refuse(&self, verb: Verb) -> Result<()> {
        let mut all = self.refusing(verb).cloned().map(Finding::into_error);
        let Some(first) = all.next() else { return Ok(()) };
        let also: Vec<Error> = all.collect();
        let kind = if also.iter().any(|error| error.kind == Kind::Usage) { Kind::Usage } else { first.kind };
        Err(Error { kind, also, ..first })
    }

    /// What was found, a sentence each.
    pub fn sentences(&self) -> Vec<&str> {
        self.iter().map(|finding| finding.what.as_str()).collect()
    }

    /// What was found, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.iter().map(Finding::line)
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Findings", 2)?;
        fields.serialize_field("notes", &self.sentences())?;
        fields.serialize_field("findings", &self.0)?;
        fields.end()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let mut all = Self::default();
        all.extend(findings);
        all
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
