//! What both kubectl plugins need. It names commands in one place only: the codes in `plugin::finding` say which
//! commands refuse on them. ARCHITECTURE.md says which room may know which, and a test holds it.

pub mod cluster;
pub mod engine;
pub mod machine;
pub mod model;
pub mod plugin;
pub mod session;
