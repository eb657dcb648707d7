//! What both kubectl plugins need. It names a command in one place alone: the codes in `plugin::finding` say which refuse on
//! them. Which room may know which is said in ARCHITECTURE.md, and held by a test.

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
