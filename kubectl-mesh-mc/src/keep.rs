//! What this plugin keeps and reads on this machine: the CA folder, the locks of runs, the user's files of values.

pub mod ca_folder;
pub mod run_lock;
pub mod values_file;
