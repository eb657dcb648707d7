//! The order in which regions take over, as a user writes it and as Istio can express it.

use std::collections::BTreeSet;

use mesh_shared::model::istio::destination_rule::FailoverPair;
use mesh_shared::model::locality::failover_region::second;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::locality as codes;

/// The pairs that a user names, such as `east=west,west=east`.
///
/// # Errors
/// A refusal with the reason if Istio cannot express the order: of all regions but the client's own it knows one that
/// comes first, then all others equally, and of several pairs with one `from` only the first counts
/// (`applyLocalityFailover`, istio/istio pilot/pkg/networking/core/loadbalancer/loadbalancer.go). What its validation
/// refuses is refused here (`ValidateLocalityLbSetting`, pkg/config/validation/agent/validation.go).
pub fn parse(texts: &[String]) -> Result<Vec<FailoverPair>> {
    let mut pairs: Vec<FailoverPair> = Vec::new();
    for text in texts {
        let parts: Vec<&str> = text.split('=').map(str::trim).collect();
        let pair = match parts.as_slice() {
            [from, to] if !from.is_empty() && !to.is_empty() => {
                FailoverPair { from: (*from).to_owned(), to: (*to).to_owned() }
            }
            [first, .., last] if parts.len() > 2 => {
                return Err(Error::refused(format!("--failover {text} is an order that Istio cannot express"))
                    .because("behind the one region that comes second, Istio takes all others equally: a third cannot be given")
                    .fix(format!("name the second place alone: --failover {first}={}", parts.get(1).unwrap_or(last))));
            }
            _ => {
                return Err(Error::usage(format!("--failover {text:?} is not understood")).fix(
                    "write it as --failover FROM=TO, with regions as `kubectl mesh-failover regions` shows them",
                ));
            }
        };
        refuse_wrong_region(&pair)?;
        if let Some(other) = pairs.iter().find(|other| other.from == pair.from) {
            if other.to == pair.to {
                continue;
            }
            return Err(Error::refused(format!("--failover names two regions that take over from {}", pair.from))
                .because(format!(
                    "Istio takes the first pair of a region alone: {other} would count, {pair} would not; behind the second \
                     place all other regions are equal"
                ))
                .fix(format!("name one of them: --failover {other}")));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

fn refuse_wrong_region(pair: &FailoverPair) -> Result<()> {
    if pair.from == pair.to {
        return Err(Error::usage(format!("--failover {pair} leads nowhere"))
            .because("the client's own region comes first anyway")
            .fix("name another region behind the ="));
    }
    for region in [&pair.from, &pair.to] {
        if region.contains(['/', '*']) {
            return Err(Error::usage(format!("--failover names {region:?}, which is not a region"))
                .because("Istio's failover takes regions, not zones or patterns")
                .fix("name the region alone, without its zone"));
        }
    }
    Ok(())
}

/// Both directions between two regions; none if there are not exactly two.
pub fn mutual(regions: &BTreeSet<String>) -> Option<Vec<FailoverPair>> {
    let mut regions = regions.iter();
    match (regions.next(), regions.next(), regions.next()) {
        (Some(a), Some(b), None) => {
            Some(vec![FailoverPair { from: a.clone(), to: b.clone() }, FailoverPair { from: b.clone(), to: a.clone() }])
        }
        _ => None,
    }
}

/// Where clients go from regions that no pair begins at, such as those of `west` with only `east=west`.
pub fn unnamed(pairs: &[FailoverPair], regions: &BTreeSet<String>) -> Vec<Finding> {
    let without = regions.iter().filter(|region| second(pairs, region).is_none());
    without
        .map(|region| {
            let others: Vec<&str> = regions.iter().filter(|other| *other != region).map(String::as_str).collect();
            let what = match others.as_slice() {
                [] => format!("clients in {region} have no other region"),
                [other] => format!(
                    "no pair begins at {region}: its clients fail over to {other} all the same, the only other region"
                ),
                many => format!("no pair begins at {region}: its clients fail over to {} equally", many.join(", ")),
            };
            codes::REGION_IN_NO_PAIR.found(what).as_documented()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn refusal(given: &[&str]) -> String {
        let error = parse(&texts(given)).unwrap_err();
        format!("{}: {}\n{}", error.what, error.why.unwrap_or_default(), error.remedy.join("\n"))
    }

    #[test]
    fn pairs_are_taken_in_their_order() {
        let pairs = parse(&texts(&["east=west", "west=east", "east=west"])).unwrap();
        assert_eq!(pairs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["east=west", "west=east"]);
        assert_eq!((second(&pairs, "east"), second(&pairs, "north")), (Some("west"), None));
    }

    #[test]
    fn what_istio_cannot_express_is_refused_with_the_reason() {
        insta::assert_snapshot!(refusal(&["a=b", "a=c"]), @r"
        --failover names two regions that take over from a: Istio takes the first pair of a region alone: a=b would count, a=c would not; behind the second place all other regions are equal
        name one of them: --failover a=b
        ");
        insta::assert_snapshot!(refusal(&["a=b=c"]), @r"
        --failover a=b=c is an order that Istio cannot express: behind the one region that comes second, Istio takes all others equally: a third cannot be given
        name the second place alone: --failover a=b
        ");
    }

    #[test]
    fn what_istio_refuses_is_a_usage_error() {
        for wrong in ["a=a", "a/1=b", "a=*", "a", "=b", "a="] {
            assert_eq!(parse(&texts(&[wrong])).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn two_regions_are_each_others_failover_and_more_are_not_guessed() {
        let regions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(mutual(&regions(&["west", "east"])), Some(parse(&texts(&["east=west", "west=east"])).unwrap()));
        assert_eq!(mutual(&regions(&["east"])), None);
        assert_eq!(mutual(&regions(&["a", "b", "c"])), None);
    }

    #[test]
    fn what_the_other_direction_does_is_said() {
        let regions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let pairs = parse(&texts(&["a=b"])).unwrap();
        let unnamed = |pairs: &[FailoverPair], regions: &BTreeSet<String>| {
            unnamed(pairs, regions).into_iter().map(|finding| finding.what).collect::<Vec<_>>()
        };
        assert_eq!(
            unnamed(&pairs, &regions(&["a", "b"])),
            ["no pair begins at b: its clients fail over to a all the same, the only other region"]
        );
        assert_eq!(
            unnamed(&pairs, &regions(&["a", "b", "c"])),
            [
                "no pair begins at b: its clients fail over to a, c equally",
                "no pair begins at c: its clients fail over to a, b equally"
            ]
        );
    }
}
