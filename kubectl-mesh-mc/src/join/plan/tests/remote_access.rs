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
        clusters: vec!["west".into()],
        server: Some("https://old.example:6443".into()),
        server_ca: Some(root("old")),
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
