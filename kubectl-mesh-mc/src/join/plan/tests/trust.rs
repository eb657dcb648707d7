use jiff::SignedDuration;
use mesh_shared::model::istio::mesh_settings::MeshSettings;
use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::trust::Published;

use super::*;

#[test]
fn a_cluster_without_a_root_takes_the_one_the_others_use() {
    let plan =
        plan(&request(), &[with_root("east", "one"), fresh("west")], Some(&folder_with("one", &["east"]))).unwrap();
    assert_eq!(plan.trust.root, crate::join::trust::RootSource::Folder { root: root("one") });
    assert_eq!(plan.trust.issue.iter().map(ClusterName::as_str).collect::<Vec<_>>(), ["west"]);
}

#[test]
fn roots_that_differ_are_refused_with_both_fingerprints() {
    let text = refusal(&request(), &[with_root("east", "one"), with_root("west", "two")], Some(&empty_folder()));
    assert!(text.contains(&root("one").to_string()) && text.contains(&root("two").to_string()), "{text}");
}

#[test]
fn a_root_in_use_is_never_joined_by_a_second_one() {
    let observed = [with_root("east", "one"), fresh("west")];
    assert!(refusal(&request(), &observed, Some(&empty_folder())).contains("which is in use, is not here"));
    assert!(
        refusal(&request(), &observed, Some(&folder_with("two", &["east"]))).contains("which is in use, is not here")
    );
}

#[test]
fn a_folder_that_signed_only_for_other_clusters_is_another_mesh() {
    let text = refusal(&request(), &[fresh("east"), fresh("west")], Some(&folder_with("one", &["north"])));
    assert!(text.contains("belongs to another mesh") && text.contains("north"), "{text}");
}

/// What is refused, with the code, the cause and what to do.
fn refused(observed: &[ObservedCluster]) -> (&'static str, String) {
    let error = plan(&request(), observed, Some(&folder_with("one", &["east"]))).map(|_| ()).unwrap_err();
    assert!(error.also.is_empty(), "{error:?}");
    (error.code.unwrap().name, format!("{error}\n{}", error.remedy.join("\n")))
}

/// The cluster publishes these roots, by an istiod that governs it.
fn publishing(mut cluster: ObservedCluster, roots: &[&str]) -> ObservedCluster {
    let roots = roots.iter().map(|text| certificate(text)).collect();
    cluster.trust.published = Some(Published { config_map: "istio-ca-root-cert".into(), roots: Ok(roots) });
    cluster.control_planes.istiods = vec![Istiod {
        namespace: "istio-system".into(),
        name: "istiod-prod".into(),
        revision: Some("prod".into()),
        by_sail: true,
        ..Istiod::default()
    }];
    cluster
}

#[test]
fn an_istiod_that_publishes_another_root_than_its_cacerts_is_refused_with_what_restarts_it() {
    let (code, text) = refused(&[publishing(with_root("east", "one"), &["own"]), with_root("west", "one")]);
    assert_eq!(code, "trust/not-in-use");
    assert!(text.contains("kubectl --context east -n istio-system rollout restart deployment/istiod-prod"), "{text}");
    assert!(text.contains(&root("own").to_string()) && text.contains("has not been restarted"), "{text}");
    let (code, _) = refused(&[publishing(with_root("east", "one"), &["one", "old"]), with_root("west", "one")]);
    assert_eq!(code, "trust/not-in-use");
}

#[test]
fn a_cluster_that_publishes_what_its_cacerts_holds_is_fine_in_any_order() {
    let east = publishing(trusting("east", "one", &["two"]), &["two", "one"]);
    let west = publishing(trusting("west", "two", &["one"]), &["two", "one"]);
    assert!(plan(&request(), &[east, west], Some(&empty_folder())).is_ok());
}

#[test]
fn a_signer_whose_root_another_does_not_trust_is_refused_without_removing_anything() {
    let (code, text) = refused(&[trusting("east", "two", &["one"]), with_root("west", "one")]);
    assert_eq!(code, "trust/signer-not-accepted");
    assert!(text.contains(&format!("east signs by root {}, which west does not trust", root("two"))), "{text}");
    assert!(text.contains("kubectl --context west -n istio-system patch secret cacerts"), "{text}");
    assert!(!text.contains("remove") && !text.contains("--context east -n istio-system patch"), "{text}");
}

#[test]
fn clusters_without_a_common_root_are_told_to_trust_each_other_and_not_to_remove_anything() {
    let (code, text) = refused(&[with_root("east", "one"), with_root("west", "two")]);
    assert_eq!(code, "trust/roots-differ");
    for context in ["east", "west"] {
        assert!(text.contains(&format!("kubectl --context {context} -n istio-system patch secret cacerts")), "{text}");
    }
    assert!(!text.contains("remove"), "{text}");
}

#[test]
fn a_cluster_that_joins_while_a_root_is_replaced_trusts_every_root_in_use() {
    let observed = [trusting("east", "one", &["two"]), trusting("west", "two", &["one"]), fresh("north")];
    let plan = plan(&request(), &observed, Some(&folder_with("two", &["east"]))).unwrap();
    assert_eq!(plan.trust.root, crate::join::trust::RootSource::Folder { root: root("two") });
    let created = plan.steps.iter().find_map(|(_, step)| match &step.action {
        Action::Task(Task::CreateCacerts { beside, .. }) => Some(beside.clone()),
        _ => None,
    });
    assert_eq!(created.unwrap(), [certificate("one"), certificate("two")]);
}

#[test]
fn a_root_that_not_every_cluster_trusts_signs_for_no_new_one() {
    let observed = [trusting("east", "one", &["two"]), with_root("west", "one"), fresh("north")];
    let text = refusal(&request(), &observed, Some(&folder_with("two", &["east"])));
    assert!(text.contains(&format!("the key of root {}, which is in use, is not here", root("one"))), "{text}");
    assert!(text.contains("which not every cluster trusts"), "{text}");
}

#[test]
fn every_join_verifies_what_each_istiod_publishes() {
    let verified = |observed: &[ObservedCluster]| {
        let plan = plan(&request(), observed, Some(&folder_with("one", &["east"]))).unwrap();
        let verified = plan.steps.iter().filter_map(|(_, step)| match &step.action {
            Action::Task(Task::VerifyRoot { roots, intermediate, .. }) => Some((roots.len(), intermediate.is_some())),
            _ => None,
        });
        verified.collect::<Vec<_>>()
    };
    assert_eq!(verified(&[with_root("east", "one"), fresh("west")]), [(1, false), (1, true)]);
    assert_eq!(verified(&[fresh("east"), fresh("west")]), [(0, true), (0, true)]);
}

#[test]
fn what_istiod_skips_of_a_bundle_is_a_warning() {
    let mut east = with_root("east", "one");
    east.trust.cacerts.as_mut().unwrap().skipped.push("2 certificates of root-cert.pem".into());
    let plan = plan(&request(), &[east, with_root("west", "one")], Some(&empty_folder())).unwrap();
    assert_eq!(plan.findings.sentences(), ["istiod of east skips 2 certificates of root-cert.pem"]);
}

#[test]
fn a_new_root_that_nobody_sees_made_needs_a_named_folder() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    let found = |given, asks| crate::join::trust::kept_nowhere(&plan.trust, given, asks).map(|found| found.code.name);
    assert_eq!(found(false, false), Some("trust/root-kept-nowhere"));
    assert_eq!((found(true, false), found(false, true)), (None, None));
}

/// A cluster whose istiod has this mesh configuration.
fn configured(context: &str, mesh: &serde_json::Value) -> ObservedCluster {
    let mut with = publishing(with_root(context, "one"), &["one"]);
    with.control_planes.istiods[0].settings = Known::Known(MeshSettings::read(mesh).unwrap());
    with
}

#[test]
fn a_trust_domain_that_another_cluster_does_not_accept_is_refused_with_the_aliases_to_add() {
    let west =
        |aliases: &[&str]| configured("west", &json!({"trustDomain": "west.example", "trustDomainAliases": aliases}));
    let east = |aliases: &[&str]| configured("east", &json!({"trustDomainAliases": aliases}));
    let both = [east(&["old"]), west(&[])];
    assert_eq!(codes(&request(), &both, Some(&empty_folder())), ["trust/domains-differ"; 2]);
    let (code, text) = refused(&[east(&["old"]), west(&["cluster.local"])]);
    assert_eq!(code, "trust/domains-differ");
    assert!(text.contains("east is of trust domain cluster.local and does not accept west.example"), "{text}");
    assert!(text.contains("'meshConfig.trustDomainAliases={old,west.example}'"), "{text}");
    assert!(plan(&request(), &[east(&["west.example"]), west(&["cluster.local"])], Some(&empty_folder())).is_ok());
}

#[test]
fn certificates_that_end_soon_are_warned_of() {
    let mut east = with_root("east", "one");
    east.trust.at = certificate("one").not_after - SignedDuration::from_hours(24 * 80);
    let plan = plan(&request(), &[east, with_root("west", "one")], Some(&empty_folder())).unwrap();
    let sentences = plan.findings.sentences();
    assert!(sentences[0].starts_with("certificates of east end soon: its signer"), "{sentences:?}");
    assert!(sentences[0].contains(&format!("its root {}", root("one"))), "{sentences:?}");
}
