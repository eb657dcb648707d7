//! What `kubectl mesh-failover` completes of values.

use mesh_shared::plugin::completion::line::{Line, Wanted};
use mesh_shared::plugin::completion::subject::{Live, Names, Subject};

use crate::drill::{fault_record, faults, object_names};

/// Services with a record of a drill.
const DRILLED: Names = Names::Live(Live::ConfigMaps { label: fault_record::LABEL, prefix: object_names::PREFIX });

/// What the value of an argument is, by its id.
pub fn subject(line: &Line) -> Option<Subject> {
    let Wanted::Value(argument) = &line.wanted else { return None };
    Some(match argument.as_str() {
        "contexts" => Subject::List(Names::Contexts),
        "context" => Subject::One(Names::Contexts),
        "user" => Subject::One(Names::Users),
        "service" if line.verbs == ["drill", "recover"] => Subject::One(DRILLED),
        "service" => Subject::One(Names::Live(Live::Services)),
        "namespace" | "from_namespace" | "istio_namespace" => Subject::One(Names::Live(Live::Namespaces)),
        "from" => Subject::One(Names::Live(Live::Workloads)),
        "cluster" | "from_cluster" => Subject::One(Names::Live(Live::Clusters)),
        "clusters" => Subject::List(Names::Live(Live::Clusters)),
        "failover" => Subject::Pairs(Names::Live(Live::Regions)),
        "assignments" => Subject::Pair(Names::Live(Live::Clusters), Names::Live(Live::Regions)),
        "fault" => Subject::Words(&faults::WORDS),
        _ => return None,
    })
}
