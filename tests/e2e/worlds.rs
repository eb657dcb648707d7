//! Meshes as other people make them: what our commands say and do there, held against what istiod, istioctl, Envoy and
//! openssl know. tests/worlds/README.md tells how a world is written, tests/worlds/known-failures.md where we are wrong.
//!
//! Run: `meshlab with --clusters east,west -- cargo test --workspace --test worlds`, and recorded ones with `--recorded`.
//! `MESH_WORLDS=NAME,…` makes these alone; `MESH_WORLDS_BINARIES=DIR` runs the plugins of that folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "worlds/catalogue.rs"]
mod catalogue;
#[path = "worlds/format.rs"]
mod format;
#[path = "worlds/ground.rs"]
mod ground;
#[path = "worlds/record.rs"]
mod record;
mod support;
#[path = "worlds/verdict.rs"]
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use format::{Fact, Kind, World};
use ground::Ground;
use meshlab::spec::Extent;
use support::Kit;

/// A folder with other builds of the two plugins than the one under test.
const BINARIES: &str = "MESH_WORLDS_BINARIES";

#[test]
fn live_worlds_are_told_as_they_are() {
    told_as_they_are(Kind::Live);
}

#[test]
fn recorded_worlds_are_told_as_they_are() {
    told_as_they_are(Kind::Recorded);
}

/// What was found in all worlds of a run.
#[derive(Default)]
struct Found {
    /// Why the run is not green.
    faults: Vec<String>,
    held: usize,
    known: usize,
}

fn told_as_they_are(kind: Kind) {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let every = given(catalogue::EVERY).is_some();
    let all = catalogue::all().unwrap_or_else(|why| panic!("{why}"));
    let worlds =
        catalogue::chosen(all, kind, given(catalogue::NAMES).as_deref(), every).unwrap_or_else(|why| panic!("{why}"));
    if worlds.is_empty() {
        return;
    }
    let Some(kit) = Kit::of(&["east", "west"]) else { return };
    let Some(lab) = kit.lab("worlds are made on the lab alone").cloned() else { return };
    let (wanted, how) = match kind {
        Kind::Live => (Extent::Whole, "meshlab with --clusters east,west"),
        Kind::Recorded => (Extent::Recorded, "meshlab with --clusters east,west --recorded"),
    };
    if lab.clusters().iter().any(|cluster| cluster.extent != wanted) {
        eprintln!("not run: these worlds need other clusters ({how})");
        return;
    }
    let fits = |world: &World| lab.clusters().iter().all(|cluster| cluster.domain == world.cluster_domain);
    let worlds: Vec<World> = worlds.into_iter().filter(fits).collect();
    let kit = match given(BINARIES) {
        Some(folder) => kit.with_programs(Path::new(&folder)),
        None => kit,
    };
    kit.bare();
    let mut found = Found::default();
    let began = Instant::now();
    for world in &worlds {
        let ground = Ground::of(&kit, &lab, world);
        let held = catch_unwind(AssertUnwindSafe(|| hold(world, &ground, &mut found)));
        if held.is_err() {
            found.faults.push(format!("{}: a test panicked, as is said above", world.name));
        }
        if let Err(why) = ground.unmake() {
            found.faults.push(format!("{}: unmake.sh: {why}", world.name));
        }
        let stripping = Instant::now();
        kit.bare();
        eprintln!("   bare again after {:.1} s", stripping.elapsed().as_secs_f32());
    }
    eprintln!(
        "{} worlds in {:.0} s: {} expectations held, {} known failures, {} faults",
        worlds.len(),
        began.elapsed().as_secs_f32(),
        found.held,
        found.known,
        found.faults.len()
    );
    assert!(found.faults.is_empty(), "\n{}", found.faults.join("\n"));
}

/// Makes a world, holds its facts, and judges each command.
fn hold(world: &World, ground: &Ground<'_>, found: &mut Found) {
    let began = Instant::now();
    eprintln!("\n== {}: {}", world.name, world.title);
    for source in &world.source {
        eprintln!("   by {} ({}, {}): {}", source.what, source.version, source.licence, source.address);
    }
    if let Err(why) = ground.make() {
        eprintln!("   it could not be made");
        found.faults.push(format!("{}: it could not be made: {why}", world.name));
        return;
    }
    eprintln!("   made in {:.1} s", began.elapsed().as_secs_f32());
    if !are_true(world, &world.facts, ground, found) {
        return;
    }
    if world.kind == Kind::Live
        && std::env::var_os(record::RECORD).is_some()
        && let Err(why) = ground.record()
    {
        found.faults.push(format!("{}: it could not be recorded: {why}", world.name));
    }
    eprintln!("   its facts are true after {:.1} s", began.elapsed().as_secs_f32());
    for command in &world.commands {
        let running = Instant::now();
        let seen = ground.run(command);
        eprintln!("   $ {} ({:.1} s)", command.run, running.elapsed().as_secs_f32());
        let mut fails = false;
        for expectation in &command.expect {
            let verdict = expectation.verdict(&seen);
            eprintln!("     {verdict}: {}", expectation.what);
            match verdict {
                verdict::Verdict::Held => found.held += 1,
                verdict::Verdict::Known => found.known += 1,
                verdict::Verdict::Broken(_) | verdict::Verdict::Mended => {
                    found.faults.push(format!("{}: {}: {}: {verdict}", world.name, command.run, expectation.what));
                }
            }
            fails |= verdict.fails_the_run();
        }
        if fails {
            eprintln!("   that would be right, since {}; it said:", command.why);
        }
        if fails || std::env::var_os("MESH_WORLDS_SHOW").is_some() {
            eprintln!("{}", seen.said);
        }
    }
    are_true(world, &world.afterwards, ground, found);
}

fn are_true(world: &World, facts: &[Fact], ground: &Ground<'_>, found: &mut Found) -> bool {
    let untrue: Vec<String> = facts
        .iter()
        .filter_map(|fact| Some((fact, ground.fact(fact).err()?)))
        .map(|(fact, why)| format!("{}: it is not true that {} ({:?}): {why}", world.name, fact.what, fact.judge))
        .collect();
    found.held += facts.len() - untrue.len();
    let all = untrue.is_empty();
    found.faults.extend(untrue);
    all
}
