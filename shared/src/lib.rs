//! What both kubectl plugins need. It never names a command. Which room may know which is said in ARCHITECTURE.md, and held by a
//! test.

pub mod cluster;
pub mod engine;
pub mod machine;
pub mod model;
pub mod plugin;
pub mod session;
