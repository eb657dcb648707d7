//! The Go programs, by family: one go.mod file each, since together their requirements conflict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::{Key, KeyOf, copy_folder};
use super::host::Toolchain;
use super::process::{output, run};
use super::{release, versions};

/// One module of the folder `components`, and how it is compiled.
pub(super) struct Family {
    pub(super) name: &'static str,
    packages: &'static [&'static str],
    tags: &'static str,
    cgo: bool,
    version: Version,
    /// The module that is made into what its releases are, for a program that holds their charts.
    release: Option<&'static str>,
    copies: &'static [Copy],
    /// What nodes and users call, by its name there and the program that it is.
    pub(super) programs: &'static [(&'static str, &'static str)],
    /// Seconds that compiling took on two idle cores, nothing kept: docs/performance.md.
    pub(super) usual: u32,
    /// It is compiled beside the others, with which it shares little.
    pub(super) apart: bool,
    /// A folder that a program looks for beside itself.
    pub(super) beside: Option<&'static str>,
}

/// Where the version is that is linked into a family's programs.
enum Version {
    /// They know it themselves, or nothing asks.
    None,
    Kubernetes,
    Istio,
}

/// A file or folder of a module's sources that the lab needs beside the programs.
struct Copy {
    module: &'static str,
    path: &'static str,
    name: &'static str,
}

const KUBERNETES: &str = "kubernetes";

/// In the order in which they are compiled: what takes longest is first, so that the others are fetched meanwhile. Istio, Helm,
/// CoreDNS, etcd and krew require what they share at the same versions, so that Go compiles it once: CONTRIBUTING.md says how.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: KUBERNETES,
        packages: &["."],
        tags: "",
        cgo: false,
        version: Version::Kubernetes,
        release: None,
        copies: &[],
        programs: &[
            ("kube-apiserver", KUBERNETES),
            ("kube-controller-manager", KUBERNETES),
            ("kube-scheduler", KUBERNETES),
            ("kubelet", KUBERNETES),
            ("kube-proxy", KUBERNETES),
            ("kubectl", KUBERNETES),
        ],
        usual: 354,
        apart: false,
        beside: None,
    },
    Family {
        name: "istio",
        packages: &[
            "istio.io/istio/pilot/cmd/pilot-discovery",
            "istio.io/istio/pilot/cmd/pilot-agent",
            "./istioctl",
            "istio.io/istio/cni/cmd/istio-cni",
            "istio.io/istio/cni/cmd/install-cni",
        ],
        tags: "",
        cgo: false,
        version: Version::Istio,
        release: Some("istio.io/istio"),
        copies: &[
            Copy { module: "sigs.k8s.io/gateway-api", path: "config/crd", name: "release/gateway-api" },
            Copy {
                module: "istio.io/istio",
                path: "tools/packaging/common/envoy_bootstrap.json",
                name: "envoy_bootstrap.json",
            },
        ],
        programs: &[("istioctl", "istioctl")],
        usual: 316,
        apart: false,
        beside: Some(release::REPOSITORY),
    },
    Family {
        name: "containerd",
        packages: &[
            "github.com/containerd/containerd/v2/cmd/containerd",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "github.com/containerd/containerd/v2/cmd/ctr",
            "github.com/containernetworking/plugins/plugins/main/bridge",
            "github.com/containernetworking/plugins/plugins/main/loopback",
            "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "github.com/containernetworking/plugins/plugins/meta/portmap",
        ],
        tags: "no_btrfs no_zfs no_devmapper",
        cgo: false,
        version: Version::None,
        release: None,
        copies: &[],
        programs: &[
            ("containerd", "containerd"),
            ("containerd-shim-runc-v2", "containerd-shim-runc-v2"),
            ("ctr", "ctr"),
            ("bridge", "bridge"),
            ("loopback", "loopback"),
            ("host-local", "host-local"),
            ("portmap", "portmap"),
        ],
        usual: 69,
        apart: true,
        beside: None,
    },
    Family {
        name: "helm",
        packages: &["."],
        tags: "",
        cgo: false,
        version: Version::None,
        release: None,
        copies: &[],
        programs: &[("helm", "helm")],
        usual: 20,
        apart: false,
        beside: None,
    },
    Family {
        name: "coredns",
        packages: &["."],
        tags: "",
        cgo: false,
        version: Version::None,
        release: None,
        copies: &[],
        programs: &[],
        usual: 12,
        apart: false,
        beside: None,
    },
    Family {
        name: "etcd",
        packages: &["."],
        tags: "",
        cgo: false,
        version: Version::None,
        release: None,
        copies: &[],
        programs: &[("etcd", "etcd")],
        usual: 15,
        apart: false,
        beside: None,
    },
    Family {
        name: "krew",
        packages: &["sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"],
        tags: "",
        cgo: false,
        version: Version::None,
        release: None,
        copies: &[],
        // kubectl finds its plugins by their names.
        programs: &[("kubectl-krew", "krew"), ("validate-krew-manifest", "validate-krew-manifest")],
        usual: 3,
        apart: false,
        beside: None,
    },
    Family {
        name: "runc",
        packages: &["github.com/opencontainers/runc"],
        // Without seccomp no pod starts whose profile is RuntimeDefault.
        tags: "seccomp",
        cgo: true,
        version: Version::None,
        release: None,
        copies: &[],
        programs: &[("runc", "runc")],
        usual: 15,
        apart: true,
        beside: None,
    },
];

impl Family {
    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/components").join(self.name)
    }

    pub(super) fn key(&self, toolchain: &Toolchain) -> Result<Key> {
        let mut key = KeyOf::new(self.name).folder(&self.folder())?.text(&toolchain.go);
        for argument in self.arguments()? {
            key = key.text(&argument);
        }
        for copy in self.copies {
            key = key.text(copy.path).text(copy.name);
        }
        if self.release.is_some() {
            key = release::identify(key);
        }
        if self.cgo {
            key = key.text(&toolchain.cc).text(&toolchain.seccomp);
        }
        Ok(key.finish())
    }

    /// Brings the module's sources and those of all it needs into Go's own cache.
    pub(super) fn fetch(&self, log: &Path) -> Result<()> {
        run(self.go().args(["mod", "download"]), log)
    }

    pub(super) fn compile(&self, into: &Path, log: &Path) -> Result<()> {
        let mut compile = self.go();
        compile.args(self.arguments()?);
        let overlay = tempfile::NamedTempFile::new()?;
        if let Some(module) = self.release {
            let (module, folder) = (self.module(module)?, into.join(release::FOLDER));
            release::unpack(&module, &folder)?;
            release::publish(&folder.join(release::CHARTS), &into.join(release::REPOSITORY))?;
            fs::write(overlay.path(), release::overlay(&folder, &self.folder().join("istioctl"))?)?;
            compile.arg("-overlay").arg(overlay.path());
        }
        run(compile.arg("-o").arg(into.join("")).args(self.packages), log)?;
        for copy in self.copies {
            let (from, to) = (self.module(copy.module)?.join(copy.path), into.join(copy.name));
            if from.is_dir() {
                copy_folder(&from, &to)?;
            } else {
                fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
            }
        }
        Ok(())
    }

    /// Where Go keeps the sources of a module that this one needs.
    fn module(&self, name: &str) -> Result<PathBuf> {
        Ok(PathBuf::from(output(self.go().args(["list", "-m", "-f", "{{.Dir}}", name]))?))
    }

    fn go(&self) -> Command {
        let mut command = Command::new("go");
        command
            .current_dir(self.folder())
            .env("GOFLAGS", "-buildvcs=false -mod=readonly")
            .env("GOWORK", "off")
            .env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        command
    }

    /// Without paths, so that they can be part of a key.
    fn arguments(&self) -> Result<Vec<String>> {
        let stamp = match self.version {
            Version::None => String::new(),
            Version::Kubernetes => {
                let version = required_version(&self.folder().join("go.mod"), "k8s.io/kubernetes")?;
                let mut numbers = version.trim_start_matches('v').split('.');
                let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
                // The second is the one in user agents; Kubernetes' own build stamps both.
                ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
                    .map(|package| {
                        format!(" -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
                    })
                    .concat()
            }
            Version::Istio => {
                let stamps = [("buildVersion", versions::ISTIO_STAMP), ("buildHub", release::HUB)];
                stamps.map(|(name, value)| format!(" -X istio.io/istio/pkg/version.{name}={value}")).concat()
            }
        };
        let mut arguments = vec!["build".to_owned(), "-trimpath".to_owned()];
        if !self.tags.is_empty() {
            arguments.extend(["-tags".to_owned(), self.tags.to_owned()]);
        }
        arguments.extend(["-ldflags".to_owned(), format!("-s -w{stamp}")]);
        Ok(arguments)
    }
}

fn required_version(go_mod: &Path, module: &str) -> Result<String> {
    let text = fs::read_to_string(go_mod).with_context(|| format!("read {}", go_mod.display()))?;
    version_in(&text, module).with_context(|| format!("{} requires no {module}", go_mod.display()))
}

fn version_in(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(module)).then(|| words.next().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mesh_shared::plugin::release::TESTED;

    use super::*;
    use crate::spec::SailVersion;

    #[test]
    fn a_version_is_read_from_a_line_or_a_block() {
        let text = "module lab\n\nrequire k8s.io/kubernetes v1.36.3\nrequire (\n\tk8s.io/api v0.36.3 // indirect\n)\n";
        assert_eq!(version_in(text, "k8s.io/kubernetes").as_deref(), Some("v1.36.3"));
        assert_eq!(version_in(text, "k8s.io/api").as_deref(), Some("v0.36.3"));
        assert_eq!(version_in(text, "k8s.io/kube"), None);
    }

    #[test]
    fn kubernetes_says_the_version_that_its_module_file_requires() {
        let arguments = FAMILIES[0].arguments().unwrap();
        for stamp in ["component-base/version.gitVersion=v1.", "client-go/pkg/version.gitVersion=v1.", "gitMajor=1"] {
            assert!(arguments[3].contains(stamp), "{arguments:?}");
        }
    }

    #[test]
    fn the_plugins_say_that_they_were_tested_against_what_the_lab_is_made_of() {
        let family = FAMILIES.iter().find(|family| family.name == KUBERNETES).unwrap();
        let kubernetes = required_version(&family.folder().join("go.mod"), "k8s.io/kubernetes").unwrap();
        assert_eq!(TESTED.kubernetes, kubernetes);
        assert_eq!(TESTED.istio, format!("v{}", versions::ISTIO_STAMP));
        assert_eq!(TESTED.sail_api, [SailVersion::V1, SailVersion::V1alpha1].map(SailVersion::as_str));
    }

    #[test]
    fn istio_helm_coredns_etcd_and_krew_require_what_they_share_at_one_version() {
        let mut seen: BTreeMap<String, (&str, String)> = BTreeMap::new();
        for family in FAMILIES.iter().filter(|family| family.name != KUBERNETES && !family.apart) {
            let text = fs::read_to_string(family.folder().join("go.mod")).unwrap();
            for (module, version) in requirements(&text) {
                let (other, first) = seen.entry(module.clone()).or_insert((family.name, version.clone()));
                assert_eq!(*first, version, "{module} in {other} and {}", family.name);
            }
        }
        assert!(seen.contains_key("k8s.io/client-go"));
    }

    /// The modules that a go.mod file requires, and their versions.
    fn requirements(go_mod: &str) -> impl Iterator<Item = (String, String)> {
        let lines = go_mod.lines().filter(|line| !line.contains("=>"));
        lines.filter_map(|line| {
            let mut words = line.trim().trim_start_matches("require ").split_whitespace();
            let (module, version) = (words.next()?, words.next()?);
            version.starts_with('v').then(|| (module.to_owned(), version.to_owned()))
        })
    }

    #[test]
    fn no_two_families_bring_a_program_of_one_name() {
        let mut names: Vec<_> = FAMILIES.iter().flat_map(|family| family.programs).map(|(name, _)| name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
