use serde_json::json;

use super::codes::{access, control_plane, locality, mesh, trust};
use super::*;

fn roots_differ() -> Finding {
    trust::ROOTS_DIFFER
        .found("clusters trust different roots: east ab12, west cd34")
        .place("Secret istio-system/cacerts")
        .because("workloads of one would refuse the other's certificates")
        .fix("join only clusters of one root")
}

fn stranger() -> Finding {
    access::STRANGER.found("east also reads north, which no context names here").context("east").as_documented()
}

#[test]
fn an_error_cannot_be_found_without_what_to_do() {
    assert_eq!(
        control_plane::NO_OPERATOR.found("west has no operator").as_documented().fix,
        ["Install it with OLM or Helm."]
    );
    assert_eq!(control_plane::NO_OPERATOR.found("west has no operator").fix("install it").fix, ["install it"]);
    let note = control_plane::ANOTHER_ISTIOD.found("an istiod is in openshift-ingress").as_documented();
    assert_eq!((note.severity, note.fix.len()), (Severity::Note, 0));
}

#[test]
fn what_was_found_is_data_with_the_code_and_without_what_is_not_known() {
    let finding = control_plane::DOES_NOT_FIT
        .found("the control plane of east does not fit")
        .cluster("east")
        .context("kind-east")
        .object("Istio default")
        .field(".spec.version")
        .fix("change it");
    assert_eq!(
        json!([finding, stranger()]),
        json!([
            {
                "code": "control-plane/does-not-fit",
                "severity": "error",
                "subject": {
                    "cluster": "east", "context": "kind-east", "object": "Istio default", "field": ".spec.version",
                },
                "what": "the control plane of east does not fit",
                "fix": ["change it"],
            },
            {
                "code": "access/stranger",
                "severity": "warning",
                "subject": {"context": "east"},
                "what": "east also reads north, which no context names here",
                "fix": ["Name the contexts of all clusters of the mesh."],
            },
        ])
    );
}

#[test]
fn beside_other_data_findings_are_their_sentences_and_themselves() {
    #[derive(serde::Serialize)]
    struct Report {
        host: &'static str,
        #[serde(flatten)]
        findings: Findings,
    }
    let report = json!(Report { host: "a", findings: [stranger()].into_iter().collect() });
    assert_eq!(report["notes"], json!(["east also reads north, which no context names here"]));
    assert_eq!(report["findings"][0]["code"], "access/stranger");
    assert_eq!(
        json!(Report { host: "a", findings: Findings::default() }),
        json!({"host": "a", "notes": [], "findings": []})
    );
}

#[test]
fn a_verb_refuses_once_with_all_on_which_it_refuses() {
    let no_operator = control_plane::NO_OPERATOR.found("west has no operator").context("west").as_documented();
    let found: Findings = [roots_differ(), stranger(), no_operator].into_iter().collect();
    let error = found.refuse(Verb::Join).unwrap_err();
    assert_eq!((error.kind, error.exit_code()), (Kind::Refused, 1));
    assert_eq!(error.code, Some(&trust::ROOTS_DIFFER));
    assert_eq!(error.place.as_deref(), Some("Secret istio-system/cacerts"));
    assert_eq!(error.why.as_deref(), Some("workloads of one would refuse the other's certificates"));
    let [also] = &error.also[..] else { panic!("{error:?}") };
    assert_eq!((also.code, also.place.as_deref()), (Some(&control_plane::NO_OPERATOR), Some("context west")));
}

#[test]
fn a_verb_goes_on_where_there_is_nothing_but_warnings_and_notes() {
    assert_eq!(Findings::default().refuse(Verb::Join), Ok(()));
    assert_eq!([stranger()].into_iter().collect::<Findings>().refuse(Verb::Join), Ok(()));
}

#[test]
fn a_verb_refuses_on_a_warning_whose_code_says_so() {
    let found: Findings = [locality::RECORD_DAMAGED.found("it is damaged").fix("restore it")].into_iter().collect();
    assert!(found.refuse(Verb::LocalityApply).is_err());
    assert!(found.refuse(Verb::Drill).is_ok());
}

#[test]
fn the_exit_code_is_that_of_the_command_line_where_any_of_it_is_wrong() {
    let unknown = mesh::UNKNOWN_CONTEXT.found("--cluster-name names nort").as_documented();
    let found: Findings = [roots_differ(), unknown].into_iter().collect();
    assert_eq!(found.refuse(Verb::Join).unwrap_err().exit_code(), 2);
}

#[test]
fn the_same_thing_is_found_once_and_what_needs_a_value_is_skipped_without_it() {
    let mut found = Findings::default();
    assert_eq!(found.keep(Ok::<_, Finding>(1)), Some(1));
    assert_eq!(found.keep(Err::<u8, _>(roots_differ())), None);
    assert_eq!(found.keep(Err::<u8, _>(roots_differ())), None);
    assert_eq!(found.sentences(), ["clusters trust different roots: east ab12, west cd34"]);
}

#[test]
fn a_finding_is_a_line_with_its_code() {
    assert_eq!(stranger().line(), "warning  east also reads north, which no context names here [access/stranger]");
}

#[test]
fn an_error_of_what_a_rule_called_becomes_what_it_found() {
    let error = Error::refused("the folder cannot be used").at("/ca").because("mode 0755").fix("chmod 700 /ca");
    let finding = trust::FOLDER_UNUSABLE.of_error(error.clone());
    assert_eq!(finding.into_error(), Error { code: Some(&trust::FOLDER_UNUSABLE), ..error });
}
