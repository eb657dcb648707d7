use mesh_shared::model::seen::traffic::EndpointSeen;

use super::*;
use crate::drill::test_mesh::{name, with_pods};

#[test]
fn services_of_the_same_pods_are_found_by_selectors_and_by_endpoints_that_others_keep() {
    let mut at = with_pods();
    let of = |selector: &[(&str, &str)], endpoints: Vec<EndpointSeen>| ServiceSeen {
        selector: selector.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        endpoints,
        ..at.services[&name()].clone()
    };
    let endpoint = |address: &str, pod: Option<&str>| EndpointSeen {
        address: address.into(),
        ready: true,
        pod: pod.map(str::to_owned),
        node: None,
    };
    let others = [
        ("canary", of(&[("version", "v3")], vec![])),
        ("by-pod", of(&[], vec![endpoint("10.9.9.9", Some("helloworld-east"))])),
        ("by-address", of(&[], vec![endpoint("10.0.1.15", None)])),
        ("cart", of(&[("app", "cart")], vec![endpoint("10.0.1.4", Some("cart"))])),
        ("empty", of(&[], vec![])),
    ];
    at.services.extend(others.map(|(other, seen)| (ServiceName { name: other.into(), ..name() }, seen)));
    let pods: Vec<&PodSeen> = at.pods.iter().filter(|pod| pod.name.starts_with("helloworld")).collect();
    let also: Vec<String> = also_served(&at, &name(), &pods).iter().map(ToString::to_string).collect();
    assert_eq!(also, ["by-address.sample", "by-pod.sample", "canary.sample"]);
}
