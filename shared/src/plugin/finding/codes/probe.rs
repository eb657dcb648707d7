//! The pods that try addresses from inside of a cluster.

use crate::plugin::finding::{Code, Verb};

codes! {
    ANOTHER_RUN = Code::note("probe/another-run")
        .means("A probe of another run is in a cluster: another join may be at work there.");
    PULL_SECRET_MISSING = Code::error("probe/pull-secret-missing", &[Verb::Join])
        .means("The Secret of --image-pull-secret is missing in a cluster, or does not hold what images are pulled by.")
        .fix("Create it in each cluster, or name another.");
}
