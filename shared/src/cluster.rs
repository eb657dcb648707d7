//! The edge to Kubernetes: the only place where a cluster is asked or changed.
//!
//! A [`context::Cluster`] is made once and passed down. Every request goes through [`request`], so that deadlines, retries
//! of reads and the cleaning of text that comes from a cluster are the same everywhere.

pub mod carry_out;
pub mod completion;
pub mod connection_arguments;
pub mod envoy;
pub mod istiod;

pub mod access_review;
pub mod apply;
pub mod context;
mod credentials;
pub mod exec;
pub mod fault;
pub mod lease;
mod limits;
pub mod list;
pub mod observe;
pub mod probe;
mod request;
pub mod send_once;
#[cfg(test)]
mod test_api_server;
pub mod traffic;
pub mod wait;
mod watch;
pub mod workloads;
