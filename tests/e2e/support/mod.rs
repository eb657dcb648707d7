//! What every test on clusters needs: the real programs, the judges, and clusters that are bare again.
//!
//! What is true is said by kubectl, istioctl, openssl and the logs of the API servers and proxies, never by our own
//! output alone. A step waits for a state that has a name, and then one assertion is made.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub(crate) mod altered_kubeconfigs;
pub(crate) mod bare;
pub(crate) mod ca_folder;
pub(crate) mod ground;
pub(crate) mod kit;
pub(crate) mod lingering_proxy;
pub(crate) mod other_tools;
pub(crate) mod own_namespaces;
pub(crate) mod permitted_users;
pub(crate) mod requests;
pub(crate) mod running;
pub(crate) mod sample;
pub(crate) mod screen;
pub(crate) mod shell;
pub(crate) mod standing;
pub(crate) mod stored_objects;

use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) use kit::Kit;

/// Looks again and again until the state is there, and says what was seen last where it does not come.
pub(crate) fn until<T>(state: &str, patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= end => panic!("not within {patience:?}: {state}; last seen: {seen}"),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}
