//! How long and how many: limits of connections to an API server.

use std::time::Duration;

/// An address that does not answer a SYN is given up after this.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Each request that is under way holds a connection, and a new one costs both sides a handshake: eight serve an
/// observation as fast as one for every request does.
pub(super) const CONNECTIONS: usize = 8;
/// One request, unless the caller sets another limit.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_secs(10);
