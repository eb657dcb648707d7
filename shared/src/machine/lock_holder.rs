//! The name of a lock's holder.

/// `user@host/run`, so that others know whom to ask.
pub fn name(run: &str) -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok().filter(|name| !name.is_empty()));
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |text: String| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(60).collect()
    };
    format!("{}@{}/{run}", plain(user), plain(host))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_holder_has_a_user_a_host_and_a_run() {
        let name = super::name("7f3a");
        assert!(name.ends_with("/7f3a") && name.contains('@') && !name.starts_with('@'), "{name}");
    }
}
