//! Whether workloads that trust a bundle accept what an authority signs.

use jiff::Timestamp;

use super::chain::Certificate;
use super::verify::{ChainFault, verify_chain};

/// Verifies that workloads that trust these roots accept what `signer` signs. `on_the_wire` is what is sent along with each
/// certificate that it signs: whoever verifies one has nothing else but the roots.
///
/// # Errors
/// The first fault of the chain from the signer to one of the roots.
pub fn accepts(
    roots: &[Certificate],
    signer: &Certificate,
    on_the_wire: &[Certificate],
    at: Timestamp,
) -> Result<(), ChainFault> {
    if !on_the_wire.contains(signer) && !roots.contains(signer) {
        return Err(ChainFault::NotSent(signer.subject.clone()));
    }
    let chain: Vec<Certificate> = std::iter::once(signer).chain(on_the_wire).cloned().collect();
    verify_chain(&chain, roots, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pki::authority::tests::{issued_by, now, root};

    #[test]
    fn any_root_of_the_bundle_will_do_wherever_it_is_in_it() {
        let (old, new) = (root(), root());
        let issued = issued_by(&new, "east");
        let wire = [issued.certificate.clone(), new.certificate.clone()];
        let both = [old.certificate.clone(), new.certificate.clone()];
        assert_eq!(accepts(&both, &issued.certificate, &wire, now()), Ok(()));
        assert!(accepts(&both[..1], &issued.certificate, &wire, now()).is_err());
    }

    #[test]
    fn a_root_that_signs_directly_is_trusted_itself() {
        let root = root().certificate;
        assert_eq!(accepts(std::slice::from_ref(&root), &root, &[], now()), Ok(()));
    }
}
