//! The edge to this machine: its disk, its randomness, its clock, its processes and signals.

pub mod ca_folder;
pub mod clock;
pub mod lock_holder;
pub mod random;
pub mod report_file;
pub mod run_lock;
pub mod shell;
pub mod signal_listener;
pub mod values_file;
