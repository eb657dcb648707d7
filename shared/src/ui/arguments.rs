//! Groups of arguments that several verbs share.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::context::Connection;

/// kubectl's connection flags.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArguments {
    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Kubeconfig user to use in every context
    #[arg(long, value_name = "NAME", global = true)]
    pub user: Option<String>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER", global = true)]
    pub as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long = "as-group", value_name = "GROUP", global = true)]
    pub as_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", value_name = "UID", global = true)]
    pub as_uid: Option<String>,
    /// How long one request may take, such as 10s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, global = true)]
    pub request_timeout: Option<Duration>,
    /// Do not verify the API servers' certificates
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
}

impl ConnectionArguments {
    /// The connection that they describe.
    pub fn connection(&self, user_agent: &str) -> Connection {
        Connection {
            kubeconfig: self.kubeconfig.clone(),
            user: self.user.clone(),
            as_user: self.as_user.clone(),
            as_groups: self.as_groups.clone(),
            as_uid: self.as_uid.clone(),
            request_timeout: self.request_timeout.filter(|timeout| !timeout.is_zero()),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            user_agent: user_agent.to_owned(),
        }
    }
}

/// Go's durations as kubectl takes them: `90s`, `5m`, `1h30m`, `500ms`, or bare seconds.
///
/// # Errors
/// A text that says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err("write it as 90s, 5m or 1h30m".into()),
        };
        let number: f64 = number.parse().map_err(|_| "write it as 90s, 5m or 1h30m")?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| "it is too long")?;
        total = total.checked_add(part).ok_or("it is too long")?;
        rest = next;
    }
    if text.is_empty() { Err("it is empty".into()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        assert!(parse_duration("5x").is_err() && parse_duration("").is_err() && parse_duration("s").is_err());
    }
}
