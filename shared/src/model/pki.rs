//! Keys and certificates as values. Keys, serial numbers and the time are arguments; nothing here makes or reads them.

pub mod authority;
pub mod chain;
mod issuer_name;
pub mod key;
pub mod verify;
mod workload_certificate;

#[cfg(test)]
pub mod tests;
