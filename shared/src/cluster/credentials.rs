//! Where the credentials of a context come from, by names alone, and what is reported when they cannot be obtained.
//!
//! kube's own words for such a failure quote the plugin's environment, its arguments and its stdout (kube-client
//! `client/auth/mod.rs`), and each of them holds secrets by design. So none of kube's words are passed on: sentences
//! are made here from the command's name, how it ended, and the first line of its stderr.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitStatus;

use kube::client::AuthError;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};

use super::api_fault::{clean, clean_lines};
/// How many characters of a line of a plugin's stderr are shown.
const LONGEST_LINE: usize = 300;
/// How many lines of a plugin's install hint are shown.
const LONGEST_HINT: usize = 8;

/// What makes a context's credentials, according to the kubeconfig. Holds no value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Credentials {
    /// Values in the kubeconfig, or files that it names.
    #[default]
    Values,
    /// `exec`.
    Plugin {
        /// `command`, as far as it is a name.
        command: String,
        /// Whether its output went to the terminal and was not captured.
        is_interactive: bool,
        /// `installHint`.
        install_hint: Option<String>,
    },
    /// `auth-provider`.
    Provider {
        /// `name`.
        name: String,
        /// `cmd-path`, as far as it is a name.
        command: Option<String>,
    },
}

/// Why there are no credentials, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One line.
    pub(crate) why: String,
    /// A sentence, and further lines if they are someone else's.
    pub(crate) fix: String,
}

impl Failure {
    fn new(why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { why: why.into(), fix: fix.into() }
    }
}

impl Credentials {
    /// Where a user's credentials come from, in the order in which kube looks.
    pub(crate) fn of(user: &AuthInfo) -> Self {
        if let Some(provider) = &user.auth_provider {
            let command = provider.config.get("cmd-path").map(|command| name_of(command));
            return Self::Provider { name: clean(&provider.name), command };
        }
        let has_values =
            (user.username.is_some() && user.password.is_some()) || user.token.is_some() || user.token_file.is_some();
        match &user.exec {
            Some(exec) if !has_values => Self::plugin(exec),
            _ => Self::Values,
        }
    }

    fn plugin(exec: &ExecConfig) -> Self {
        Self::Plugin {
            command: name_of(exec.command.as_deref().unwrap_or_default()),
            is_interactive: exec.interactive_mode != Some(ExecInteractiveMode::Never),
            install_hint: exec.install_hint.as_deref().map(clean_lines).filter(|hint| !hint.trim().is_empty()),
        }
    }

    /// Why there are no credentials, if that is what caused an error, however deep in it.
    pub(crate) fn failure(&self, error: &(dyn StdError + 'static)) -> Option<Failure> {
        find(error).map(|error| self.explain(error))
    }

    /// A sentence for each error, without any of kube's text except what the operating system says.
    fn explain(&self, error: &AuthError) -> Failure {
        let who = self.who();
        let entry = self.entry();
        let hidden = "not shown, since it may hold a token";
        match error {
            AuthError::AuthExecRun { out, .. } => self.ended(out.status, &out.stderr),
            AuthError::AuthExecStart(error) => {
                Failure::new(format!("{who} cannot be started: {error}"), self.installing(error.kind()))
            }
            AuthError::AuthExecParse(_) => Failure::new(
                format!("{who} gave an answer that is not an ExecCredential ({hidden})"),
                format!("correct {entry}: the command, its arguments or its apiVersion"),
            ),
            AuthError::ParseTokenKey(_) => Failure::new(
                format!("{who} gave an answer that is not JSON ({hidden})"),
                format!("correct {entry}: cmd-path, cmd-args or token-key"),
            ),
            AuthError::ExecPluginFailed => {
                Failure::new(format!("{who} answered without credentials (status)"), "log in again")
            }
            AuthError::UnrefreshableTokenResponse => Failure::new(
                format!("the token has expired, and {who} gave no usable one in its place"),
                "log in again",
            ),
            AuthError::MalformedTokenExpirationDate(_) => Failure::new(
                format!("{who} gave a token whose expiry is not a time"),
                format!("update it, or correct {entry}"),
            ),
            AuthError::AuthExecSerialize(_) => Failure::new(
                format!("the cluster information for {who} cannot be serialized"),
                format!("remove provideClusterInfo from {entry}"),
            ),
            AuthError::AuthExec(_) => self.not_supported(),
            AuthError::MissingCommand => Failure::new(format!("{entry} names no command"), format!("correct {entry}")),
            AuthError::ExecMissingClusterInfo => Failure::new(
                format!("{who} wants cluster information, and the kubeconfig has no such cluster"),
                format!("remove provideClusterInfo from {entry}"),
            ),
            AuthError::ReadTokenFile(error, _) => Failure::new(
                format!("the file that tokenFile names cannot be read: {error}"),
                "log in again, or correct tokenFile in the kubeconfig",
            ),
            AuthError::InvalidBasicAuth(_) => Failure::new(
                "username or password have characters that no request can carry, such as a line end",
                "correct them in the kubeconfig",
            ),
            AuthError::InvalidBearerToken(_) => self.unusable_token(),
            AuthError::NoValidNativeRootCA(error) => Failure::new(
                format!("the certificate authorities of this machine cannot be read: {error}"),
                "put the authority of this API server into the kubeconfig (certificate-authority-data)",
            ),
        }
    }

    /// A token that cannot be sent in a header.
    pub(crate) fn unusable_token(&self) -> Failure {
        let (whose, fix) = match self {
            Self::Values => {
                ("of the kubeconfig".to_owned(), "correct token, or the file that tokenFile names".to_owned())
            }
            _ => (format!("that {} gave", self.who()), format!("update it, or correct {}", self.entry())),
        };
        Failure::new(format!("the token {whose} has characters that no request can carry, such as a line end"), fix)
    }

    fn ended(&self, status: ExitStatus, stderr: &[u8]) -> Failure {
        let how = match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            // Its number and its name.
            None => format!("was ended by {}", status.to_string().replacen(": ", " ", 1)),
        };
        let who = self.who();
        let why = match (first_line(stderr), self) {
            (Some(said), _) => format!("{who} {how}: {said}"),
            (None, Self::Plugin { is_interactive: true, .. }) => format!("{who} {how}; its output is above"),
            (None, _) => format!("{who} {how} and said nothing"),
        };
        let fix = if status.code().is_some() {
            format!("log in again, or correct {}", self.entry())
        } else {
            "find out what ended it, then run the same command again".into()
        };
        Failure::new(why, fix)
    }

    fn installing(&self, error: ErrorKind) -> String {
        match (error, self) {
            (ErrorKind::NotFound, Self::Plugin { install_hint: Some(hint), .. }) => {
                let lines: Vec<&str> = hint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                format!("install it: {}", lines[..lines.len().min(LONGEST_HINT)].join("\n"))
            }
            (ErrorKind::NotFound, _) => format!("install it, add its folder to PATH, or correct {}", self.entry()),
            _ => format!("check that you may run it, or correct {}", self.entry()),
        }
    }

    /// What kube only says in text: kinds of credentials that it does not support, and answers of gcp's command.
    fn not_supported(&self) -> Failure {
        match self {
            Self::Provider { name, command: Some(_) } if name == "gcp" => Failure::new(
                format!("{} cannot be run, or its answer has no token where token-key says", self.who()),
                format!("correct {}: cmd-path, token-key or expiry-key", self.entry()),
            ),
            Self::Provider { name, .. } if name == "oidc" => {
                Failure::new("the auth-provider oidc of the kubeconfig has no id-token", "log in again")
            }
            Self::Provider { name, .. } => Failure::new(
                format!("the auth-provider {name} of the kubeconfig is not supported"),
                "use a credential plugin instead (exec), as kubectl requires too",
            ),
            _ => Failure::new(format!("{} could not be run", self.who()), "run the same command again"),
        }
    }

    fn who(&self) -> String {
        match self {
            Self::Plugin { command, .. } => format!("the credential plugin {command}"),
            Self::Provider { name, command: Some(command) } => {
                format!("{command}, the command of auth-provider {name},")
            }
            Self::Provider { name, command: None } => format!("the auth-provider {name}"),
            Self::Values => "the kubeconfig".into(),
        }
    }

    fn entry(&self) -> &'static str {
        match self {
            Self::Plugin { .. } => "the user's exec in the kubeconfig",
            Self::Provider { .. } => "the user's auth-provider in the kubeconfig",
            Self::Values => "the user in the kubeconfig",
        }
    }
}

/// The credential error in a chain: if credentials are renewed in the middle of a run, tower and hyper wrap it.
fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a AuthError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<AuthError>() {
            return Some(found);
        }
        // The source of an I/O error is that of what it holds: what it holds itself would be skipped.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The name in a `command`. Arguments that someone put there as well are left out: they may hold a secret.
fn name_of(command: &str) -> String {
    let command = clean(command);
    match command.split_once(char::is_whitespace) {
        Some((name, _)) if !Path::new(&command).exists() => format!("{name} …"),
        _ => command,
    }
}

/// The first line that is not blank.
fn first_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.split(['\n', '\r']).map(clean).find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(LONGEST_LINE).collect())
}

#[cfg(test)]
mod tests;
