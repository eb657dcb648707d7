//! Everything that is decided on, as values: no client, clock, terminal or file.

pub mod istio;
pub mod kube;
pub mod locality;
pub mod names;
pub mod peers;
pub mod pki;
pub mod seen;
