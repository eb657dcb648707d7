//! Generated files: they are held against what stands, or written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// The variable that has files written: `make reference` sets it.
const WRITE: &str = "MESH_REFERENCE_WRITE";

/// Holds the files of a folder whose names begin so against those that are wanted, each by its name; writes them where
/// `MESH_REFERENCE_WRITE` is set, and removes what is not wanted any more.
///
/// # Errors
/// What is not as it is wanted, with the command that mends it; what cannot be read or written.
pub fn settle(folder: &Path, beginning: &str, wanted: &BTreeMap<String, String>) -> Result<(), String> {
    let faults = if std::env::var_os(WRITE).is_some() {
        write(folder, beginning, wanted).map(|()| Vec::new())
    } else {
        differences(folder, beginning, wanted)
    };
    match faults {
        Ok(faults) if faults.is_empty() => Ok(()),
        Ok(faults) => Err(format!("{}\nwrite them anew: make reference", faults.join("\n"))),
        Err(error) => Err(format!("{}: {error}", folder.display())),
    }
}

fn differences(folder: &Path, beginning: &str, wanted: &BTreeMap<String, String>) -> io::Result<Vec<String>> {
    let there = standing(folder, beginning)?;
    let mut faults = Vec::new();
    for (name, text) in wanted {
        let path = folder.join(name);
        if !there.contains(name) {
            faults.push(format!("{} is missing", path.display()));
        } else if fs::read_to_string(&path)? != *text {
            faults.push(format!("{} does not say what the arguments say", path.display()));
        }
    }
    let left = there.iter().filter(|name| !wanted.contains_key(*name));
    faults.extend(left.map(|name| format!("{} is of no verb", folder.join(name).display())));
    Ok(faults)
}

fn write(folder: &Path, beginning: &str, wanted: &BTreeMap<String, String>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in standing(folder, beginning)?.iter().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    wanted.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

fn standing(folder: &Path, beginning: &str) -> io::Result<BTreeSet<String>> {
    if !folder.exists() {
        return Ok(BTreeSet::new());
    }
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<io::Result<BTreeSet<String>>>()?;
    Ok(names.into_iter().filter(|name| name.starts_with(beginning)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_missing_or_left_over_is_told_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.1"), "old").unwrap();
        fs::write(at("a-gone.1"), "").unwrap();
        fs::write(at("b.1"), "of another plugin").unwrap();
        let wanted = BTreeMap::from([("a.1".to_owned(), "new".to_owned()), ("a-new.1".to_owned(), String::new())]);
        let faults = differences(folder.path(), "a", &wanted).unwrap();
        let said: Vec<&str> = faults.iter().map(|fault| fault.rsplit_once('/').unwrap().1).collect();
        assert_eq!(said, ["a-new.1 is missing", "a.1 does not say what the arguments say", "a-gone.1 is of no verb"]);
        write(folder.path(), "a", &wanted).unwrap();
        assert!(differences(folder.path(), "a", &wanted).unwrap().is_empty());
        assert!(at("b.1").exists());
    }
}
