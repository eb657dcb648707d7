//! docs/findings.md: every code that a finding can have.

use std::fmt::Write as _;

use mesh_shared::plugin::finding::codes;
use mesh_shared::plugin::finding::{Code, Severity};

const BEGINNING: &str = "\
<!-- Written by `make reference` from the codes in the sources: change them there. -->
# Findings
What a command finds has a code, such as `trust/roots-differ`. Scripts can rely on codes; sentences may change. An error is
printed with its code in brackets behind `error`, and a warning or a note below a plan or a table with its code at the end.

In JSON and YAML, `findings` is a list of:

| field | |
|---|---|
| `code` | one of those below |
| `severity` | `error`: it does not work, and a command that would write refuses; `warning`: it works, and costs something or will not last; `note`: good to know |
| `subject` | what it is about, as far as that is known: `cluster` (its name in the mesh), `context`, `object`, `field`, `place` |
| `what`, `why` | sentences |
| `fix` | what to do: a sentence, then commands |

`notes` and `why` beside it are the same sentences alone.

Where several things are wrong, `join` and `drill` name all of them and refuse once. What cannot be judged because of another
finding is left out until that one is solved.
";

/// The page: a table for each category.
pub fn findings() -> String {
    let mut page = BEGINNING.to_owned();
    let mut category = "";
    for code in codes::all() {
        if code.category() != category {
            category = code.category();
            let _ = write!(
                page,
                "\n## {category}\n| code | severity | meaning | what to do | refused by |\n|---|---|---|---|---|\n"
            );
        }
        let _ = writeln!(page, "{}", row(code));
    }
    page
}

fn row(code: &Code) -> String {
    let verbs: Vec<String> = code.refused_by.iter().map(|verb| format!("`{verb}`")).collect();
    let severity = match code.severity {
        Severity::Error if code.usage => "error (exit code 2)".to_owned(),
        severity => severity.to_string(),
    };
    format!("| `{code}` | {severity} | {} | {} | {} |", code.meaning, code.fix, verbs.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::settle;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    #[test]
    fn the_page_of_findings_is_current() {
        let wanted = BTreeMap::from([("findings.md".to_owned(), findings())]);
        settle(&Path::new(ROOT).join("docs"), "findings", &wanted).unwrap_or_else(|fault| panic!("{fault}"));
    }

    #[test]
    fn every_category_has_one_table() {
        let page = findings();
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        let mut once = headings.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(headings.len(), once.len(), "{headings:?}");
    }

    /// Sources of a folder and of those below it, but for the codes themselves.
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("finding/codes") {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("finding/tests.rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_code_is_found_by_some_rule() {
        let mut paths = Vec::new();
        for folder in ["shared/src", "kubectl-mesh-mc/src", "kubectl-mesh-failover/src"] {
            sources(&Path::new(ROOT).join(folder), &mut paths);
        }
        let text: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let constant = |code: &Code| code.name.split_once('/').map(|(_, name)| name.replace('-', "_").to_uppercase());
        let unused: Vec<&str> = codes::all()
            .filter(|code| !text.contains(&format!("::{}", constant(code).unwrap_or_default())))
            .map(|code| code.name)
            .collect();
        assert_eq!(unused, [""; 0], "nothing finds these");
    }
}
