//! Packages built here are taken, installed, upgraded and removed by the real krew.
//!
//! Run: `cargo test -p mesh-tests --test krew`, as root, so that missing tools can be installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use flate2::read::ZlibDecoder;
use serde_json::Value;

const PLUGINS: [&str; 2] = ["mesh-mc", "mesh-failover"];
const FIRST: &str = "v1.2.3";
const SECOND: &str = "v1.2.4";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const LIMIT: u64 = 15 << 20;

/// Two versions of the packages, the first of them built in two folders, on a file server of this machine.
struct Packages {
    folder: PathBuf,
    address: String,
}

/// The packages that all tests of this file look at.
fn packages() -> &'static Packages {
    static PACKAGES: OnceLock<Packages> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        // Those of an earlier run go: a static is never dropped.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let address = serve(folder.clone());
        let base = |version: &str| format!("{address}/{version}");
        dist(root(), &folder.join(FIRST), FIRST, &base(FIRST));
        let again = copy_of_the_sources(&folder);
        dist(&again, &folder.join("again"), FIRST, &base(FIRST));
        dist(root(), &folder.join(SECOND), SECOND, &base(SECOND));
        Packages { folder, address }
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All that git has or would take, in a folder without git.
fn copy_of_the_sources(folder: &Path) -> PathBuf {
    let to = folder.join("another/place");
    let listed = ok(Command::new("git").current_dir(root()).args(["ls-files", "-co", "--exclude-standard"]));
    for file in listed.lines().filter(|file| root().join(file).is_file()) {
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        fs::copy(root().join(file), to.join(file)).unwrap();
    }
    to
}

/// `make dist` in a folder of sources.
fn dist(sources: &Path, out: &Path, version: &str, base_url: &str) {
    let mut command = Command::new("make");
    command.current_dir(sources).arg("dist").args([
        format!("VERSION={version}"),
        format!("OUT={}", out.display()),
        format!("BASE_URL={base_url}"),
        "PLATFORMS=linux-amd64".to_owned(),
    ]);
    // What cargo and make tell the programs that they run is not for another make.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.env("COMMIT", COMMIT).env("SOURCE_DATE_EPOCH", "1700000000");
    ok(&mut command);
}

/// Serves the files of a folder for as long as this process lives; the address.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(&folder, stream);
        }
    });
    address
}

fn answer(folder: &Path, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    match fs::read(folder.join(path)) {
        Ok(file) => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len())?;
            stream.write_all(&file)
        }
        Err(_) => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// The folder of kubectl, krew and the validators.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let built = ok(Command::new(debug().join("meshlab")).arg("build"));
        let line =
            built.lines().find_map(|line| line.strip_prefix("programs")).expect("meshlab build names the folder");
        PathBuf::from(line.trim())
    })
}

/// What krew's own index checks by, which is older than krew. Its version 0.4.5 is not at the module proxy; of 0.4.4 the
/// validator differs in the name of one parameter that nobody uses.
fn validator_of_krews_index() -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("validate-krew-manifest-0.4");
    let mut build = Command::new("go");
    build.arg("-C").arg(root().join("tests/tools/krew-index")).args([
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-mod=readonly",
    ]);
    build.arg("-o").arg(&program).arg("sigs.k8s.io/krew/cmd/validate-krew-manifest");
    // As the lab compiles its own, with which it shares Go's library.
    ok(build.env("GOWORK", "off").env("CGO_ENABLED", "0"));
    program
}

/// Where `cargo build --workspace --bins` leaves its programs.
fn debug() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

#[track_caller]
fn ok(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

/// A user who has kubectl and krew, and a folder of krew's own.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        let user = Self { home: tempfile::tempdir().unwrap() };
        // krew uninstalls nothing before it has an index; this empty one takes the place of its own.
        let index = user.index("default", None);
        user.krew(&["index", "add", "default", &format!("file://{}", index.display())]);
        user
    }

    fn krew_root(&self) -> PathBuf {
        self.home.path().join("krew")
    }

    fn kubectl(&self) -> Command {
        self.command(&programs().join("kubectl"))
    }

    /// A program that finds kubectl and krew.
    fn command(&self, program: &Path) -> Command {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.krew_root().join("bin"), programs().to_owned()];
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&inherited))).unwrap();
        let mut command = Command::new(program);
        command
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("KREW_ROOT", self.krew_root())
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("KUBECONFIG");
        command
    }

    #[track_caller]
    fn krew(&self, arguments: &[&str]) -> String {
        ok(self.kubectl().arg("krew").args(arguments))
    }

    #[track_caller]
    fn version(&self, plugin: &str) -> Value {
        serde_json::from_str(&ok(self.kubectl().args([plugin, "version", "-o", "json"]))).unwrap()
    }

    /// A git repository that is an index, with the manifests of a version.
    fn index(&self, name: &str, version: Option<&str>) -> PathBuf {
        let folder = self.home.path().join(name);
        fs::create_dir_all(folder.join("plugins")).unwrap();
        fs::write(folder.join("plugins/README.md"), "manifests\n").unwrap();
        for plugin in PLUGINS {
            if let Some(version) = version {
                let file = format!("{plugin}.yaml");
                fs::copy(packages().folder.join(version).join(&file), folder.join("plugins").join(&file)).unwrap();
            }
        }
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
            ok(Command::new("git").current_dir(&folder).args(identity).args(arguments));
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--allow-empty", "--message", version.unwrap_or("empty")]);
        folder
    }
}

#[test]
fn krews_validators_of_today_and_of_its_index_take_the_manifests() {
    let user = User::new();
    for validator in [programs().join("validate-krew-manifest"), validator_of_krews_index()] {
        for plugin in PLUGINS {
            let manifest = packages().folder.join(FIRST).join(format!("{plugin}.yaml"));
            let said = ok(user.command(&validator).arg("-manifest").arg(manifest));
            assert!(said.contains("all 1 spec.platforms installed fine"), "{said}");
        }
    }
}

#[test]
fn a_package_on_disk_is_installed_and_removed() {
    let user = User::new();
    for plugin in PLUGINS {
        let file = |name: String| packages().folder.join(FIRST).join(name).display().to_string();
        let manifest = file(format!("{plugin}.yaml"));
        let archive = file(format!("{plugin}-{FIRST}-linux-amd64.tar.gz"));
        user.krew(&["install", "--manifest", &manifest, "--archive", &archive]);
        let about = user.version(plugin);
        assert_eq!((&about["version"], &about["commit"]), (&FIRST.into(), &COMMIT.into()), "{about}");
    }
    let listed = ok(user.kubectl().args(["plugin", "list"]));
    for program in ["kubectl-mesh_mc", "kubectl-mesh_failover"] {
        assert!(listed.contains(program), "{listed}");
    }
    assert!(!listed.to_lowercase().contains("warning"), "{listed}");
    user.krew(&["uninstall", "mesh-mc", "mesh-failover"]);
    let left = fs::read_dir(user.krew_root().join("bin")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn what_cargo_built_is_packed_as_it_is_for_krew_and_nothing_is_fetched_or_compiled() {
    let (user, cache, out) = (User::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut pack = Command::new(root().join("krew/dist.sh"));
    pack.args(["pack", "linux-amd64"]).arg(debug()).env("OUT", out.path()).env("MESHLAB_CACHE", cache.path());
    for name in ["VERSION", "BASE_URL", "PLATFORMS"] {
        pack.env_remove(name);
    }
    ok(&mut pack);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "it brought tools or compiled");
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    for plugin in PLUGINS {
        let file = |name: String| out.path().join(name).display().to_string();
        let manifest = file(format!("{plugin}.yaml"));
        let archive = file(format!("{plugin}-{version}-linux-amd64.tar.gz"));
        user.krew(&["install", "--manifest", &manifest, "--archive", &archive]);
        assert_eq!(user.version(plugin)["version"], version);
        let program = format!("kubectl-{}", plugin.replace('-', "_"));
        let installed = fs::read(user.krew_root().join("bin").join(&program)).unwrap();
        assert!(installed == fs::read(debug().join(&program)).unwrap(), "{program} is another than was built");
        let store = user.krew_root().join("store").join(plugin).join(&version);
        assert!(store.join("LICENSE").is_file() && store.join(format!("man/kubectl-{plugin}.1")).is_file());
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 4, "an archive and a manifest for each plugin");
}

#[test]
fn the_custom_index_installs_and_upgrades() {
    let user = User::new();
    let index = user.index("mesh", Some(FIRST));
    user.krew(&["index", "add", "mesh", &format!("file://{}", index.display())]);
    user.krew(&["install", "mesh/mesh-mc", "mesh/mesh-failover"]);
    for plugin in PLUGINS {
        assert_eq!(user.version(plugin)["version"], FIRST);
    }
    user.index("mesh", Some(SECOND));
    user.krew(&["update"]);
    user.krew(&["upgrade"]);
    for plugin in PLUGINS {
        assert_eq!(user.version(plugin)["version"], SECOND);
    }
    user.krew(&["uninstall", "mesh-mc", "mesh-failover"]);
}

#[test]
fn the_same_commit_makes_the_same_bytes_in_another_folder() {
    let packages = packages();
    let files = |folder: &str| {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(packages.folder.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let (first, again) = (files(FIRST), files("again"));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&first), names(&again));
    for ((name, one), (_, other)) in first.iter().zip(&again) {
        assert!(one == other, "{name} differs");
    }
}

#[test]
fn an_archive_holds_the_plugin_its_licence_and_its_manuals_and_nothing_that_links() {
    for plugin in PLUGINS {
        let file = packages().folder.join(FIRST).join(format!("{plugin}-{FIRST}-linux-amd64.tar.gz"));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(file).unwrap()));
        let (mut names, program) = (Vec::new(), format!("kubectl-{}", plugin.replace('-', "_")));
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let header = entry.header();
            assert!(header.entry_type().is_file() || header.entry_type().is_dir(), "{name} is a link");
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 1_700_000_000), "{name}");
            if name == program {
                assert_eq!(header.mode().unwrap(), 0o755);
                assert!(header.size().unwrap() < LIMIT, "{name} has {} bytes", header.size().unwrap());
            }
            names.push(name);
        }
        for wanted in ["LICENSE", &program, &format!("man/kubectl-{plugin}.1")] {
            assert!(names.iter().any(|name| name == wanted), "{wanted} is not in {names:?}");
        }
    }
}

#[test]
fn a_program_wants_no_new_glibc_and_says_what_it_is_made_of() {
    let packages = packages();
    for plugin in PLUGINS {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{plugin}-{FIRST}-linux-amd64");
        let archive = packages.folder.join(FIRST).join(format!("{name}.tar.gz"));
        ok(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()));
        let program = folder.path().join(format!("kubectl-{}", plugin.replace('-', "_")));
        let sections = ok(Command::new("readelf").args(["--wide", "--sections"]).arg(&program));
        assert!(!sections.contains(".symtab"), "it is not stripped");
        let wanted = ok(Command::new("readelf").args(["--wide", "--version-info"]).arg(&program));
        let minors = wanted.split_whitespace().filter_map(|word| word.strip_prefix("GLIBC_2."));
        let newest = minors.filter_map(|minor| minor.split('.').next()?.parse::<u32>().ok()).max();
        // That it wants any says that it is dynamic: names are resolved as the system resolves them.
        assert!(newest.is_some_and(|minor| minor <= 17), "{plugin} wants glibc 2.{newest:?}");
        let document = fs::read_to_string(packages.folder.join(FIRST).join(format!("{name}.cdx.json"))).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let listed = names(&document["components"]);
        let inside = crates_inside(&program, folder.path());
        assert!(inside.len() > 100 && inside.contains("kube-client"), "{inside:?}");
        assert_eq!(inside.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "{plugin} holds them");
        assert_eq!(document["metadata"]["component"]["version"], FIRST.trim_start_matches('v'));
    }
}

/// The crates that a program says it is made of, by the list that cargo-auditable put in.
fn crates_inside(program: &Path, folder: &Path) -> BTreeSet<String> {
    let section = folder.join("dep-v0");
    let dump = format!(".dep-v0={}", section.display());
    ok(Command::new("objcopy").args(["--dump-section", &dump]).arg(program).arg("/dev/null"));
    let list: Value = serde_json::from_reader(ZlibDecoder::new(fs::File::open(section).unwrap())).unwrap();
    let packages = list["packages"].as_array().unwrap();
    let inside = packages.iter().filter(|package| package["kind"] != "build" && package["root"] != true);
    names(&inside.cloned().collect())
}

fn names(components: &Value) -> BTreeSet<String> {
    components.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_manifest_names_the_archives_that_exist_and_their_sums() {
    let packages = packages();
    for plugin in PLUGINS {
        let text = fs::read_to_string(packages.folder.join(FIRST).join(format!("{plugin}.yaml"))).unwrap();
        let manifest: Value = serde_yaml::from_str(&text).unwrap();
        let platforms = manifest["spec"]["platforms"].as_array().unwrap();
        assert_eq!(platforms.len(), 1, "{text}");
        let name = format!("{plugin}-{FIRST}-linux-amd64.tar.gz");
        assert_eq!(platforms[0]["uri"], format!("{}/{FIRST}/{name}", packages.address));
        let sum = ok(Command::new("sha256sum").arg(packages.folder.join(FIRST).join(&name)));
        assert_eq!(platforms[0]["sha256"], sum.split(' ').next().unwrap());
    }
}

#[test]
fn what_is_no_version_or_not_built_is_refused() {
    let refused = |arguments: &[&str]| {
        let output = Command::new("make").current_dir(root()).arg("dist-build").args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let out = format!("OUT={}", folder.path().display());
    assert!(refused(&["VERSION=1.2", &out]).contains("is no version that krew takes"));
    assert!(refused(&["VERSION=v1.2.3", "PLATFORMS=windows-amd64", &out]).contains("Windows is left out"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
