//! What this plugin keeps and reads on this machine: the CA folder, run locks, the user's values files.

pub mod ca_folder;
pub mod run_lock;
pub mod values_file;
