//! The east-west gateways.

use crate::plugin::finding::{Code, Verb};

codes! {
    NO_INTERNAL_ADDRESS = Code::error("gateway/no-internal-address", &[Verb::Join])
        .means("--gateway-internal is given, and no annotation is known that does it in a cluster's cloud.")
        .fix("Give the annotation that its load balancer reads: --gateway-annotation KEY=VALUE.");
}
