//! The reader's token: its account comes from the control plane's chart, its Secret is filled by the cluster.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::Instant;

use super::late;
use crate::cluster::context::Cluster;
use crate::cluster::kinds::Target;
use crate::cluster::watch::{Source, Verdict, until};
use crate::error::Result;

/// A reader's token and the authority beside it, as a token Secret holds them (decoded). No Debug: it must not be printed.
pub struct Token {
    /// The bearer token.
    pub token: String,
    /// PEM of `ca.crt`.
    pub ca_pem: String,
}

/// Waits until an account is there, such as the reader account that the control plane's chart makes.
///
/// # Errors
/// The deadline.
pub async fn service_account(cluster: &Cluster, namespace: &str, name: &str, deadline: Instant) -> Result<()> {
    let since = Instant::now();
    let target = Target::new("ServiceAccount", namespace, name)?;
    let place = target.key.to_string();
    until(
        cluster,
        &[Source::one(&target.collection()?, name)],
        deadline,
        |state| if state[0].is_empty() { Verdict::Wait("the account is not there".into()) } else { Verdict::Done(()) },
        |last| late(cluster, "the reader account", &place, since, last),
    )
    .await
}

/// Waits until a token Secret is filled.
///
/// # Errors
/// The deadline. A token Secret whose account does not exist is deleted by the cluster at once: then it says so.
pub async fn token_filled(cluster: &Cluster, namespace: &str, secret: &str, deadline: Instant) -> Result<Token> {
    let since = Instant::now();
    let target = Target::new("Secret", namespace, secret)?;
    let place = target.key.to_string();
    until(
        cluster,
        &[Source::one(&target.collection()?, secret)],
        deadline,
        |state| match state[0].values().next() {
            Some(found) => {
                token_in(found).map_or_else(|| Verdict::Wait("the Secret has no token yet".into()), Verdict::Done)
            }
            None => {
                Verdict::Wait("the Secret is not there: the cluster deletes one whose account does not exist".into())
            }
        },
        |last| late(cluster, "the reader's token", &place, since, last),
    )
    .await
}

/// Token and authority of a token Secret, where both are in it.
pub(crate) fn token_in(secret: &Value) -> Option<Token> {
    let field = |key: &str| {
        let bytes = STANDARD.decode(secret["data"][key].as_str()?).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
    };
    Some(Token { token: field("token")?, ca_pem: field("ca.crt")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_counts_only_with_its_authority() {
        let secret = |data| token_in(&json!({"data": data}));
        assert!(secret(json!({"token": STANDARD.encode("abc")})).is_none());
        assert!(secret(json!({"token": "", "ca.crt": ""})).is_none());
        let token = secret(json!({"token": STANDARD.encode("abc"), "ca.crt": STANDARD.encode("pem")})).unwrap();
        assert_eq!((token.token.as_str(), token.ca_pem.as_str()), ("abc", "pem"));
    }
}
