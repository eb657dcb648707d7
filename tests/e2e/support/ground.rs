//! Where tests run: on a lab, or on clusters that stood before.

use std::path::{Path, PathBuf};

use meshlab::Lab;
use serde_json::Value;

/// Names the folder that `mesh-e2e` made for clusters that stood before.
pub(crate) const FOLDER: &str = "MESH_E2E_FOLDER";

/// How tests call clusters that stood before, in the order in which their contexts are named.
pub(crate) const NAMES: [&str; 3] = ["east", "west", "north"];

/// The clusters that tests may use.
pub(crate) struct Ground {
    /// A kubeconfig with a context for each, called as tests call it.
    pub(crate) kubeconfig: PathBuf,
    /// What tests call them.
    pub(crate) names: Vec<String>,
    /// The lab that they are of; none where they stood before.
    pub(crate) lab: Option<Lab>,
}

impl Ground {
    /// What this process was started on: the lab of `meshlab with`, the clusters of `mesh-e2e`, or nothing.
    pub(crate) fn attached() -> Option<Self> {
        if std::env::var_os("MESHLAB_ID").is_some() {
            let lab = Lab::attached().expect("MESHLAB_ID names a lab that runs");
            let names = lab.clusters().iter().map(|cluster| cluster.name.clone()).collect();
            return Some(Self { kubeconfig: lab.kubeconfig(), names, lab: Some(lab) });
        }
        std::env::var_os(FOLDER).map(|folder| Self::in_folder(Path::new(&folder)))
    }

    /// Clusters that stood before, by the kubeconfig that a folder holds.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let kubeconfig = folder.join("kubeconfig");
        let text = std::fs::read_to_string(&kubeconfig).expect("the kubeconfig of mesh-e2e");
        let config: Value = serde_yaml::from_str(&text).expect("YAML");
        let contexts = config["contexts"].as_array().expect("contexts").iter();
        let names = contexts.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect();
        Self { kubeconfig, names, lab: None }
    }
}
