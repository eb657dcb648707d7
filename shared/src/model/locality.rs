//! Where a client's traffic goes, also when a region fails, by Istio's and Envoy's own rules.
//!
//! [`governing`] finds the rule that a client is governed by, [`policy`] what that rule says of one port, [`ejection`] whether
//! and for how long Envoy takes a host out, [`hosts`] which hosts it counts. [`merge`] puts a failover into a user's rule, and
//! [`record`] takes it out again; [`annotation`] keeps what that needs.

pub mod annotation;
pub mod defaults;
pub mod edits;
pub mod ejection;
pub mod failover_region;
pub mod governing;
pub mod hosts;
pub mod merge;
pub mod policy;
pub mod rewrite;
pub mod verdict;

#[cfg(test)]
pub(crate) mod test_world;
