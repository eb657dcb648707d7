//! What could not be looked at.

use crate::plugin::finding::Code;

codes! {
    NOT_READ = Code::warning("observation/not-read")
        .means("A read that only helps failed: what it would have shown is not known, and the join goes on without it.")
        .fix("Look at the state of that API server if the join then takes another way than it should.");
}
