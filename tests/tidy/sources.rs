//! The sources of what is shipped, as modules that know each other. What only tests compile is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Meta, Token, UseTree, Visibility};

/// What is shipped: its folder, and what others call it. The last has parts that others know as `crate`.
pub(crate) const PACKAGES: [(&str, &str); 4] = [
    ("shared/probe/src", "mesh_probe"),
    ("shared/src", "mesh_shared"),
    ("kubectl-mesh-mc/src", "kubectl_mesh_mc"),
    ("kubectl-mesh-failover/src", "kubectl_mesh_failover"),
];

/// One file, as a module of its package.
pub(crate) struct Source {
    package: &'static str,
    module: Vec<String>,
    /// Every path that it names from the root of a package: package, modules and items.
    pub(crate) names: BTreeSet<Vec<String>>,
    /// Every other path, as if its first name were a module below the one that names it.
    below: BTreeSet<Vec<String>>,
    undocumented: Vec<String>,
}

/// All files that are shipped, by their path from the workspace.
pub(crate) struct Sources {
    pub(crate) files: BTreeMap<String, Source>,
}

impl Sources {
    /// What the packages of the workspace ship.
    ///
    /// # Errors
    /// A file that cannot be read or is not Rust.
    pub(crate) fn read(workspace: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        for (folder, _) in PACKAGES {
            for file in rust_files(&workspace.join(folder)) {
                let name = file.strip_prefix(workspace).unwrap_or(&file).to_string_lossy().into_owned();
                files.push((name, fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?));
            }
        }
        Self::of(files)
    }

    /// The same of texts.
    ///
    /// # Errors
    /// A text that is not Rust.
    pub(crate) fn of(texts: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut parsed = BTreeMap::new();
        for (file, text) in texts {
            let syntax = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
            let Some((package, module)) = place(&file) else { continue };
            parsed.insert(file, (package, module, syntax));
        }
        let mut for_tests: Vec<(&'static str, Vec<String>)> = Vec::new();
        for (package, module, syntax) in parsed.values() {
            for item in &syntax.items {
                if let Item::Mod(ItemMod { attrs, ident, content: None, .. }) = item
                    && is_test(attrs)
                {
                    for_tests.push((package, [module.as_slice(), &[ident.to_string()]].concat()));
                }
            }
        }
        let is_for_tests = |package: &str, module: &[String]| {
            for_tests.iter().any(|(of, tests)| *of == package && module.starts_with(tests))
        };
        let files = parsed
            .into_iter()
            .filter(|(_, (package, module, _))| !is_for_tests(package, module))
            .map(|(file, (package, module, syntax))| {
                let mut seen = Names { package, module: module.clone(), ..Names::default() };
                seen.visit_file(&syntax);
                (
                    file,
                    Source { package, module, names: seen.found, below: seen.below, undocumented: seen.undocumented },
                )
            })
            .collect();
        Ok(Self { files })
    }

    /// Which file knows which others.
    pub(crate) fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let by_module: BTreeMap<(&str, &[String]), &str> = self
            .files
            .iter()
            .map(|(file, source)| ((source.package, source.module.as_slice()), file.as_str()))
            .collect();
        let file_of = |name: &[String]| {
            let (package, path) = name.split_first()?;
            (0..=path.len()).rev().find_map(|length| by_module.get(&(package.as_str(), &path[..length])).copied())
        };
        self.files
            .iter()
            .map(|(file, source)| {
                // A name is one of a module below where that is there; the longest module is then not the one that names it.
                let known = source.names.iter().chain(&source.below).filter_map(|name| file_of(name));
                (file.as_str(), known.filter(|other| other != file).collect())
            })
            .collect()
    }

    /// Public functions without a doc comment, as `file: name`.
    pub(crate) fn undocumented(&self) -> Vec<String> {
        let all = self.files.iter();
        all.flat_map(|(file, source)| source.undocumented.iter().map(move |name| format!("{file}: {name}"))).collect()
    }
}

/// The package of a file, and its module there.
fn place(file: &str) -> Option<(&'static str, Vec<String>)> {
    let (folder, package) = PACKAGES.into_iter().find(|(folder, _)| file.starts_with(&format!("{folder}/")))?;
    let module = file.strip_prefix(folder)?.trim_start_matches('/').strip_suffix(".rs")?;
    let is_root = matches!(module, "lib" | "main") || module.starts_with("bin/");
    Some((package, if is_root { Vec::new() } else { module.split('/').map(str::to_owned).collect() }))
}

/// What a file names.
#[derive(Default)]
struct Names {
    package: &'static str,
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
    below: BTreeSet<Vec<String>>,
    undocumented: Vec<String>,
}

impl Names {
    /// Takes a path in that is one from the root of a package of ours, or that names what [`super::layers`] forbids to values.
    fn name(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        let absolute =
            |package: &str, module: &[String], rest: &[String]| [&[package.to_owned()], module, rest].concat();
        let name = match first.as_str() {
            "crate" => absolute(self.package, &[], rest),
            "self" => absolute(self.package, &self.module, rest),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let Some(depth) = self.module.len().checked_sub(up) else { return };
                absolute(self.package, &self.module[..depth], &path[up..])
            }
            _ => {
                self.below.insert(absolute(self.package, &self.module, path));
                path.to_vec()
            }
        };
        self.found.insert(name);
    }

    fn used(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => self.used(&path.tree, &[before, &[path.ident.to_string()]].concat()),
            UseTree::Name(name) if name.ident == "self" => self.name(before),
            UseTree::Name(name) => self.name(&[before, &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.name(&[before, &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.name(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.used(tree, before)),
        }
    }

    fn public(&mut self, visibility: &Visibility, attributes: &[Attribute], name: &syn::Ident) {
        let is_said = attributes.iter().any(|attribute| attribute.path().is_ident("doc"));
        if matches!(visibility, Visibility::Public(_)) && !is_said {
            self.undocumented.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.used(&item.tree, &[]);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.public(&function.vis, &function.attrs, &function.sig.ident);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_test(&function.attrs) {
            self.public(&function.vis, &function.attrs, &function.sig.ident);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.name(&parts);
        }
        visit::visit_path(self, path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is compiled for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|conditions| conditions.iter().any(|condition| condition.path().is_ident("test")))
    })
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Files that are laid out otherwise than all others: a module is `name.rs` with its children in `name/`, its tests in
/// `name/tests.rs` where they are not in the file itself.
pub(crate) fn layout(workspace: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, _) in PACKAGES {
        for file in rust_files(&workspace.join(folder)) {
            let name = file.strip_prefix(workspace).unwrap_or(&file).display().to_string();
            if file.file_name().is_some_and(|file| file == "mod.rs") {
                faults.push(format!("{name}: a module is name.rs, not name/mod.rs"));
            }
            if name.ends_with("_tests.rs") {
                faults.push(format!("{name}: tests of a module are in name/tests.rs"));
            }
        }
    }
    faults
}
