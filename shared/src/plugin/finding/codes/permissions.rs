//! What the user may do.

use crate::plugin::finding::{Code, Verb};

codes! {
    MISSING = Code::error("permissions/missing", Verb::WRITING)
        .means("You lack permissions that the command needs.")
        .fix("Have an administrator apply the files of docs/permissions that it names, and bind you to their roles.");
}
