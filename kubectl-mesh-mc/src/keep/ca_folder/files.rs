//! Names of the files in a CA folder, and how a certificate is read from one.

use mesh_shared::model::pki::chain::{Certificate, parse_bundle};
use mesh_shared::plugin::error::{Error, Result};

use super::private_dir::PrivateDir;

pub(super) const ROOT_CERT: &str = "root-cert.pem";
pub(super) const ROOT_KEY: &str = "root-key.pem";
pub(super) const CA_CERT: &str = "ca-cert.pem";
pub(super) const CA_KEY: &str = "ca-key.pem";
pub(super) const RECORD: &str = "clusters.json";

/// The one certificate in a file, or none if there is no such file.
pub(super) fn read_certificate(folder: &PrivateDir, name: &str) -> Result<Option<Certificate>> {
    let Some(text) = folder.read(name)? else { return Ok(None) };
    let fault = |why: String| {
        Error::refused(format!("cannot read {}", folder.path().join(name).display()))
            .because(why)
            .fix("restore it from a backup of the folder, or name another folder: --ca-dir DIR")
    };
    match parse_bundle(&text).map_err(|error| fault(error.to_string()))?.as_slice() {
        [one] => Ok(Some(one.clone())),
        several => Err(fault(format!("it holds {} certificates where one is wanted", several.len()))),
    }
}
