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

#[test]
fn a_new_root_that_nobody_sees_made_needs_a_named_folder() {
    let plan = plan(&request(), &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    let found = |given, asks| crate::join::trust::kept_nowhere(&plan.trust, given, asks).map(|found| found.code.name);
    assert_eq!(found(false, false), Some("trust/root-kept-nowhere"));
    assert_eq!((found(true, false), found(false, true)), (None, None));
}
