use super::*;
use crate::drill::test_mesh::{name, with_pods};

fn what(result: Result<Vec<&PodSeen>, Findings>) -> String {
    result.unwrap_err().sentences().join("; ")
}

#[test]
fn the_filter_is_for_the_pods_of_the_namespace_that_have_all_labels_of_the_selector() {
    let at = with_pods();
    let names: Vec<&str> = pods(&at, &name()).unwrap().iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["helloworld-east", "helloworld-canary-east"]);
}

#[test]
fn a_filter_that_would_be_for_others_or_for_nobody_is_refused() {
    let mut at = with_pods();
    at.mesh_config.root_namespace = "sample".into();
    assert_eq!(what(pods(&at, &name())), "helloworld.sample is in the root namespace of the mesh");
    let mut at = with_pods();
    at.services.by_name.get_mut(&name()).unwrap().selector = [("app".to_owned(), "gone".to_owned())].into();
    assert_eq!(what(pods(&at, &name())), "the selector of helloworld.sample selects no pod with a sidecar in east");
    at.services.by_name.get_mut(&name()).unwrap().selector.clear();
    at.mesh_config.root_namespace = "sample".into();
    let findings = pods(&at, &name()).unwrap_err();
    assert_eq!(
        findings.sentences(),
        [
            "helloworld.sample has no selector: an EnvoyFilter cannot be limited to its pods",
            "helloworld.sample is in the root namespace of the mesh",
        ]
    );
    let first = findings.iter().next().unwrap();
    assert!(first.why.as_ref().unwrap().contains("every workload of namespace sample"));
}

#[test]
fn ten_pods_of_a_filter_are_named_and_the_others_counted() {
    let (service, also) = (name(), [ServiceName { namespace: "sample".into(), name: "b".into() }]);
    let pods: Vec<String> = (1..=12).map(|number| format!("a-{number}")).collect();
    let said =
        |pods: &[String], also: &[ServiceName]| applies_to(&Planned { service: &service, workloads: &[], pods, also });
    assert_eq!(
        said(&pods, &also),
        "The filter applies to 12 pods: a-1, a-2, a-3, a-4, a-5, a-6, a-7, a-8, a-9, a-10 and 2 more. They serve helloworld.sample and b.sample."
    );
    assert_eq!(said(&pods[..1], &[]), "The filter applies to 1 pod: a-1. It serves helloworld.sample.");
}
