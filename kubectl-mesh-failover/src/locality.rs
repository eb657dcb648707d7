//! `kubectl mesh-failover locality`: which region takes over, written to DestinationRules.

pub mod command;
pub mod damaged;
pub mod drift;
pub mod effective_rules;
pub mod failover_flag;
pub mod plan;
pub mod removal;
pub mod request;
pub mod rule_plan;
pub mod rule_to_write;
pub mod take_over;
pub mod words;
