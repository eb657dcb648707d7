use super::*;

#[test]
fn an_internal_gateway_wants_a_cloud_that_is_known() {
    let request = JoinRequest { gateway_internal: true, ..request() };
    assert!(
        refusal(&request, &[fresh("east"), fresh("west")], Some(&empty_folder())).contains("internal gateway address")
    );
    let cloudy = |context: &str| {
        let mut with = fresh(context);
        with.platform.cloud = Some("aws".into());
        with
    };
    assert!(plan(&request, &[cloudy("east"), cloudy("west")], Some(&empty_folder())).is_ok());
}
