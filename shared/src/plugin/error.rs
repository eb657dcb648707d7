//! The one error of both plugins: what failed, where, why, and what to do. Data only; `terminal::error_message` renders it.
//!
//! What failed is a [`Draft`] until it says what to do: only then it is an [`Error`], so that none leaves a person without a
//! next step.

use std::fmt;

use crate::plugin::did_you_mean;
use crate::plugin::finding::code::Code;

/// How far a command got, which decides its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or a file named by it is wrong. Exit code 2.
    Usage,
    /// A check before the first write said no: nothing was changed. Exit code 1.
    Refused,
    /// The API server does not let the user do it: that one request changed nothing. Exit code 1.
    Forbidden,
    /// Something failed on the way. Exit code 1.
    Failed,
    /// Someone else changed the object between our reading and our writing: nothing was written to it, and the same
    /// command may be run again. Exit code 1.
    Conflict,
    /// What a drill changed could not be put back. Exit code 4, before all others.
    NotRestored,
    /// A signal ended the command. Exit code 128 + its number.
    Interrupted(i32),
}

/// What failed, where, why, and the next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// Identifies it to scripts, if a rule found it.
    pub code: Option<&'static Code>,
    /// One sentence without a full stop: what failed.
    pub what: String,
    /// Context, namespace and object that it is about.
    pub place: Option<String>,
    /// The cause, in the words of whatever reported it, if anything did.
    pub why: Option<String>,
    /// What to do; the first line is a sentence, further ones are commands. Never empty.
    pub remedy: Vec<String>,
    /// What else was refused at the same time.
    pub also: Vec<Error>,
}

/// The result of everything that can fail in both plugins.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where to report what no user can fix.
const ISSUES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");

/// What failed, so far without what to do.
#[derive(Debug, Clone)]
#[must_use = "it is an error once it says what to do: fix, or report"]
pub struct Draft(Error);

impl Draft {
    /// The same with the place that it is about.
    pub fn at(self, place: impl Into<String>) -> Self {
        Self(self.0.at(place))
    }

    /// The same with its cause.
    pub fn because(self, why: impl Into<String>) -> Self {
        Self(self.0.because(why))
    }

    /// The same, with the known names nearest to the given one as the first thing to try.
    pub fn meant<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.asking(&did_you_mean::near(given, known))
    }

    /// The same, with the question whether one of these was meant as the first thing to try; unchanged if there is
    /// none.
    pub fn asking(self, names: &[impl AsRef<str>]) -> Self {
        match did_you_mean::question(names) {
            Some(question) => Self(self.0.fix(question)),
            None => self,
        }
    }

    /// The error, with the next thing to do: a sentence or a command that a person can carry out.
    #[must_use]
    pub fn fix(self, line: impl Into<String>) -> Error {
        self.0.fix(line)
    }

    /// The error for a bug of this program, which a person can only report.
    #[must_use]
    pub fn report(self) -> Error {
        self.0.report()
    }
}

impl Error {
    /// An error of the command line or of a file that it names.
    pub fn usage(what: impl Into<String>) -> Draft {
        Self::of(Kind::Usage, what)
    }

    /// A refusal before anything was written.
    pub fn refused(what: impl Into<String>) -> Draft {
        Self::of(Kind::Refused, what)
    }

    /// A failure on the way.
    pub fn failed(what: impl Into<String>) -> Draft {
        Self::of(Kind::Failed, what)
    }

    /// An error of any kind, so far only with what failed.
    pub fn of(kind: Kind, what: impl Into<String>) -> Draft {
        Draft(Self {
            kind,
            code: None,
            what: what.into(),
            place: None,
            why: None,
            remedy: Vec::new(),
            also: Vec::new(),
        })
    }

    /// Several errors as one; none if there are none. It is a usage error if one of them is.
    #[must_use]
    pub fn all(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        let also: Vec<Self> = first.also.iter().cloned().chain(errors.flat_map(Self::apart)).collect();
        let kind = if also.iter().any(|error| error.kind == Kind::Usage) { Kind::Usage } else { first.kind };
        Some(Self { kind, also, ..first })
    }

    /// It and what else was refused with it, each alone.
    fn apart(mut self) -> impl Iterator<Item = Self> {
        let also = std::mem::take(&mut self.also);
        std::iter::once(self).chain(also)
    }

    /// The same error with the place that it is about.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// The same error with one more line of what to do.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        self.remedy.push(line.into());
        self
    }

    /// The same error, with where to report a bug of this program.
    #[must_use]
    pub fn report(self) -> Self {
        self.fix("this is a fault of this program; please report it, with the command and all that it printed:")
            .fix(ISSUES)
    }

    /// The same error of a command that has written nothing so far: it is a refusal. Only the command's driver knows
    /// that.
    #[must_use]
    pub fn before_any_write(mut self) -> Self {
        if matches!(self.kind, Kind::Failed | Kind::Forbidden | Kind::Conflict) {
            self.kind = Kind::Refused;
        }
        self
    }

    /// The same error of a command that has written something, or may have: it is a failure, whatever it would be elsewhere.
    #[must_use]
    pub fn on_the_way(mut self) -> Self {
        if matches!(self.kind, Kind::Refused | Kind::Forbidden | Kind::Conflict) {
            self.kind = Kind::Failed;
        }
        self
    }

    /// 2 for the command line, 1 for what was refused or failed, 4 for what was not put back, 128 + number for a signal.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Refused | Kind::Forbidden | Kind::Failed | Kind::Conflict => 1,
            Kind::NotRestored => 4,
            Kind::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_cannot_mend_is_to_be_reported() {
        let error = Error::failed("the plan has a step without a cluster").report();
        assert_eq!(
            error.remedy.last().map(String::as_str),
            Some("https://github.com/kubectl-mesh/kubectl-mesh/issues")
        );
    }

    #[test]
    fn what_was_probably_meant_comes_first() {
        let error = Error::usage("there is no esat").meant("esat", ["east", "north"]).fix("name one that there is");
        assert_eq!(error.remedy, ["did you mean east?", "name one that there is"]);
        let error = Error::usage("there is no south-3").meant("south-3", ["east"]).fix("name one that there is");
        assert_eq!(error.remedy, ["name one that there is"]);
    }

    #[test]
    fn who_drives_a_command_says_whether_anything_was_written() {
        let of = |kind| Error::of(kind, "no").fix("try again");
        for kind in [Kind::Refused, Kind::Failed, Kind::Forbidden, Kind::Conflict] {
            assert_eq!(of(kind).before_any_write().kind, Kind::Refused);
            assert_eq!(of(kind).on_the_way().kind, Kind::Failed);
        }
        for kind in [Kind::Usage, Kind::NotRestored, Kind::Interrupted(2)] {
            assert_eq!(of(kind).before_any_write().kind, kind);
            assert_eq!(of(kind).on_the_way().kind, kind);
        }
    }

    #[test]
    fn several_errors_are_one_with_the_others_beside_it() {
        let of = |kind, what: &str| Error::of(kind, what).fix("do it");
        let all = Error::all([of(Kind::Failed, "a"), of(Kind::Usage, "b"), of(Kind::Failed, "c")]).unwrap();
        assert_eq!((all.kind, all.what.as_str(), all.also.len()), (Kind::Usage, "a", 2));
        let nested = Error::all([of(Kind::Failed, "z"), all]).unwrap();
        assert_eq!(nested.also.iter().map(|error| error.what.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(Error::all([]), None);
    }
}
