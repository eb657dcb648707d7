//! What must not be predictable: new keys and serial numbers.

use aws_lc_rs::rand;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RsaKeyPair};

use crate::model::pki::authority::Serial;
use crate::model::pki::key::{KeyAlgorithm, PrivateKey};
use crate::plugin::error::{Error, Result};

/// A new private key. RSA of 4096 bits takes 0.2 to 1 s: not for a thread that others wait on.
pub fn new_key(algorithm: KeyAlgorithm) -> Result<PrivateKey> {
    let rsa = |size| RsaKeyPair::generate(size).map_err(|_| Error::failed("cannot generate an RSA key").report());
    match algorithm {
        KeyAlgorithm::Rsa4096 => PrivateKey::from_rsa(rsa(KeySize::Rsa4096)?),
        KeyAlgorithm::Rsa2048 => PrivateKey::from_rsa(rsa(KeySize::Rsa2048)?),
        KeyAlgorithm::EcdsaP256 => PrivateKey::from_p256(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .map_err(|_| Error::failed("cannot generate an ECDSA key").report())?,
        ),
    }
}

/// A new serial number of 128 bits.
pub fn new_serial() -> Result<Serial> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| no_random())?;
    Ok(Serial::from_random(bytes))
}

/// Digits of a [`run_id`].
pub const RUN_ID_DIGITS: usize = 16;

/// Hexadecimal digits that tell one run from all others.
pub fn run_id() -> Result<String> {
    let mut bytes = [0; RUN_ID_DIGITS / 2];
    rand::fill(&mut bytes).map_err(|_| no_random())?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

fn no_random() -> Error {
    Error::failed("this machine gives no random bytes")
        .fix("check that /dev/urandom can be read, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_serials_are_equal() {
        assert_ne!(new_serial().unwrap(), new_serial().unwrap());
    }

    #[test]
    fn no_two_runs_have_one_id() {
        let id = run_id().unwrap();
        assert!(id.len() == RUN_ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_ne!(id, run_id().unwrap());
    }
}
