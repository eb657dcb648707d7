use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use mesh_shared::machine::random;
use mesh_shared::model::pki::chain::parse_bundle;
use mesh_shared::model::pki::key::KeyAlgorithm;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn now() -> Timestamp {
    Timestamp::now()
}

fn key() -> PrivateKey {
    random::new_key(KeyAlgorithm::EcdsaP256).unwrap()
}

fn root() -> Root {
    Root::create(key(), random::new_serial().unwrap(), now()).unwrap()
}

fn cluster(name: &str) -> ClusterName {
    ClusterName::new(name).unwrap()
}

fn issued_by(root: &Root, name: &str) -> Issued {
    root.issue(&cluster(name), "istio-system", key(), random::new_serial().unwrap(), now()).unwrap()
}

fn openssl(folder: &Path, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new("openssl").current_dir(folder).args(arguments).output().unwrap()
}

/// A place for a CA folder that does not exist yet, two levels below what does.
fn place() -> (TempDir, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("mesh-mc/shop");
    (above, path)
}

/// Waits for the lock: a parallel test may start a program, which shares it between fork and exec.
fn lock(path: &Path) -> CaFolder {
    CaFolder::lock(path, Instant::now() + Duration::from_secs(10)).unwrap()
}

/// A folder with a root and an intermediate for east, whose UID is `uid-east`.
fn filled() -> (TempDir, PathBuf, CaFolderState) {
    let (above, path) = place();
    {
        let folder = lock(&path);
        let root = folder.store_root(root(), now()).unwrap();
        folder.store_intermediate(&cluster("east"), "uid-east", issued_by(&root, "east"), now()).unwrap();
    }
    let state = observe(&path, now());
    assert_eq!(state.faults, []);
    (above, path, state)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn faults(path: &Path) -> Vec<String> {
    observe(path, now()).faults.into_iter().map(|fault| fault.what).collect()
}

#[test]
fn looking_writes_nothing() {
    let (above, path) = place();
    let state = observe(&path, now());
    assert_eq!((state.exists, &state.root, state.faults.len()), (false, &None, 0));
    assert_eq!(names(above.path()), Vec::<String>::new());
    assert_eq!(state.unusable(), None);
}

#[test]
fn everything_that_is_kept_is_the_owners_alone() {
    let (above, path, _) = filled();
    for folder in [above.path().join("mesh-mc"), path.clone(), path.join("east")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    assert_eq!(names(&path), [".lock", "clusters.json", "east", "root-cert.pem", "root-key.pem"]);
    assert_eq!(names(&path.join("east")), ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]);
    for file in [".lock", "clusters.json", "root-cert.pem", "root-key.pem", "east/ca-key.pem", "east/ca-cert.pem"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
    let verified = openssl(&path, &["verify", "-x509_strict", "-CAfile", "root-cert.pem", "east/ca-cert.pem"]);
    assert!(verified.status.success());
}

#[test]
fn a_second_run_gets_the_root_and_the_intermediate_of_the_first() {
    let (_above, path, state) = filled();
    let folder = lock(&path);
    let kept = folder.store_root(root(), now()).unwrap();
    assert_eq!(Some(kept.certificate.fingerprint), state.root.as_ref().map(|root| root.fingerprint));
    let again = folder.store_intermediate(&cluster("east"), "uid-east", issued_by(&kept, "east"), now()).unwrap();
    assert_eq!(again.certificate.fingerprint, state.intermediates[&cluster("east")]);
    assert_eq!(observe(&path, now()), state);
}

#[test]
fn what_was_signed_is_recorded_by_uid() {
    let (_above, path, state) = filled();
    let intermediate = state.intermediates[&cluster("east")];
    assert_eq!(state.signed_for, [SignedFor { cluster: "east".into(), uid: "uid-east".into(), intermediate }]);
    fs::remove_file(path.join("clusters.json")).unwrap();
    assert!(lock(&path).load_intermediate(&cluster("east"), "uid-east", now()).unwrap().is_some());
    assert_eq!(observe(&path, now()).signed_for, state.signed_for);
}

#[test]
fn a_cluster_made_anew_under_an_old_name_gets_an_intermediate_of_its_own() {
    let (_above, path, state) = filled();
    let folder = lock(&path);
    let root = folder.load_root(now()).unwrap().unwrap();
    assert!(folder.load_intermediate(&cluster("east"), "uid-new", now()).unwrap().is_none());
    let new = folder.store_intermediate(&cluster("east"), "uid-new", issued_by(&root, "east"), now()).unwrap();
    assert_ne!(new.certificate.fingerprint, state.intermediates[&cluster("east")]);
    let aside = fs::read_to_string(path.join("east.unused-1/ca-cert.pem")).unwrap();
    let aside = parse_bundle(aside.as_bytes()).unwrap().remove(0);
    assert_eq!(aside.fingerprint, state.intermediates[&cluster("east")]);
    assert_eq!(observe(&path, now()).signed_for.len(), 2);
}

#[test]
fn a_folder_that_signed_only_for_other_clusters_is_refused() {
    let (_above, _path, state) = filled();
    let mesh = MeshId::new("shop").unwrap();
    assert_eq!(state.foreign(&mesh, &BTreeSet::from(["uid-east", "uid-west"])), None);
    let finding = state.foreign(&mesh, &BTreeSet::from(["uid-north"])).unwrap();
    assert_eq!(finding.code.name, "trust/folder-of-another-mesh");
    assert!(finding.why.unwrap().contains(": east"));
    let unused = CaFolderState { signed_for: vec![], ..state };
    assert_eq!(unused.foreign(&mesh, &BTreeSet::from(["uid-north"])), None);
}

#[test]
fn a_folder_that_others_can_look_into_is_refused_before_its_keys_are_read() {
    let (_above, path, _) = filled();
    for open in [0o755, 0o710, 0o702] {
        set_mode(&path, open);
        assert_eq!(faults(&path), [format!("others can look into it (mode {open:04o})")]);
        assert_eq!(observe(&path, now()).root, None);
        assert!(CaFolder::lock(&path, Instant::now()).is_err());
    }
    set_mode(&path, 0o700);
    set_mode(&path.join("root-key.pem"), 0o640);
    assert_eq!(
        faults(&path),
        [format!("cannot read {}: others can read it (mode 0640)", path.join("root-key.pem").display())]
    );
    let finding = observe(&path, now()).unusable().unwrap();
    assert_eq!(finding.fix[1], format!("chmod 600 {}", path.join("root-key.pem").display()));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused() {
    let (_above, path, _) = filled();
    set_mode(&path, 0o500);
    assert_eq!(faults(&path), ["it cannot be written to (mode 0500)"]);
    assert!(CaFolder::lock(&path, Instant::now()).is_err());
    set_mode(&path, 0o700);
    let below = path.join("root-cert.pem/shop");
    assert!(faults(&below)[0].ends_with("it is a symbolic link or not a folder"), "{:?}", faults(&below));
    assert_eq!(faults(Path::new("/proc/shop")), ["it cannot be created: /proc cannot be written to"]);
}

#[test]
fn symbolic_links_are_not_followed() {
    let (above, path, _) = filled();
    let link = above.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(faults(&link)[0].ends_with("it is a symbolic link or not a folder"));
    assert!(CaFolder::lock(&link, Instant::now()).is_err());
    let key = path.join("root-key.pem");
    fs::rename(&key, above.path().join("stolen.pem")).unwrap();
    symlink(above.path().join("stolen.pem"), &key).unwrap();
    assert_eq!(faults(&path), [format!("cannot read {}: it is a symbolic link", key.display())]);
}

#[test]
fn one_run_has_the_folder_at_a_time() {
    let (_above, path) = place();
    let first = lock(&path);
    let error = CaFolder::lock(&path, Instant::now()).err().unwrap();
    assert_eq!(error.what, "the CA folder is in use");
    drop(first);
    lock(&path);
}

#[test]
fn runs_at_once_agree_on_one_root() {
    let (_above, path) = place();
    let run = || {
        let folder = CaFolder::lock(&path, Instant::now() + Duration::from_secs(20)).unwrap();
        folder.store_root(root(), now()).unwrap().certificate.fingerprint
    };
    let roots: BTreeSet<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(roots.len(), 1);
}

#[test]
fn intermediates_are_kept_from_several_threads() {
    let (_above, path) = place();
    let folder = lock(&path);
    let root = folder.store_root(root(), now()).unwrap();
    std::thread::scope(|scope| {
        for name in ["east", "north", "west"] {
            let (folder, root) = (&folder, &root);
            scope.spawn(move || {
                folder.store_intermediate(&cluster(name), &format!("uid-{name}"), issued_by(root, name), now()).unwrap()
            });
        }
    });
    let state = observe(&path, now());
    assert_eq!((state.intermediates.len(), state.signed_for.len(), state.faults.len()), (3, 3, 0));
}

#[test]
fn a_root_without_its_key_is_kept_and_told() {
    let (_above, path, _) = filled();
    fs::remove_file(path.join("root-key.pem")).unwrap();
    let state = observe(&path, now());
    assert_eq!((state.root.map(|root| root.has_key), state.faults.len()), (Some(false), 0));
    let error = lock(&path).store_root(root(), now()).err().unwrap();
    assert!(error.what.ends_with("is not in the CA folder"), "{error}");
    assert!(!path.join("root-key.pem").exists());
}

#[test]
fn a_key_that_has_no_certificate_is_put_aside_and_not_lost() {
    let (_above, path) = place();
    let orphan = root().key.reveal_pem();
    {
        let folder = lock(&path);
        folder.folder.write_new(ROOT_KEY, orphan.as_bytes()).unwrap();
        folder.store_root(root(), now()).unwrap();
    }
    assert_eq!(fs::read_to_string(path.join("root-key.pem.unused-1")).unwrap(), *orphan);
    assert_eq!(observe(&path, now()).root.map(|root| root.has_key), Some(true));
}

#[test]
fn an_intermediate_without_its_key_is_put_aside_and_made_anew() {
    let (_above, path, state) = filled();
    fs::remove_file(path.join("east/ca-key.pem")).unwrap();
    assert_eq!(observe(&path, now()).intermediates.len(), 0);
    let folder = lock(&path);
    let root = folder.load_root(now()).unwrap().unwrap();
    let new = folder.store_intermediate(&cluster("east"), "uid-east", issued_by(&root, "east"), now()).unwrap();
    assert_ne!(new.certificate.fingerprint, state.intermediates[&cluster("east")]);
    assert!(path.join("east.unused-1/ca-cert.pem").exists());
}

#[test]
fn an_intermediate_without_its_chain_is_completed() {
    let (_above, path, state) = filled();
    let chain = fs::read(path.join("east/cert-chain.pem")).unwrap();
    fs::remove_file(path.join("east/cert-chain.pem")).unwrap();
    fs::remove_file(path.join("east/root-cert.pem")).unwrap();
    let kept = lock(&path).load_intermediate(&cluster("east"), "uid-east", now()).unwrap().unwrap();
    assert_eq!(kept.certificate.fingerprint, state.intermediates[&cluster("east")]);
    assert_eq!(fs::read(path.join("east/cert-chain.pem")).unwrap(), chain);
    assert_eq!(names(&path.join("east")).len(), 4);
}

#[test]
fn what_a_killed_run_left_unfinished_is_removed() {
    let (_above, path, state) = filled();
    fs::create_dir(path.join(".unfinished-west")).unwrap();
    fs::write(path.join(".unfinished-west/ca-key.pem"), "half").unwrap();
    fs::write(path.join(".unfinished-root-key.pem"), "half").unwrap();
    assert_eq!(observe(&path, now()), state);
    let folder = lock(&path);
    let root = folder.load_root(now()).unwrap().unwrap();
    folder.store_intermediate(&cluster("west"), "uid-west", issued_by(&root, "west"), now()).unwrap();
    assert_eq!(names(&path), [".lock", "clusters.json", "east", "root-cert.pem", "root-key.pem", "west"]);
}

#[test]
fn an_intermediate_of_another_root_is_refused_with_the_way_out() {
    let (_above, path, _) = filled();
    let other = root();
    fs::write(path.join("root-cert.pem"), other.certificate.pem()).unwrap();
    fs::write(path.join("root-key.pem"), other.key.reveal_pem().as_bytes()).unwrap();
    let folder = lock(&path);
    let error = folder.load_intermediate(&cluster("east"), "uid-east", now()).err().unwrap();
    assert!(error.remedy[1].starts_with("mv "), "{error:?}");
    let stranger = issued_by(&root(), "west");
    assert!(folder.store_intermediate(&cluster("west"), "uid-west", stranger, now()).is_err());
    assert!(!path.join("west").exists());
}

#[test]
fn broken_content_is_told_and_left_as_it_is() {
    let (_above, path, _) = filled();
    for (file, text) in
        [("clusters.json", "{"), ("root-key.pem", "rubbish"), ("root-cert.pem", ""), ("east/ca-cert.pem", "x")]
    {
        let before = fs::read(path.join(file)).unwrap();
        fs::write(path.join(file), text).unwrap();
        assert_eq!(faults(&path).len(), 1, "{file}: {:?}", faults(&path));
        let folder = lock(&path);
        let stored = folder
            .store_root(root(), now())
            .and_then(|root| folder.store_intermediate(&cluster("east"), "uid-east", issued_by(&root, "east"), now()));
        assert!(stored.is_err(), "{file}");
        assert_eq!(fs::read_to_string(path.join(file)).unwrap(), text, "{file}");
        fs::write(path.join(file), before).unwrap();
    }
    assert_eq!(faults(&path).len(), 0);
}

#[test]
fn the_state_can_be_shown_without_a_byte_of_a_key() {
    let (_above, path, state) = filled();
    let key = fs::read_to_string(path.join("root-key.pem")).unwrap();
    let shown = format!("{state:?}{}", serde_json::to_string(&state).unwrap());
    assert!(key.lines().filter(|line| !line.starts_with("---")).all(|line| !shown.contains(line)));
}

/// A state of the disk in which a killed run may have left the folder: files are written in a known order, so each is
/// one of these prefixes; the user may have lost any file on top.
fn left_by_a_killed_run() -> impl Strategy<Value = (usize, Option<usize>)> {
    (0usize..=7, proptest::option::of(0usize..7))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_any_interruption_a_rerun_ends_with_one_root_and_loses_no_key((steps, lost) in left_by_a_killed_run()) {
        let order = ["root-key.pem", "root-cert.pem", "clusters.json", "east/ca-key.pem", "east/ca-cert.pem", "east/cert-chain.pem", "east/root-cert.pem"];
        let (_above, path, before) = filled();
        let mut kept: Vec<&str> = order[..steps].to_vec();
        if let Some(lost) = lost && lost < kept.len() {
            kept.remove(lost);
        }
        for file in order.iter().filter(|file| !kept.contains(file)) {
            fs::remove_file(path.join(file)).unwrap();
        }
        let keys: Vec<String> = kept.iter().filter(|f| f.ends_with("key.pem")).map(|f| fs::read_to_string(path.join(f)).unwrap()).collect();

        let rerun = || -> Result<_> {
            let folder = lock(&path);
            let root = folder.store_root(root(), now())?;
            let issued = folder.store_intermediate(&cluster("east"), "uid-east", issued_by(&root, "east"), now())?;
            Ok((root.certificate.fingerprint, issued.certificate.fingerprint))
        };
        let root_has_certificate = kept.contains(&"root-cert.pem");
        let has_signed = kept.contains(&"clusters.json");
        match rerun() {
            Ok(first) => {
                prop_assert_eq!(rerun().unwrap(), first);
                if root_has_certificate {
                    prop_assert_eq!(first.0, before.root.unwrap().fingerprint);
                }
            }
            // A root that has signed and has lost its certificate or its key needs a person.
            Err(error) => prop_assert!(
                if root_has_certificate { !kept.contains(&"root-key.pem") } else { has_signed },
                "{:?} {}", kept, error
            ),
        }
        for key in keys {
            let found = walk(&path).iter().any(|file| fs::read_to_string(file).unwrap() == key);
            prop_assert!(found, "a key is gone after {:?}", kept);
        }
    }
}

fn walk(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|entry| if entry.is_dir() { walk(&entry) } else { vec![entry] }).collect()
}
