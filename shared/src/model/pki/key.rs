//! Private keys, which can sign and be stored, but not be printed, compared or serialised.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use pem::{EncodeConfig, LineEnding, Pem};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::plugin::error::{Error, Result};

/// More than any key that we accept: an RSA key of 8192 bits has some 6 KiB of PEM.
const MOST_BYTES: usize = 64 * 1024;

/// Kind and size of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// As in the procedures of Istio's and OpenShift's manuals.
    #[default]
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    /// Faster to generate and to sign with.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// Fastest, smallest.
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
}

impl KeyAlgorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Rsa4096, Self::Rsa2048, Self::EcdsaP256];
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rsa4096 => "rsa-4096",
            Self::Rsa2048 => "rsa-2048",
            Self::EcdsaP256 => "ecdsa-p256",
        })
    }
}

impl FromStr for KeyAlgorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.to_string() == text).ok_or_else(|| {
            let known = Self::ALL.map(|algorithm| algorithm.to_string());
            Error::usage(format!("key algorithm {text:?} is unknown"))
                .meant(text, known.iter().map(String::as_str))
                .fix("use rsa-4096, rsa-2048 or ecdsa-p256")
        })
    }
}

/// A private key of an authority: RSA of 2048 to 8192 bits, ECDSA P-256 or P-384.
///
/// It has no `Debug`, `Display`, `Clone` or `Serialize`; its bytes are wiped when it is dropped.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

/// What to replace an unusable key with.
const WANTED: &str =
    "put a PEM key there (RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384), or restore the folder's backup";

impl PrivateKey {
    /// The first private key in a PEM text, in PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// A refusal if the key is encrypted, of a kind that not every party to a mesh accepts, broken, or missing.
    /// The error never holds a byte of the text; the caller adds where it came from.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(Error::refused("the private key is unreadable")
                .because("the text is larger than 64 KiB")
                .fix(WANTED));
        }
        let blocks = pem::parse_many(text).map_err(|_| {
            Error::refused("the private key is unreadable").because("the text is not well-formed PEM").fix(WANTED)
        })?;
        let block = blocks.into_iter().find(|block| block.tag().ends_with("PRIVATE KEY")).ok_or_else(|| {
            Error::refused("there is no private key").because("no PEM block is a PRIVATE KEY").fix(WANTED)
        })?;
        let encrypted = block.tag() == "ENCRYPTED PRIVATE KEY"
            || block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"));
        if encrypted {
            return Err(Error::refused("the private key is encrypted")
                .because("only a key without a passphrase can be used")
                .fix("decrypt it into a file that only you can read:")
                .fix("(umask 077; openssl pkey -in ENCRYPTED.pem -out root-key.pem)"));
        }
        let pkcs1 = block.tag() == "RSA PRIVATE KEY";
        Self::from_der(&Zeroizing::new(block.into_contents()), pkcs1)
    }

    /// The key of a new RSA pair.
    pub(crate) fn from_rsa(pair: RsaKeyPair) -> Result<Self> {
        let bits = pair.public_modulus_len() * 8;
        if !(2048..=8192).contains(&bits) {
            return Err(Error::refused("the private key cannot be used")
                .because(format!("it is RSA of {bits} bits; 2048 to 8192 are accepted"))
                .fix(WANTED));
        }
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| broken())?;
        Ok(Self { pkcs8: Zeroizing::new(der.as_ref().to_vec()), pair: Pair::Rsa(pair) })
    }

    /// The key of a new ECDSA pair on the curve P-256.
    pub(crate) fn from_p256(pair: EcdsaKeyPair) -> Result<Self> {
        let der = pair.to_pkcs8v1().map_err(|_| broken())?;
        Ok(Self { pkcs8: Zeroizing::new(der.as_ref().to_vec()), pair: Pair::P256(pair) })
    }

    fn from_der(der: &[u8], pkcs1: bool) -> Result<Self> {
        let rsa = if pkcs1 { RsaKeyPair::from_der(der) } else { RsaKeyPair::from_pkcs8(der) };
        if let Ok(pair) = rsa {
            return Self::from_rsa(pair);
        }
        if let Ok(pair) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
            return Self::from_p256(pair);
        }
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, der).map_err(|_| {
            Error::refused("the private key cannot be used")
                .because("it is broken, or neither RSA of 2048 to 8192 bits nor ECDSA on P-256 or P-384")
                .fix(WANTED)
        })?;
        let der = pair.to_pkcs8v1().map_err(|_| broken())?;
        Ok(Self { pkcs8: Zeroizing::new(der.as_ref().to_vec()), pair: Pair::P384(pair) })
    }

    /// The key as PKCS#8 PEM, for the two places it may go to: the CA folder and the Secret `cacerts`.
    pub fn reveal_pem(&self) -> Zeroizing<String> {
        let block = Pem::new("PRIVATE KEY", self.pkcs8.to_vec());
        let text = pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF));
        let _wiped = Zeroizing::new(block.into_contents());
        Zeroizing::new(text)
    }

    /// The `subjectPublicKey` of a certificate for this key.
    pub fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::P256(pair) | Pair::P384(pair) => pair.public_key().as_ref(),
        }
    }
}

impl rcgen::PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_key()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match &self.pair {
            Pair::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
            Pair::P256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Pair::P384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| rcgen::Error::RingUnspecified)?;
                Ok(signature)
            }
            Pair::P256(pair) | Pair::P384(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| rcgen::Error::RingUnspecified),
        }
    }
}

fn broken() -> Error {
    Error::failed("the private key cannot be encoded").report()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn openssl_key(arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn openssl_reads(pem: &str, folder: &tempfile::TempDir) -> bool {
        let path = folder.path().join("key.pem");
        std::fs::write(&path, pem).unwrap();
        Command::new("openssl").args(["pkey", "-noout", "-check", "-in"]).arg(path).output().unwrap().status.success()
    }

    #[test]
    fn keys_of_every_form_are_read_and_leave_as_pkcs8() {
        let folder = tempfile::tempdir().unwrap();
        for arguments in [
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..],
            &["genrsa", "-traditional", "2048"],
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            &["ecparam", "-name", "prime256v1", "-genkey"],
            &["ecparam", "-name", "secp384r1", "-genkey"],
        ] {
            let pem = PrivateKey::from_pem(&openssl_key(arguments))
                .unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
                .reveal_pem();
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{arguments:?}");
            assert!(openssl_reads(&pem, &folder), "{arguments:?}");
        }
    }

    #[test]
    fn an_encrypted_key_is_refused_with_the_way_to_decrypt_it() {
        for arguments in [
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-aes256", "-pass", "pass:secret"][..],
            &["genrsa", "-traditional", "-aes256", "-passout", "pass:secret", "2048"],
        ] {
            let error = PrivateKey::from_pem(&openssl_key(arguments)).err().unwrap();
            assert_eq!(error.what, "the private key is encrypted");
            assert!(error.remedy[1].contains("openssl pkey"));
        }
    }

    #[test]
    fn keys_that_a_mesh_cannot_use_are_refused() {
        for arguments in [
            &["genpkey", "-algorithm", "ED25519"][..],
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            &["ecparam", "-name", "secp521r1", "-genkey", "-noout"],
        ] {
            assert_eq!(
                PrivateKey::from_pem(&openssl_key(arguments)).err().unwrap().what,
                "the private key cannot be used"
            );
        }
    }

    #[test]
    fn an_error_holds_no_byte_of_the_key() {
        let error =
            PrivateKey::from_pem(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").err().unwrap();
        assert!(!format!("{error:?}").contains("secret") && !format!("{error:?}").contains("c2Vj"));
        assert_eq!(PrivateKey::from_pem(b"nothing here").err().unwrap().what, "there is no private key");
        assert!(PrivateKey::from_pem(&vec![b'a'; MOST_BYTES + 1]).is_err());
    }

    #[test]
    fn algorithms_read_as_they_are_written() {
        for algorithm in KeyAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.to_string());
        }
        assert!("rsa-1024".parse::<KeyAlgorithm>().is_err());
    }
}
