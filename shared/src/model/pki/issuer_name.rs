//! Gives a new certificate its signer's name byte for byte.
//!
//! rcgen keeps only one attribute of each kind in a distinguished name and does not know every string type: with two
//! DC or two OU in the root, openssl refuses the chain. So the name is copied from the signer's certificate into the
//! one that rcgen made, which is then signed again.

use rcgen::SigningKey;
use x509_parser::parse_x509_certificate;

use super::key::PrivateKey;
use crate::plugin::error::{Error, Result};

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The certificate with its issuer replaced by `issuer`, a DER `Name`, and signed by `signer`.
pub(super) fn with_issuer(certificate: &[u8], issuer: &[u8], signer: &PrivateKey) -> Result<Vec<u8>> {
    let fault = |why: &str| Error::failed("a certificate cannot be given its signer's name").because(why).report();
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| fault("it is not X.509"))?;
    let to_be_signed = parsed.tbs_certificate.as_ref();
    let old = parsed.issuer().as_raw();

    let body = content(to_be_signed).ok_or_else(|| fault("its body has no length"))?;
    let start = (old.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    let (before, rest) = body.split_at_checked(start).ok_or_else(|| fault("its issuer is elsewhere"))?;
    let after = rest.get(old.len()..).ok_or_else(|| fault("its issuer is elsewhere"))?;
    let to_be_signed_len = to_be_signed.len();
    let to_be_signed = element(SEQUENCE, &[before, issuer, after].concat());

    let outer = content(certificate).ok_or_else(|| fault("it has no length"))?;
    let tail = outer.get(to_be_signed_len..).ok_or_else(|| fault("it has no signature"))?;
    let algorithm_len = content(tail).map(|inner| inner.as_ptr() as usize - tail.as_ptr() as usize + inner.len());
    let algorithm = algorithm_len.and_then(|len| tail.get(..len)).ok_or_else(|| fault("it names no algorithm"))?;

    let signature = signer.sign(&to_be_signed).map_err(|_| fault("the signer's key does not sign"))?;
    let signature = element(BIT_STRING, &[&[0], signature.as_slice()].concat());
    Ok(element(SEQUENCE, &[&to_be_signed, algorithm, &signature].concat()))
}

/// The content of the DER element at the beginning of these bytes.
fn content(der: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = der.get(1..)?.split_first()?;
    if first < 0x80 {
        return rest.get(..usize::from(first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let length = length.iter().try_fold(0usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?;
    rest.get(..length)
}

/// A DER element with this tag and content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![tag];
    match significant {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_element_of_any_length_is_read_back(length in 0usize..70_000) {
            let bytes = vec![7; length];
            let der = element(SEQUENCE, &bytes);
            prop_assert_eq!(content(&der), Some(bytes.as_slice()));
            prop_assert_eq!(content(&der[..der.len() - 1]), None);
        }
    }
}
