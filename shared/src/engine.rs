//! The steps of a plan and their execution: what is done in which order, what one step passes to another, and what is
//! reported. It knows no cluster and no terminal: a plugin says what its steps are, and performs one.

pub mod event;
pub mod execute;
pub mod steps;

#[cfg(test)]
mod test_vocabulary;
