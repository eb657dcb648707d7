//! What both kubectl plugins need. It never names a command.
//!
//! From [`error`] to `plan` all is pure, and so is `yaml`: no client, no terminal, no clock or randomness of its own.
//! `cluster` and `machine` are the two edges; `run` drives them and speaks to `ui` through events alone.

#[cfg(feature = "engine")]
pub mod cluster;
#[cfg(feature = "engine")]
pub mod completion;
#[cfg(feature = "engine")]
pub mod error;
#[cfg(feature = "engine")]
pub mod finding;
#[cfg(feature = "engine")]
pub mod istio;
#[cfg(feature = "engine")]
pub mod locality;
#[cfg(feature = "engine")]
pub mod machine;
#[cfg(feature = "engine")]
pub mod mesh;
#[cfg(feature = "engine")]
pub mod near;
#[cfg(feature = "engine")]
pub mod observed;
#[cfg(feature = "engine")]
pub mod pki;
#[cfg(feature = "engine")]
pub mod plan;
pub mod probe;
#[cfg(feature = "engine")]
pub mod release;
#[cfg(feature = "engine")]
pub mod run;
#[cfg(feature = "engine")]
pub mod ui;
#[cfg(feature = "engine")]
pub mod yaml;
