//! Names that are near to one that does not exist: what a person probably meant.

use strsim::osa_distance;

/// More would not help.
const MOST: usize = 3;

/// Those of the names that are near to the one that was given, the nearest first, three at most: written in other case, with at
/// most a third of its characters different, or with one of the two inside the other.
pub fn near<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| Some((distance(given, name)?, name)))
        .filter(|(_, name)| *name != given)
        .collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// Such as `did you mean east?` or `did you mean east or west?`; none without a name.
pub fn question(names: &[impl AsRef<str>]) -> Option<String> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("did you mean {one}?")),
        [rest @ .., last] => Some(format!("did you mean {} or {last}?", rest.join(", "))),
    }
}

/// The distance of one name from another, or none if it is too large to be a slip.
fn distance(given: &str, name: &str) -> Option<usize> {
    let (given, name) = (given.to_lowercase(), name.to_lowercase());
    let longest = given.chars().count().max(name.chars().count());
    let distance = osa_distance(&given, &name);
    let most = (longest / 3).max(1);
    let inside =
        given.chars().count().min(name.chars().count()) >= 3 && (name.contains(&given) || given.contains(&name));
    if distance <= most {
        return Some(distance);
    }
    // A part of a long name is a less certain match than a slip.
    inside.then_some(longest + distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_names_are_not() {
        assert_eq!(near("esat", ["north", "east", "west"]), ["east"]);
        assert_eq!(near("East", ["east"]), ["east"]);
        assert_eq!(near("east", ["west"]), [""; 0]);
        assert_eq!(near("helloword", ["helloworld", "curl", "helloworld-v2"]), ["helloworld", "helloworld-v2"]);
        assert_eq!(near("us-est-1", ["eu-west-1", "us-east-1"]), ["us-east-1", "eu-west-1"]);
        assert_eq!(near("a", ["b"]), ["b"]);
    }

    #[test]
    fn a_part_of_a_long_name_is_enough() {
        let eks = "arn:aws:eks:eu-west-1:123456789012:cluster/shop";
        assert_eq!(near("shop", ["admin", eks]), [eks]);
        assert_eq!(near("kind-shop", ["shop"]), ["shop"]);
        assert_eq!(near("op", [eks]), [""; 0]);
    }

    #[test]
    fn the_question_names_three_at_most() {
        assert_eq!(question(&near("eas", ["east"])).as_deref(), Some("did you mean east?"));
        let many = ["shop-1", "shop-2", "shop-3", "shop-4"];
        assert_eq!(question(&near("shop", many)).as_deref(), Some("did you mean shop-1, shop-2 or shop-3?"));
        assert_eq!(question(&near("zzz", many)), None);
    }
}
