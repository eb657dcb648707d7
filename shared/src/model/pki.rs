//! Keys and certificates as values. Keys, serial numbers and the time come in as arguments; nothing here draws or reads them.

pub mod authority;
pub mod chain;
mod issuer_name;
pub mod key;
pub mod verify;
mod workload_certificate;

#[cfg(test)]
pub mod tests;
