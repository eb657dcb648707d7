//! Whether an API server knows a token, asked from this machine and as nobody else.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::timeout;

use super::context::Cluster;
use crate::model::istio::remote_secret::Token;
use crate::model::istio::remote_secret::standing::TokenAnswer;

/// What a reader of a remote secret asks first: istiod reads namespaces of all peers.
const PATH: &str = "/api/v1/namespaces?limit=1";

/// Asks once, with nothing but the token. Who is known and may not list namespaces is known all the same.
pub async fn check(cluster: &Cluster, token: &Token) -> TokenAnswer {
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.reveal())).ok();
    let request = bearer.and_then(|mut bearer| {
        bearer.set_sensitive(true);
        Request::get(PATH).header(AUTHORIZATION, bearer).body(Body::empty()).ok()
    });
    let Some(request) = request else { return TokenAnswer::Refused };
    let _lane = cluster.lanes.acquire().await;
    let answer = timeout(cluster.request_timeout, cluster.anonymous.send(request)).await;
    match answer {
        Ok(Ok(response)) => {
            let status = response.status().as_u16();
            drop(response.into_body().collect().await);
            match status {
                200 | 403 => TokenAnswer::Accepted,
                401 => TokenAnswer::Refused,
                other => TokenAnswer::NotKnown(format!("HTTP status {other}")),
            }
        }
        Ok(Err(error)) => TokenAnswer::NotKnown(cluster.fault(&error).message),
        Err(_) => TokenAnswer::NotKnown("no answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};
    use crate::model::istio::remote_secret::reader_credential;

    fn token(text: &str) -> Token {
        let data = [("ca.crt", "CA"), ("token", text)].map(|(key, text)| (key.into(), ByteString(text.into())));
        reader_credential(&Secret { data: Some(data.into()), ..Secret::default() }).unwrap().token
    }

    #[tokio::test]
    async fn only_401_says_that_a_token_is_not_known() {
        let status = |code: u16| Answer::Status(code, json!({"kind": "Status", "code": code}));
        let (cluster, asked) = answering([status(200), status(403), status(401), status(503), Answer::Break]);
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(check(&cluster, &token("abc")).await);
        }
        assert_eq!(answers[..3], [TokenAnswer::Accepted, TokenAnswer::Accepted, TokenAnswer::Refused]);
        assert!(answers[3..].iter().all(|answer| matches!(answer, TokenAnswer::NotKnown(_))), "{answers:?}");
        assert_eq!(asked.lock().unwrap()[0].1, PATH);
    }

    #[tokio::test]
    async fn a_token_that_no_header_can_carry_is_not_sent() {
        let (cluster, asked) = answering([]);
        assert_eq!(check(&cluster, &token("a\nb")).await, TokenAnswer::Refused);
        assert!(asked.lock().unwrap().is_empty());
    }
}
