//! What each verb decides: from observed values to changes or a refusal.

pub mod locality;
pub mod peers;
pub mod permissions;
