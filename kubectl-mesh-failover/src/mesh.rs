//! What the verbs have in common: which clusters, what is exposed, how changes are written.

pub mod arguments;
pub mod observe;
pub mod permissions;
pub mod proposal;
pub mod selection;
#[cfg(test)]
pub mod test_world;
pub mod words;
pub mod write;
pub mod write_words;
