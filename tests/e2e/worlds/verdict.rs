//! What became of an expectation: pure, from what was seen.

use std::fmt;

use crate::format::{Expectation, Fact, What};

/// What a command did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) exit: i32,
    /// All that it wrote to stdout and stderr.
    pub(crate) said: String,
    /// What it was to change, by the audit logs of all clusters.
    pub(crate) writes: Vec<String>,
}

/// How an expectation and what is known of it agree with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Held,
    /// Wrong, and on the list.
    Known,
    /// Wrong, and not on the list: why.
    Broken(String),
    /// Right, and still on the list.
    Mended,
}

impl Verdict {
    /// Whether a run is not green because of it.
    pub(crate) fn fails_the_run(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Mended)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => formatter.write_str("held"),
            Self::Known => formatter.write_str("known failure"),
            Self::Broken(why) => write!(formatter, "BROKEN: {why}"),
            Self::Mended => formatter.write_str("MENDED: it holds now; strike it from the known failures"),
        }
    }
}

impl Expectation {
    /// Judges it. A known failure that does not fail is as bad as one that nobody knew: it would hide the next one.
    pub(crate) fn verdict(&self, seen: &Seen) -> Verdict {
        match (self.objection(seen), &self.known) {
            (None, None) => Verdict::Held,
            (None, Some(_)) => Verdict::Mended,
            (Some(_), Some(_)) => Verdict::Known,
            (Some(why), None) => Verdict::Broken(why),
        }
    }

    fn objection(&self, seen: &Seen) -> Option<String> {
        match &self.what {
            What::Exit(code) => (seen.exit != *code).then(|| format!("it ended with {}", seen.exit)),
            What::Says(pattern) => (!pattern.is_in(&seen.said)).then(|| "it does not say so".to_owned()),
            What::Silent(pattern) => pattern.is_in(&seen.said).then(|| "it says so".to_owned()),
            What::Finds(code) => {
                let forms = [format!("[{code}]"), format!("\"code\": \"{code}\""), format!("code: {code}\n")];
                (!forms.iter().any(|form| seen.said.contains(form))).then(|| "it does not find that".to_owned())
            }
            What::WritesNothing => (!seen.writes.is_empty()).then(|| format!("it wrote {}", seen.writes.join(", "))),
            What::MayWrite => None,
        }
    }
}

impl Fact {
    /// Why it is not true by what its judge said; none where it is.
    pub(crate) fn objection(&self, exit: i32, said: &str) -> Option<String> {
        if exit != 0 {
            return Some(format!("its judge ended with {exit}"));
        }
        let missing = self.says.iter().find(|pattern| !pattern.is_in(said)).map(|pattern| format!("no `{pattern}`"));
        missing.or_else(|| {
            self.silent.iter().find(|pattern| pattern.is_in(said)).map(|pattern| format!("there is `{pattern}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(yaml: &str) -> Expectation {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn seen() -> Seen {
        Seen { exit: 1, said: "error: no\nNothing was written.\n".into(), writes: Vec::new() }
    }

    const KNOWN: &str = "known: {finding: join M7, issue: 22, why: it asks for more than it needs}";

    #[test]
    fn what_is_right_holds() {
        for right in ["exit: 1", "says: 'Nothing\\s+was'", "silent: whole", "writes: nothing", "writes: something"] {
            assert_eq!(expectation(right).verdict(&seen()), Verdict::Held, "{right}");
        }
    }

    #[test]
    fn what_is_wrong_breaks_the_run_unless_it_is_known() {
        for wrong in ["exit: 0", "says: whole", "silent: error"] {
            let verdict = expectation(wrong).verdict(&seen());
            assert!(matches!(verdict, Verdict::Broken(_)) && verdict.fails_the_run(), "{wrong}: {verdict}");
            let known = expectation(&format!("{wrong}\n{KNOWN}")).verdict(&seen());
            assert!(known == Verdict::Known && !known.fails_the_run(), "{wrong}: {known}");
        }
    }

    #[test]
    fn a_known_failure_that_passes_breaks_the_run() {
        let verdict = expectation(&format!("exit: 1\n{KNOWN}")).verdict(&seen());
        assert!(verdict == Verdict::Mended && verdict.fails_the_run());
    }

    #[test]
    fn a_code_is_found_as_it_is_printed_and_in_data() {
        let finds = |said: &str| {
            let seen = Seen { said: said.into(), ..seen() };
            expectation("code: trust/roots-differ").verdict(&seen) == Verdict::Held
        };
        assert!(finds("error[trust/roots-differ]: clusters trust different roots"));
        assert!(finds("\"code\": \"trust/roots-differ\"") && finds("  - code: trust/roots-differ\n"));
        assert!(!finds("trust/roots-differ"));
    }

    #[test]
    fn a_write_is_seen_by_the_audit_logs_alone() {
        let wrote = Seen { writes: vec!["create secrets istio-system/cacerts".into()], ..seen() };
        let verdict = expectation("writes: nothing").verdict(&wrote);
        assert_eq!(verdict, Verdict::Broken("it wrote create secrets istio-system/cacerts".into()));
        assert_eq!(expectation("writes: something").verdict(&wrote), Verdict::Held);
    }

    #[test]
    fn a_fact_needs_all_that_it_names_and_a_judge_who_ended_well() {
        let fact: Fact =
            serde_yaml::from_str("{what: a, judge: kubectl, run: b, says: [v1, v2], silent: [v3]}").unwrap();
        assert_eq!(fact.objection(0, "v1 v2"), None);
        assert!(fact.objection(0, "v1").unwrap().contains("v2"));
        assert!(fact.objection(0, "v1 v2 v3").unwrap().contains("v3"));
        assert!(fact.objection(1, "v1 v2").is_some());
    }
}
