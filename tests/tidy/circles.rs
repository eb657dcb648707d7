//! Files that know each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

/// All groups of two files and more in which each leads to each other along the arrows.
pub(crate) fn circles<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    of: impl Fn(&str) -> bool,
) -> Vec<BTreeSet<&'a str>> {
    let reach = |from: &'a str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in arrows.get(file).into_iter().flatten() {
                if of(next) && seen.insert(*next) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().filter(|file| of(file)).map(|file| (*file, reach(file))).collect();
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for (file, from) in &reached {
        let circle: BTreeSet<&str> = from.iter().copied().filter(|other| reached[other].contains(file)).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}
