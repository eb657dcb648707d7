use mesh_shared::model::istio::remote_secret::standing::TokenAnswer;

use super::*;

#[test]
fn a_cluster_that_no_address_leads_to_names_the_flag() {
    let east = {
        let mut with = fresh("east");
        with.access.api_addresses = Vec::new();
        with
    };
    let error = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).map(|_| ()).unwrap_err();
    assert_eq!(error.remedy, ["name one: --api-server east=https://HOST:PORT"]);
}

#[test]
fn a_name_that_is_registered_for_another_cluster_is_refused() {
    let secret = RemoteSecretFound {
        secret: "istio-remote-secret-west".into(),
        resource_version: "7".into(),
        ours: true,
        clusters: vec![RegisteredCluster {
            server: Some("https://old.example:6443".into()),
            authorities: vec![root("old")],
            ..registered("west")
        }],
        fault: None,
    };
    let east = {
        let mut with = fresh("east");
        with.access.remote_secrets = vec![secret];
        with
    };
    assert!(
        refusal(&request(), &[east, fresh("west")], Some(&empty_folder()))
            .contains("already reads another cluster under the name west")
    );
}

/// A finished mesh of which east's remote secret for west was changed.
fn finished_with(change: impl Fn(&mut ObservedCluster)) -> [ObservedCluster; 2] {
    let before = [fresh("east"), fresh("west")];
    let first = plan(&request(), &before, Some(&empty_folder())).unwrap();
    let mut after = [finished(&first, 0, &before[0]), finished(&first, 1, &before[1])];
    change(&mut after[0]);
    after
}

fn refuse_token(east: &mut ObservedCluster) {
    east.access.token_answers.insert("west".into(), TokenAnswer::Refused);
}

#[test]
fn a_remote_secret_of_ours_whose_token_is_refused_is_renewed_over_the_one_that_was_seen() {
    let after = finished_with(refuse_token);
    let again = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    let written: Vec<&Action> = again
        .steps
        .iter()
        .map(|(_, step)| &step.action)
        .filter(|action| matches!(action, Action::Task(Task::WriteRemoteSecret { .. })))
        .collect();
    assert!(
        matches!(written[..], [Action::Task(Task::WriteRemoteSecret { peer, over: Some(version), .. })] if peer.as_str() == "west" && version == "7"),
        "{written:?}"
    );
    let sentences = again.findings.sentences();
    assert!(sentences[0].contains("token is refused"), "{sentences:?}");
}

#[test]
fn a_remote_secret_of_somebody_else_whose_token_is_refused_refuses_the_join() {
    let after = finished_with(|east| {
        refuse_token(east);
        east.access.remote_secrets[0].ours = false;
    });
    let folder = folder_with("one", &["east", "west"]);
    assert_eq!(codes(&request(), &after, Some(&folder)), ["access/stale-credential"]);
}

#[test]
fn a_remote_secret_with_the_authority_of_a_cluster_that_was_rebuilt_is_renewed() {
    let after = finished_with(|east| east.access.remote_secrets[0].clusters[0].authorities = vec![root("before")]);
    let again = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    assert!(again.findings.sentences()[0].contains("certificate authority"));
    assert!(again.steps.changes() > 0);
}

#[test]
fn a_version_that_loses_something_by_a_renewal_is_named_before_the_question() {
    let after = finished_with(|east| {
        refuse_token(east);
        east.control_planes.istios[0].object["spec"]["version"] = "v1.30.2".into();
    });
    let again = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    let found: Vec<&str> = again.findings.iter().map(|finding| finding.code.name).collect();
    assert_eq!(found, ["access/renewed", "access/renewal-loses"]);
}

#[test]
fn a_member_that_is_registered_under_another_name_is_not_registered_twice() {
    for change in [(|_: &mut RegisteredCluster| {}) as fn(&mut RegisteredCluster), |found| {
        found.server = Some("https://nat.example".into());
    }] {
        let after = finished_with(|east| {
            let found = &mut east.access.remote_secrets[0].clusters[0];
            found.cluster = "paris".into();
            change(found);
        });
        let error = refusal(&request(), &after, Some(&folder_with("one", &["east", "west"])));
        assert!(error.contains("east already reads west under the name paris"), "{error}");
    }
}

#[test]
fn a_part_of_a_mesh_is_called_so() {
    let after = finished_with(|east| {
        let north = RemoteSecretFound { clusters: vec![registered("north")], ..east.access.remote_secrets[0].clone() };
        east.access.remote_secrets.push(north);
    });
    let again = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    let end = crate::join::words::end(&again, &after, std::time::Duration::from_secs(1));
    assert!(end.starts_with("Mesh mesh1: 2 of 3 members. Nothing to change."), "{end}");
    assert!(end.contains("west does not know north"), "{end}");
}
