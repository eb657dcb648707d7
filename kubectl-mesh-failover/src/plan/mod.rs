//! What each verb decides: from observed values to changes or a refusal.

pub mod expose;
pub mod exposure;
pub mod list;
pub mod locality;
pub mod members;
pub mod peers;
pub mod permissions;
pub mod regions;
#[cfg(test)]
pub mod test_world;
