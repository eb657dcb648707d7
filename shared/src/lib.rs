//! What both kubectl plugins need. It never names a command. Which room may know which is said in ARCHITECTURE.md, and held by a
//! test.

#[cfg(feature = "engine")]
pub mod cluster;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "engine")]
pub mod machine;
#[cfg(feature = "engine")]
pub mod model;
#[cfg(feature = "engine")]
pub mod plugin;
pub mod probe;
