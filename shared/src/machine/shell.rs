//! The shell from which this process was run.

use std::fs;
use std::os::unix::process::parent_id;

use crate::plugin::completion::shell::Shell;

/// How many programs are looked through between the plugin and a shell: kubectl, and what may come before it.
const BETWEEN: usize = 8;

/// The nearest shell among this process's ancestors; if the system does not tell, or there is none, the user's own by
/// `$SHELL`. kubectl does not tell a plugin's helper.
pub fn shell() -> Option<Shell> {
    let mut process = parent_id();
    for _ in 0..BETWEEN {
        let Some((name, parent)) =
            fs::read_to_string(format!("/proc/{process}/stat")).ok().as_deref().and_then(name_and_parent)
        else {
            break;
        };
        if let Some(shell) = Shell::of(&name) {
            return Some(shell);
        }
        process = parent;
    }
    Shell::of(&std::env::var("SHELL").ok()?)
}

/// From `PID (NAME) STATE PPID …`; a name may hold anything, `)` too (proc_pid_stat(5)).
fn name_and_parent(stat: &str) -> Option<(String, u32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    Some((name.to_owned(), tail.split_whitespace().nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        assert_eq!(name_and_parent("12 (zsh) S 11 12 12 0"), Some(("zsh".into(), 11)));
        assert_eq!(name_and_parent("12 (a) (b)) S 11 12"), Some(("a) (b)".into(), 11)));
        assert_eq!(name_and_parent("12"), None);
    }
}
