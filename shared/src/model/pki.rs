//! Keys and certificates as values. Keys, serial numbers and the time are arguments; nothing here makes or reads them.

pub mod acceptance;
pub mod authority;
pub mod chain;
pub mod go_pem;
mod issuer_name;
pub mod key;
pub mod verify;
mod workload_certificate;

#[cfg(test)]
pub mod tests;
