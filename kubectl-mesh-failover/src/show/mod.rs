//! What each verb says, as text.
