//! What both kubectl plugins need. It names a command in one place alone: the codes in `plugin::finding` say which refuse on
//! them. Which room may know which is said in ARCHITECTURE.md, and held by a test.

pub mod cluster;
pub mod engine;
pub mod machine;
pub mod model;
pub mod plugin;
pub mod session;
