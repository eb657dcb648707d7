//! The time, read in one place and passed on.

/// Now, by this machine's clock.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
