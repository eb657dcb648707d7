//! The client certificate of a kubeconfig, whose dates can be checked without a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::config::AuthInfo;

use crate::plugin::error::{Error, Result};

/// # Errors
/// A refusal if the client certificate has expired or is not yet valid: the API server would only say 401.
pub(super) fn must_be_valid(user: &AuthInfo, context: &str) -> Result<()> {
    let Some(pem) = certificate(user) else { return Ok(()) };
    let Some((from, until)) = validity(&pem) else { return Ok(()) };
    judge(from, until, Timestamp::now(), context)
}

fn judge(from: Timestamp, until: Timestamp, now: Timestamp, context: &str) -> Result<()> {
    let fault = if now > until {
        format!("the client certificate for {context} expired at {until}")
    } else if now < from {
        format!("the client certificate for {context} is not valid before {from}")
    } else {
        return Ok(());
    };
    Err(Error::refused(fault)
        .at(format!("context {context}"))
        .because(format!("this machine's clock says {}", now.round(jiff::Unit::Second).unwrap_or(now)))
        .fix("get a new kubeconfig or log in again; if the clock is wrong, set it"))
}

/// The certificate's PEM, if the kubeconfig gives one. One that cannot be read is left for the client to report.
fn certificate(user: &AuthInfo) -> Option<Vec<u8>> {
    match (&user.client_certificate_data, &user.client_certificate) {
        (Some(data), _) => STANDARD.decode(data.trim()).ok(),
        (None, Some(path)) => std::fs::read(path).ok(),
        (None, None) => None,
    }
}

fn validity(pem: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let certificate = block.parse_x509().ok()?;
    let validity = certificate.validity();
    Some((
        Timestamp::from_second(validity.not_before.timestamp()).ok()?,
        Timestamp::from_second(validity.not_after.timestamp()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_expired_certificate_says_since_when() {
        let error = judge(at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00.4Z"), "east")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the client certificate for east expired at 2025-01-01T00:00:00Z: this machine's clock says 2026-01-01T00:00:00Z"
        );
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_certificate_of_tomorrow_is_refused_and_one_of_today_is_not() {
        let judged = |now| judge(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"), at(now), "east").is_ok();
        assert!(!judged("2025-12-31T23:59:59Z"));
        assert!(judged("2026-01-15T00:00:00Z"));
    }

    #[test]
    fn the_dates_are_read_from_the_certificate_itself() {
        let mut params = rcgen::CertificateParams::new(vec!["a".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let user = AuthInfo { client_certificate_data: Some(STANDARD.encode(pem)), ..AuthInfo::default() };
        assert!(must_be_valid(&user, "east").unwrap_err().what.contains("expired at 2021-01-01"));
    }
}
