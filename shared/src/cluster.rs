//! The edge to Kubernetes: the only place where a cluster is read or changed.
//!
//! A [`context::Cluster`] is made once and passed down. Every request goes through [`request`], so that deadlines,
//! retries of reads and the cleaning of text that comes from a cluster are the same everywhere.

pub mod access_review;
pub mod api_fault;
pub mod carry_out;
pub mod completion;
pub mod connection_arguments;
pub mod context;
mod credentials;
mod denial;
pub mod dry_run;
pub mod envoy;
pub mod exec;
pub mod istiod;
pub mod lease;
mod limits;
pub mod observe;
pub mod probe;
pub mod read;
mod request;
pub mod token_check;
pub mod wait;
mod watch;
pub mod workloads;
pub mod write;
pub mod write_while_wanted;

#[cfg(test)]
mod test_api_server;
