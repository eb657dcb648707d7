//! Kubernetes objects as values: keys and kinds, how an object is written, who owns a field.

pub mod context_entry;
pub mod difference;
pub mod json_patch;
pub mod kinds;
pub mod labels;
pub mod managed_by;
pub mod managed_fields;
pub mod node_labels;
pub mod object_key;
pub mod pull_secret;
pub mod rbac;
pub mod write;
pub mod write_permissions;
