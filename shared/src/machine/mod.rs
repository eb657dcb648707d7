//! The edge to this machine: its disk, its randomness.

pub mod random;
