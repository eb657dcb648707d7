//! The clusters that a test runs on, and the programs that it runs.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use meshlab::Lab;
use serde_json::Value;

use super::ground::Ground;
use super::shell::{Ended, run, run_with_input};

/// The clusters are one: tests hold them one after the other, however many threads there are.
static CLUSTERS: Mutex<()> = Mutex::new(());

/// Clusters, a home of the test's own, and the programs as a user has them.
pub(crate) struct Kit {
    pub(crate) ground: Ground,
    home: PathBuf,
    path: OsString,
    /// What was said already of what is not run.
    told: Mutex<BTreeSet<String>>,
    _alone: MutexGuard<'static, ()>,
}

impl Kit {
    /// The clusters that this process was started on, where these are among them. Else it says why the test is not run.
    pub(crate) fn of(clusters: &[&str]) -> Option<Self> {
        let how = format!("meshlab with --clusters {} -- cargo test …", clusters.join(","));
        let Some(ground) = Ground::attached() else {
            eprintln!("not run: it needs a lab ({how}) or clusters of yours (make e2e)");
            return None;
        };
        if let Some(missing) = clusters.iter().find(|name| !ground.names.iter().any(|known| known == *name)) {
            eprintln!("not run: there is no cluster {missing} ({how})");
            return None;
        }
        Some(Self::on(ground))
    }

    /// These clusters, once no other test of this process uses any.
    pub(crate) fn on(ground: Ground) -> Self {
        let alone = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = target_folder();
        for program in ["kubectl-mesh_mc", "kubectl-mesh_failover", "meshlab"] {
            assert!(ours.join(program).exists(), "{program} is not in {}: cargo build --workspace", ours.display());
        }
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let labs = ground.lab.as_ref().map(|lab| lab.bin().to_owned());
        let folders = [Some(ours), labs].into_iter().flatten().chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(folders).expect("folders without a colon");
        let home = home(&ground);
        Self { ground, home, path, told: Mutex::default(), _alone: alone }
    }

    /// The lab, for a test that only it can be used for. On other clusters it says that the test is not run, and why.
    pub(crate) fn lab(&self, why: &str) -> Option<&Lab> {
        self.lab_or_say(&format!("not run: {why}"))
    }

    /// The lab, for a part of a test. On other clusters it says that this part is not run, and why.
    pub(crate) fn lab_in_part(&self, why: &str) -> Option<&Lab> {
        self.lab_or_say(&format!("in part not run: {why}"))
    }

    fn lab_or_say(&self, words: &str) -> Option<&Lab> {
        let lab = self.ground.lab.as_ref();
        if lab.is_none() && self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(words.to_owned()) {
            eprintln!("{words}");
        }
        lab
    }

    /// The same, at the home of a test before it.
    #[must_use]
    pub(crate) fn at(self, home: PathBuf) -> Self {
        Self { home, ..self }
    }

    /// The same, with the programs of a folder before all others.
    #[must_use]
    pub(crate) fn with_programs(self, folder: &Path) -> Self {
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&self.path));
        let path = std::env::join_paths(folders).expect("folders without a colon");
        Self { path, ..self }
    }

    /// Names of all clusters.
    pub(crate) fn clusters(&self) -> Vec<&str> {
        self.ground.names.iter().map(String::as_str).collect()
    }

    /// The folder that is HOME to what the test runs.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The folder in which the product keeps the root of a mesh by default.
    pub(crate) fn ca_folder(&self) -> PathBuf {
        self.data().join("mesh-mc/mesh1")
    }

    /// The folder that is XDG_DATA_HOME to what the test runs.
    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// A program in the test's surroundings.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", self.home())
            .env("XDG_DATA_HOME", self.data())
            .env("KUBECONFIG", &self.ground.kubeconfig)
            .env("PATH", &self.path)
            .env_remove("XDG_CACHE_HOME")
            .current_dir(self.home());
        if let Some(lab) = &self.ground.lab {
            let kubeconfig = lab.kubeconfig();
            command.env("MESHLAB_CACHE", kubeconfig.ancestors().nth(3).expect("the cache holds state/<id>/kubeconfig"));
        }
        command
    }

    /// The product with these arguments and no others, not yet started.
    pub(crate) fn product_alone(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(target_folder().join("kubectl-mesh_mc"));
        command.args(arguments);
        command
    }

    /// The product, not yet started.
    pub(crate) fn product(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(target_folder().join("kubectl-mesh_mc"));
        command.args(arguments).args(self.more(arguments));
        command
    }

    /// What a join is told besides: without a terminal it demands the folder that keeps a new root.
    fn more(&self, arguments: &[&str]) -> Vec<String> {
        let mut more = self.probe_image(arguments);
        let names_one = arguments.iter().any(|argument| argument.starts_with("--ca-dir"));
        if arguments.first() == Some(&"join") && !names_one {
            more.extend(["--ca-dir".to_owned(), self.ca_folder().display().to_string()]);
        }
        more
    }

    /// What a join is told besides, on clusters that stood before and do not have the probe's image by its own name.
    fn probe_image(&self, arguments: &[&str]) -> Vec<String> {
        let image = std::env::var("MESH_E2E_PROBE_IMAGE").ok().filter(|image| !image.is_empty());
        match image {
            Some(image) if arguments.first() == Some(&"join") && self.ground.lab.is_none() => {
                vec!["--probe-image".to_owned(), image]
            }
            _ => Vec::new(),
        }
    }

    /// The product, run to its end.
    pub(crate) fn mesh_mc(&self, arguments: &[&str]) -> Ended {
        run(&mut self.product(arguments))
    }

    /// `kubectl-mesh_failover`, not yet started.
    pub(crate) fn failover_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(target_folder().join("kubectl-mesh_failover"));
        command.args(arguments);
        command
    }

    /// `kubectl-mesh_failover`, run to its end.
    pub(crate) fn mesh_failover(&self, arguments: &[&str]) -> Ended {
        run(&mut self.failover_command(arguments))
    }

    /// `kubectl mesh-mc …`: the product as kubectl's own lookup of plugins finds it.
    pub(crate) fn kubectl_mesh_mc(&self, arguments: &[&str]) -> Ended {
        run(self.command("kubectl").arg("mesh-mc").args(arguments).args(self.more(arguments)))
    }

    /// Joins clusters with nothing but their contexts, and returns when it began.
    #[track_caller]
    pub(crate) fn join(&self, contexts: &str) -> Timestamp {
        let began = Timestamp::now();
        self.mesh_mc(&["join", "--contexts", contexts, "--yes"]).ok();
        began
    }

    /// kubectl in one cluster.
    pub(crate) fn kubectl(&self, cluster: &str, arguments: &[&str]) -> Ended {
        run(self.kubectl_command(cluster).args(arguments))
    }

    /// kubectl in one cluster, not yet started.
    pub(crate) fn kubectl_command(&self, cluster: &str) -> Command {
        let mut command = self.command("kubectl");
        command.args(["--context", cluster]);
        command
    }

    /// Applies manifests.
    #[track_caller]
    pub(crate) fn apply(&self, cluster: &str, objects: &[Value]) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let mut command = self.kubectl_command(cluster);
        // kubectl's own validation of a List does not know what the API server fills in.
        let arguments =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=test", "--validate=false", "-f", "-"];
        run_with_input(command.args(arguments), &list.to_string()).ok();
    }

    /// One object, or none where it is not there.
    #[track_caller]
    pub(crate) fn get(&self, cluster: &str, arguments: &[&str]) -> Option<Value> {
        let text = self.kubectl(cluster, &[&["get", "--ignore-not-found", "-o", "json"], arguments].concat()).ok();
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).expect("kubectl prints JSON"))
    }

    /// istioctl in one cluster.
    pub(crate) fn istioctl(&self, cluster: &str, arguments: &[&str]) -> Ended {
        run(self.command("istioctl").args(["--context", cluster]).args(arguments))
    }

    /// What `istioctl analyze` says of a cluster. It follows the remote secrets itself, so that it is run where those
    /// addresses are sure to lead somewhere: inside the lab's node.
    pub(crate) fn analyze(&self, cluster: &str, arguments: &[&str]) -> Option<String> {
        self.lab_in_part("istioctl analyze follows the remote secrets, whose addresses may lead nowhere from here")?;
        let mut command = self.command(target_folder().join("meshlab"));
        Some(run(command.args(["exec", cluster, "--", "istioctl", "analyze"]).args(arguments)).ok())
    }

    /// openssl.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> Ended {
        run(self.command("openssl").args(arguments))
    }

    /// Writes a file into the test's home.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, text).expect("the home can be written to");
        path
    }

    /// A text without what differs from run to run: ports, folders, certificates, UIDs, times.
    pub(crate) fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.home().display().to_string(), "HOME");
        let text = text.replace(&self.ground.kubeconfig.display().to_string(), "KUBECONFIG");
        text.split_inclusive([' ', '\n']).map(plain_word).collect()
    }
}

fn plain_word(word: &str) -> String {
    let bare = word.trim_end();
    let end = &word[bare.len()..];
    let core = bare.trim_matches(|c: char| ",;()\"'".contains(c));
    let name = if core.len() == 36 && core.matches('-').count() == 4 {
        "UID".to_owned()
    } else if core.len() > 8
        && core.matches(':').count() > 1
        && core.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '…')
    {
        "FINGERPRINT".to_owned()
    } else if core.len() >= 19 && core.starts_with("20") && core.contains('T') && core.ends_with('Z') {
        "TIME".to_owned()
    } else if let Some((before, port)) = core.split_once("127.0.0.1:") {
        let rest = port.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{before}127.0.0.1:PORT{rest}")
    } else {
        return word.to_owned();
    };
    bare.replace(core, &name) + end
}

/// The folder that cargo builds into, which holds the product and `meshlab`.
pub(crate) fn target_folder() -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let folder = own.parent().expect("a folder");
    // Tests are one level deeper than programs.
    if folder.ends_with("deps") {
        folder.parent().expect("target/<profile>/deps").to_owned()
    } else {
        folder.to_owned()
    }
}

/// A folder that goes with the lab, or with the run.
fn home(ground: &Ground) -> PathBuf {
    let folder = ground.kubeconfig.parent().expect("the folder of the kubeconfig");
    let home = tempfile::Builder::new().prefix("home-").tempdir_in(folder).expect("a folder beside it").keep();
    std::fs::create_dir(home.join("data")).expect("the home can be written to");
    home
}
