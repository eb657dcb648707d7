//! The steps of a plan, and how they are executed: what is done in which order, what goes from one step to another, and what is told
//! of it. It knows no cluster and no terminal: a plugin says what its steps are, and does one.

pub mod event;
pub mod execute;
pub mod steps;

#[cfg(test)]
mod test_vocabulary;
