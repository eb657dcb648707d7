//! Both plugins with a kubeconfig whose credential plugin fails: nothing that it holds or says is printed. They have this as a test
//! of the program itself, `tests/credentials.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What is secret: environment, arguments, standard output and what comes after the first line of standard error.
const CANARIES: [&str; 4] = ["ENVCANARY", "ARGCANARY", "OUTCANARY", "LINECANARY"];

/// Answers with a token that has ended the first time for each context, where it is told to, and fails from then on.
const SCRIPT: &str = r#"if [ "$2" = later ] && mkdir "$FOLDER/$3" 2>/dev/null; then
    echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"OUTCANARY","expirationTimestamp":"2026-01-01T00:00:00Z"}}'
    exit
fi
echo '{"status":{"token":"OUTCANARY"}}'
printf 'your login has ended\nLINECANARY\n' >&2
exit 3"#;

/// What the program prints when the plugin fails, at first or when its token has to be renewed.
pub fn said(program: &str, arguments: &[&str], interactive_mode: &str, when: &str) -> String {
    let name = Path::new(program).file_name().unwrap().to_string_lossy();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{interactive_mode}-{when}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig(&folder, interactive_mode, when))
        .env("HOME", &folder)
        .env_remove("XDG_DATA_HOME")
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    // What an interactive plugin writes to standard error is its own word to the user: it has the terminal.
    let hidden = if interactive_mode == "Never" { &CANARIES[..] } else { &CANARIES[..3] };
    for canary in hidden {
        assert!(!stdout.contains(canary) && !stderr.contains(canary), "{canary}: {stdout}\n{stderr}");
    }
    assert_eq!(stdout, "");
    let code = output.status.code().unwrap();
    // Which of the two is first is a matter of chance, and how often an interactive one speaks.
    let stderr = stderr.replace("west", "east").replace("your login has ended\nLINECANARY\n", "");
    format!("exit code {code}\n{stderr}")
}

/// Two contexts, east and west, each with a user of its own; nobody listens at their addresses.
fn kubeconfig(folder: &Path, interactive_mode: &str, when: &str) -> PathBuf {
    let script = folder.join("login");
    fs::write(&script, SCRIPT).unwrap();
    let user = |name: &str| {
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "interactiveMode": interactive_mode,
            "args": [script, "--client-secret=ARGCANARY", when, name],
            "env": [{"name": "CLIENT_SECRET", "value": "ENVCANARY"}, {"name": "FOLDER", "value": folder}],
        }})
    };
    let named = |field: &str, value: &dyn Fn(&str) -> Value| -> Value {
        ["east", "west"].map(|name| json!({"name": name, field: value(name)})).into()
    };
    let config = json!({
        "apiVersion": "v1", "kind": "Config",
        "contexts": named("context", &|name| json!({"cluster": name, "user": name})),
        "clusters": named("cluster", &|_| json!({"server": "http://127.0.0.1:1"})),
        "users": named("user", &user),
    });
    let path = folder.join("kubeconfig");
    fs::write(&path, config.to_string()).unwrap();
    path
}
