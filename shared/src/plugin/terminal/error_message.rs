//! How every error of both plugins looks.

use super::Terminal;
use crate::plugin::error::{Error, Kind};

/// The error as lines: what, where, why, what to do, and whether anything was written.
pub fn render(error: &Error, terminal: Terminal) -> String {
    let mut lines = vec![format!("{} {}", terminal.alarm("error:"), error.what)];
    let mut field = |label: &str, text: &str| {
        for (index, line) in text.lines().enumerate() {
            lines.push(if index == 0 { format!("  {label:<6} {line}") } else { format!("         {line}") });
        }
    };
    if let Some(place) = &error.place {
        field("where:", place);
    }
    if let Some(why) = &error.why {
        field("why:", why);
    }
    if !error.remedy.is_empty() {
        field("do:", &error.remedy.join("\n"));
    }
    if error.kind == Kind::Refused {
        lines.push("Nothing was written.".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_where_why_and_what_to_do() {
        let error = Error::refused("clusters trust different roots: east 3f:9a…, west c1:04…")
            .at("Secret cacerts in istio-system")
            .because("workloads of one would refuse the other's certificates")
            .fix("keep one root")
            .fix("kubectl mesh-mc join …");
        let terminal = Terminal { live: false, asks: false, colour: false };
        insta::assert_snapshot!(render(&error, terminal), @r"
        error: clusters trust different roots: east 3f:9a…, west c1:04…
          where: Secret cacerts in istio-system
          why:   workloads of one would refuse the other's certificates
          do:    keep one root
                 kubectl mesh-mc join …
        Nothing was written.
        ");
    }
}
