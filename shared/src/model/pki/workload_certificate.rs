//! A workload certificate, made only to find out whether proxies would accept it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, Issuer, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::authority::Issued;
use super::issuer_name::with_issuer;

/// Signs a workload as istiod would (a SPIFFE name, both sides of mutual TLS) and has rustls-webpki verify the chain.
/// It uses the intermediate's key for the workload too, as no other is at hand; the certificate is dropped here.
pub(super) fn verify_workload(issued: &Issued, at: Timestamp) -> Result<(), String> {
    let workload = CertificateDer::from(sign_workload(issued, at)?);
    let root = CertificateDer::from(issued.root.der());
    let intermediate = CertificateDer::from(issued.certificate.der());
    let anchor = anchor_from_trusted_cert(&root).map_err(|error| refused(&error))?;
    let workload = EndEntityCert::try_from(&workload).map_err(|error| refused(&error))?;
    let seconds = u64::try_from(at.as_second()).map_err(|error| error.to_string())?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        workload
            .verify_for_usage(
                ALL_VERIFICATION_ALGS,
                std::slice::from_ref(&anchor),
                std::slice::from_ref(&intermediate),
                time,
                usage,
                None,
                None,
            )
            .map_err(|error| refused(&error))?;
    }
    Ok(())
}

fn sign_workload(issued: &Issued, at: Timestamp) -> Result<Vec<u8>, String> {
    let date = |moment: Timestamp| OffsetDateTime::from_unix_timestamp(moment.as_second()).map_err(|e| e.to_string());
    let identity = Ia5String::try_from("spiffe://cluster.local/ns/default/sa/default").map_err(|e| e.to_string())?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = date(at - SignedDuration::from_mins(1))?;
    params.not_after = date(at + SignedDuration::from_mins(1))?;
    params.serial_number = Some(SerialNumber::from_slice(&[1]));
    params.subject_alt_names = vec![SanType::URI(identity)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let stand_in = CertificateParams::default();
    let laid_out =
        params.signed_by(&issued.key, &Issuer::from_params(&stand_in, &issued.key)).map_err(|e| e.to_string())?;
    let parsed = issued.certificate.parsed().map_err(|e| e.to_string())?;
    with_issuer(laid_out.der(), parsed.subject().as_raw(), &issued.key).map_err(|e| e.to_string())
}

fn refused(error: &webpki::Error) -> String {
    format!("rustls-webpki, which ztunnel uses, rejects a workload certificate under it: {error}")
}
