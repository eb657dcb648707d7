//! Clients for the kubeconfig's contexts. What is wrong with one is reported before any request.

pub mod faulty_field;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};

use super::api_fault::{Fault, no_credentials};
use super::credentials::{Credentials, Failure};
use super::limits::{CONNECT_LIMIT, CONNECTIONS, REQUEST_LIMIT};
use crate::plugin::error::{Error, Result};

mod client_certificate;
mod entries;
mod file;
mod unusable;

pub use entries::entries;

/// A credential plugin that asks nobody, or nobody answers, is given up after this.
const PLUGIN_LIMIT: Duration = Duration::from_mins(2);

/// The pause before something that broke is tried once more.
const ONCE_MORE: Duration = Duration::from_millis(300);

/// How to reach clusters, by kubectl's connection flags.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// `--kubeconfig`; else `$KUBECONFIG`, else `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// `--user`: another entry of the kubeconfig's users for every context.
    pub user: Option<String>,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-group`, may be repeated.
    pub as_groups: Vec<String>,
    /// `--as-uid`.
    pub as_uid: Option<String>,
    /// `--request-timeout`: the longest that one request may take.
    pub request_timeout: Option<Duration>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `kubectl-mesh-mc/VERSION`; appears in the clusters' audit logs.
    pub user_agent: String,
}

/// A cluster that can be read and changed. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// Name of the kubeconfig's context.
    pub context: String,
    /// The kubeconfig's address of the API server.
    pub server: String,
    /// PEM of the authority that the kubeconfig gives for it; none if it gives none, does not verify, or verifies
    /// another name than that in the address: peers could not verify it by the address alone.
    pub server_ca_pem: Option<String>,
    /// For requests that have no function here.
    pub client: Client,
    /// The same API server, with no credentials and as nobody.
    pub(crate) anonymous: Client,
    /// What makes the credentials; it may fail again whenever they are renewed.
    credentials: Credentials,
    /// `kubectl-mesh-mc/VERSION`.
    user_agent: String,
    /// The longest that one request may take.
    pub(crate) request_timeout: Duration,
    /// How long a read is tried again.
    pub(crate) patience: Duration,
    /// Until when what fails for a moment is tried again; none for a few tries in a row.
    pub(crate) until: Option<Instant>,
    /// What was wanted and could not be read although it may be; none where that is an error.
    pub(crate) gaps: Option<Arc<Mutex<Vec<Error>>>>,
    /// Limits the requests under way at once.
    pub(crate) lanes: Arc<Semaphore>,
}

impl Cluster {
    /// The program in the User-Agent: our field manager, and the value of `managed-by` labels.
    pub(crate) fn manager(&self) -> &str {
        self.user_agent.split('/').next().unwrap_or_default()
    }

    /// Why a request of the client failed, in words that are safe to show.
    pub(crate) fn fault(&self, error: &kube::Error) -> Fault {
        Fault::from_client(error, &self.credentials)
    }

    /// The longest that one request may take.
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// The same cluster for a run that ends at this deadline: what fails for a moment, as while an API server restarts, is
    /// tried again until then. Only for what may be sent twice: a create whose answer was lost is sent again once reading
    /// back shows nothing of it.
    #[must_use]
    pub fn within(&self, deadline: Instant) -> Self {
        Self { until: Some(deadline), ..self.clone() }
    }

    /// The same cluster, in which a read that only helps may fail for whatever reason: [`Self::gaps`] has why.
    #[must_use]
    pub fn bearing_gaps(&self) -> Self {
        Self { gaps: Some(Arc::default()), ..self.clone() }
    }

    /// What could not be read so far.
    pub fn gaps(&self) -> Vec<Error> {
        let gaps = self.gaps.as_ref().map(|gaps| gaps.lock().unwrap_or_else(PoisonError::into_inner).clone());
        gaps.unwrap_or_default()
    }

    /// Until when it is tried again; none for a few tries, also after that deadline.
    pub(crate) fn tried_until(&self) -> Option<Instant> {
        self.until.filter(|until| Instant::now() < *until)
    }

    /// Waits a moment before something is tried again; false if it is not to be.
    pub(crate) async fn once_more(&self) -> bool {
        let next = Instant::now() + ONCE_MORE;
        let again = self.until.is_some_and(|until| next < until);
        if again {
            sleep_until(next).await;
        }
        again
    }

    /// A cluster that is reached by this client, without a kubeconfig. Each request may take `request_timeout`, and a
    /// read is tried again for as long.
    pub fn of_client(client: Client, context: &str, server: &str, user_agent: &str, request_timeout: Duration) -> Self {
        Self {
            context: context.to_owned(),
            server: server.to_owned(),
            server_ca_pem: None,
            anonymous: client.clone(),
            client,
            credentials: Credentials::default(),
            user_agent: user_agent.to_owned(),
            request_timeout,
            patience: request_timeout,
            until: None,
            gaps: None,
            lanes: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("context", &self.context).field("server", &self.server).finish_non_exhaustive()
    }
}

/// Names of all contexts, in the order of the kubeconfig, and the current one.
///
/// # Errors
/// If the kubeconfig is missing or broken.
pub fn contexts(connection: &Connection) -> Result<(Vec<String>, Option<String>)> {
    let kubeconfig = file::read(connection)?;
    Ok((kubeconfig.contexts.iter().map(|named| named.name.clone()).collect(), kubeconfig.current_context))
}

/// Names of all users, in the order of the kubeconfig.
///
/// # Errors
/// If the kubeconfig is missing or broken.
pub fn users(connection: &Connection) -> Result<Vec<String>> {
    Ok(file::read(connection)?.auth_infos.into_iter().map(|named| named.name).collect())
}

/// Returns a client for each context. Sends no request to a cluster; exec plugins of the kubeconfig are run.
///
/// # Errors
/// A usage error for a broken kubeconfig (with file and line), for a context that does not exist (with those that do)
/// and for one named twice; a refusal for an expired client certificate and for credentials that cannot be obtained.
pub async fn connect(connection: &Connection, contexts: &[String]) -> Result<Vec<Cluster>> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = contexts.iter().find(|context| !seen.insert(context.as_str())) {
        return Err(Error::usage(format!("context {twice:?} is named twice"))
            .because("each cluster can be named once")
            .fix("name each context once"));
    }
    let kubeconfig = file::read(connection)?;
    for context in contexts {
        file::must_have(&kubeconfig, context)?;
    }
    // A plugin that may ask has the terminal to itself.
    let (asking, silent): (Vec<&String>, Vec<&String>) =
        contexts.iter().partition(|context| may_ask(&kubeconfig, connection.user.as_deref(), context));
    let one = |context| connect_one(connection, &kubeconfig, context);
    let in_turn = async {
        let mut connected = Vec::new();
        for context in &asking {
            connected.push(one(context).await);
        }
        connected
    };
    let (asked, others) = futures::join!(in_turn, join_all(silent.iter().map(|context| one(context))));
    let mut connected: BTreeMap<&String, Result<Cluster>> =
        asking.into_iter().zip(asked).chain(silent.into_iter().zip(others)).collect();
    all_of(contexts.iter().filter_map(|context| connected.remove(context)))
}

/// All values, or all errors as one.
///
/// # Errors
/// Every error, as one.
pub fn all_of<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    Error::all(errors).map_or(Ok(values), Err)
}

/// Whether the credential plugin of a context may ask a person something (client.authentication.k8s.io, interactiveMode).
fn may_ask(kubeconfig: &Kubeconfig, user: Option<&str>, context: &str) -> bool {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context);
    let user = user.or_else(|| named?.context.as_ref()?.user.as_deref());
    let entry = kubeconfig.auth_infos.iter().find(|named| Some(named.name.as_str()) == user);
    let exec = entry.and_then(|named| named.auth_info.as_ref()?.exec.as_ref());
    exec.is_some_and(|exec| exec.interactive_mode != Some(ExecInteractiveMode::Never))
}

async fn connect_one(connection: &Connection, kubeconfig: &Kubeconfig, context: &str) -> Result<Cluster> {
    let place = format!("context {context}");
    let options = KubeConfigOptions { context: Some(context.to_owned()), cluster: None, user: connection.user.clone() };
    let broken = |why: String| {
        Error::usage(format!("context {context:?} cannot be used")).at(&place).because(why).fix(format!(
            "correct its cluster and its user in the kubeconfig; try: kubectl --context {context} version"
        ))
    };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
    let mut config = config.map_err(|error| broken(unusable::kubeconfig(&error)))?;
    client_certificate::must_be_valid(&config.auth_info, context)?;
    let credentials = Credentials::of(&config.auth_info);
    let lacking = |Failure { why, fix }: Failure| no_credentials(context, why, fix);
    // kube panics on a token that no header can carry.
    if config.auth_info.token.as_ref().is_some_and(|token| HeaderValue::try_from(token.expose_secret()).is_err()) {
        return Err(lacking(credentials.unusable_token()));
    }

    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT.min(connection.request_timeout.unwrap_or(CONNECT_LIMIT)));
    config.accept_invalid_certs |= connection.insecure_skip_tls_verify;
    let agent = HeaderValue::from_str(&connection.user_agent).map_err(|error| broken(error.to_string()))?;
    config.headers.push((USER_AGENT, agent));
    if connection.as_user.is_some() || connection.as_uid.is_some() || !connection.as_groups.is_empty() {
        config.auth_info.impersonate.clone_from(&connection.as_user);
        config.auth_info.impersonate_uid.clone_from(&connection.as_uid);
        config.auth_info.impersonate_groups = (!connection.as_groups.is_empty()).then(|| connection.as_groups.clone());
    }

    let server = without_user(config.cluster_url.to_string().trim_end_matches('/'));
    let verifiable = !config.accept_invalid_certs && config.tls_server_name.is_none();
    let server_ca_pem = config.root_cert.as_ref().filter(|_| verifiable).map(|certificates| to_pem(certificates));
    // An exec plugin runs inside this call and may prompt the user: it must not hold up the other contexts.
    let runtime = tokio::runtime::Handle::current();
    let mut nobody = config.clone();
    nobody.auth_info = AuthInfo::default();
    let making = tokio::task::spawn_blocking(move || {
        let _inside = runtime.enter();
        Ok::<_, kube::Error>((Client::try_from(config)?, Client::try_from(nobody)?))
    });
    let (client, anonymous) = timeout(PLUGIN_LIMIT, making)
        .await
        // The plugin is left alone: it ends with this process.
        .map_err(|_| {
            let why = format!("the credential plugin did not end within {} s", PLUGIN_LIMIT.as_secs());
            no_credentials(context, why, "see what it waits for".into())
        })?
        // It also panics on such a token of a plugin.
        .map_err(|_| lacking(credentials.unusable_token()))?
        .map_err(|error| match credentials.failure(&error) {
            Some(failure) => lacking(failure),
            None => broken(unusable::client(&error)),
        })?;
    let request_timeout = connection.request_timeout.filter(|limit| !limit.is_zero()).unwrap_or(REQUEST_LIMIT);
    Ok(Cluster {
        server_ca_pem,
        anonymous,
        credentials,
        ..Cluster::of_client(client, context, &server, &connection.user_agent, request_timeout)
    })
}

/// An address that is safe to show: without a user and password before the host.
fn without_user(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or((None, address), |(scheme, rest)| (Some(scheme), rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    scheme.map_or_else(|| format!("{host}{path}"), |scheme| format!("{scheme}://{host}{path}"))
}

fn to_pem(certificates: &[Vec<u8>]) -> String {
    certificates
        .iter()
        .map(|der| {
            pem::encode_config(
                &pem::Pem::new("CERTIFICATE", der.clone()),
                pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
