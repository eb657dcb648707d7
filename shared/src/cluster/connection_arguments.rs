//! kubectl's connection flags, which every verb takes.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::context::Connection;
pub use crate::plugin::duration::parse_duration;

/// kubectl's connection flags, which `-h` leaves to `--help`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArguments {
    /// Kubeconfig file
    ///
    /// By default every file of $KUBECONFIG, else ~/.kube/config.
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Kubeconfig user to use in every context
    #[arg(long, value_name = "NAME", global = true, hide_short_help = true)]
    pub user: Option<String>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER", global = true, hide_short_help = true)]
    pub as_user: Option<String>,
    /// Group to impersonate
    ///
    /// May be repeated.
    #[arg(long = "as-group", value_name = "GROUP", global = true, hide_short_help = true)]
    pub as_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", value_name = "UID", global = true, hide_short_help = true)]
    pub as_uid: Option<String>,
    /// How long one request may take
    ///
    /// Such as 500ms, 10s or 1m. By default 10s.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, global = true, hide_short_help = true)]
    pub request_timeout: Option<Duration>,
    /// Do not verify the API servers' certificates
    #[arg(long, global = true, hide_short_help = true)]
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
