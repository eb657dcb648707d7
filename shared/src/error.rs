//! The one error of both plugins: what failed, where, why, and what to do. Data only; `ui::hint` renders it.

use std::fmt;

/// How far a command came, which decides its exit code.
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
    /// Somebody else changed the object between our reading and our writing: nothing was written to it, and the same
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
    /// One sentence without a full stop: what failed.
    pub what: String,
    /// Context, namespace and object that it is about.
    pub place: Option<String>,
    /// The cause, in the words of what reported it where there is such.
    pub why: Option<String>,
    /// What to do; the first line is a sentence, further ones are commands.
    pub remedy: Vec<String>,
}

/// The result of everything that can fail in both plugins.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the command line or of a file that it names.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// A refusal before anything was written.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused, what)
    }

    /// A failure on the way.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    /// An error of any kind, so far with nothing but what failed.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, why: None, remedy: Vec::new() }
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
