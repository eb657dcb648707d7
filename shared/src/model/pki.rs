//! Keys and certificates as values. Keys, serial numbers and the time come in as arguments; nothing here draws or reads them.

#[cfg(test)]
pub mod tests;

pub mod authority;
pub mod chain;
mod issuer_name;
pub mod key;
pub mod verify;
mod workload;
