//! What both kubectl plugins need. It never names a command.
//!
//! From [`error`] to `plan` all is pure, and so is `yaml`: no client, no terminal, no clock or randomness of its own.
//! `cluster` and `machine` are the two edges; `run` drives them and speaks to `ui` through events alone.

pub mod cluster;
pub mod completion;
pub mod error;
pub mod istio;
pub mod locality;
pub mod machine;
pub mod mesh;
pub mod near;
pub mod observed;
pub mod pki;
pub mod plan;
pub mod release;
pub mod run;
pub mod ui;
pub mod yaml;
