use std::path::Path;

use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::seen::workload::Owners;

use super::fault_kind::Scene;
use super::scale_to_zero::ScaleToZero;
use super::upstream_errors::UpstreamErrors;
use super::*;
use crate::drill::changed::Changed;
use crate::drill::test_mesh::name;

mod of_latency;

/// `--fault scale-to-zero`.
pub fn scaling() -> Fault {
    Fault::ScaleToZero(ScaleToZero)
}

/// `--fault upstream-errors=PERCENT`.
pub fn errors(percent: u8) -> Fault {
    Fault::UpstreamErrors(UpstreamErrors { percent })
}

fn said(all: &[Access]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn a_fault_has_an_argument_where_it_may() {
    assert_eq!(parse("scale-to-zero"), Ok(scaling()));
    assert_eq!(parse("upstream-errors"), Ok(errors(100)));
    assert_eq!(parse("upstream-errors=30%"), Ok(errors(30)));
    for text in ["upstream-errors=0", "upstream-errors=101", "upstream-errors=", "scale-to-zero=3", "delay", ""] {
        assert_eq!(parse(text).unwrap_err().exit_code(), 2, "{text}");
    }
    let error = parse("upstream-error").unwrap_err();
    assert_eq!(error.why.as_deref(), Some("the faults are scale-to-zero and upstream-errors"));
    assert_eq!(
        error.remedy,
        ["did you mean upstream-errors?", "write it as scale-to-zero or upstream-errors[=PERCENT]"]
    );
}

#[test]
fn a_fault_is_written_as_it_is_read() {
    for text in ["scale-to-zero", "upstream-errors=30", "latency=2000"] {
        assert_eq!(parse(text).unwrap().kind().written(), text);
    }
}

#[test]
fn a_fault_has_one_word_on_the_command_line_and_in_records() {
    for (fault, kind) in [(scaling(), "scale-to-zero"), (errors(30), "upstream-errors")] {
        assert_eq!(serde_json::to_value(&fault).unwrap()["kind"], kind);
        assert!(is_known(kind) && fault.kind().written().starts_with(kind));
    }
    assert_eq!(serde_json::to_string(&scaling()).unwrap(), r#"{"kind":"scale-to-zero"}"#);
    assert_eq!(serde_json::to_string(&errors(30)).unwrap(), r#"{"kind":"upstream-errors","percent":30}"#);
}

#[test]
fn every_fault_that_is_offered_has_its_row_and_its_roles() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |path: &str| std::fs::read_to_string(docs.join(path)).unwrap();
    let drills = read("drills.md");
    for entry in offered() {
        assert!(drills.contains(&format!("\n| `{}` | ", entry.usage)), "docs/drills.md has no row for {}", entry.usage);
        let file = entry.permissions.0;
        let roles = read(&format!("permissions/{file}"));
        assert!(roles.contains(&format!("# For --fault {}.", entry.word)), "{file} has no roles for {}", entry.word);
    }
}

#[test]
fn errors_need_no_right_to_scale_and_scaling_none_to_make_a_filter() {
    let all = said(&errors(100).kind().needed(&name()));
    assert!(all.contains(&"create envoyfilters.networking.istio.io in sample".to_owned()), "{all:?}");
    assert!(!all.iter().any(|access| access.contains("scale")), "{all:?}");
    assert!(scaling().kind().needed(&name()).is_empty());
}

#[test]
fn what_a_change_needs_is_part_of_what_its_fault_needs() {
    for fault in [errors(100), parse("latency=5").unwrap()] {
        let needed = said(&fault.kind().needed(&name()));
        let changes = changes_of(&fault);
        let of_changes = crate::drill::permissions::changing(&changes);
        assert!(said(&of_changes).iter().all(|access| needed.contains(access)), "{needed:?}");
    }
}

/// What a fault by filter changes, without workloads behind the service that could be scaled.
fn changes_of(fault: &Fault) -> Vec<Changed> {
    let (service, selector) = (name(), [("app".to_owned(), "helloworld".to_owned())].into());
    let owners = Owners { workloads: vec![], unscalable: vec![("DaemonSet".into(), "agent".into())] };
    let scene = Scene { service: &service, selector: &selector, port: 5000, owners: &owners, allow_owner: false };
    fault.kind().changes(&scene).unwrap()
}

#[test]
fn the_filter_for_errors_names_its_pods_their_port_and_how_many_fail() {
    let [Changed::Filter(filter)] = &changes_of(&errors(30))[..] else { panic!() };
    assert_eq!((filter.namespace.as_str(), filter.name.as_str()), ("sample", "mesh-failover-drill-helloworld"));
    assert_eq!(filter.spec["workloadSelector"]["labels"]["app"], "helloworld");
    let patch = &filter.spec["configPatches"][0];
    assert_eq!(patch["match"]["listener"]["portNumber"], 5000);
    let abort = &patch["patch"]["value"]["typed_config"]["abort"];
    assert_eq!((&abort["http_status"], &abort["percentage"]["numerator"]), (&503.into(), &30.into()));
}
