//! The drill's own requests: one long run of curl in the client's container. Its number of requests is finite, so that
//! it ends by itself whatever happens to us, and at once if the container has a shell to supervise it. This is how curl
//! is called and its output parsed; a probe of our own could replace it by producing the same [`Sample`]s.

use std::collections::VecDeque;
use std::time::Duration;

use regex_lite::Regex;

use super::recording::Sample;
use super::request_outcome::Outcome;

/// Runs a command that ends when its stdin is closed, which is open for as long as its starter lives. POSIX shell;
/// stdin is kept as descriptor 3, since background jobs have none.
const ENDS_WITH_STDIN: &str =
    r#"exec 3<&0; { read -r end; kill $$; } <&3 3<&- >/dev/null 2>&1 & exec "$0" "$@" </dev/null 3<&-"#;

/// Prefix of our own lines: curl may write others.
const MARK: &str = "drill#";
/// How many bytes of an answer are searched.
const LONGEST_ANSWER: usize = 256 << 10;

/// What a curl can do, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Curl {
    /// From 7.63: reports every request, as fast as one connection takes them.
    Plain,
    /// From 7.84: holds a rate, and says why a request failed.
    Rated,
}

/// The requests to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests<'a> {
    /// Without a fragment.
    pub url: &'a str,
    /// How many.
    pub count: u64,
    /// Per second, if curl can hold a rate.
    pub rate: u32,
    /// The longest that one request may take.
    pub longest: Duration,
    /// Appears in the servers' access logs.
    pub user_agent: &'a str,
    /// Whether the answers are wanted.
    pub answers: bool,
    /// Whether the container has a shell, which then ends the requests as soon as they are no longer read.
    pub shell: bool,
}

impl Curl {
    /// Parses the first line of `curl --version`; none if it is too old, or not curl.
    pub fn of(version: &str) -> Option<Self> {
        let number = version.trim_start().strip_prefix("curl ")?.split_whitespace().next()?;
        let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        match (major, minor) {
            (8.., _) | (7, 84..) => Some(Self::Rated),
            (7, 63..) => Some(Self::Plain),
            _ => None,
        }
    }

    /// The command. The requests are numbered by the URL's fragment, which is never sent (RFC 9110 section 4.2.5) but
    /// which curl reports; its reports go to stderr, which it does not buffer.
    pub fn argv(self, requests: &Requests<'_>) -> Vec<String> {
        let told = match self {
            Self::Rated => "%{http_code} %{time_total} %{size_download} %{url_effective} %{errormsg}",
            Self::Plain => "%{http_code} %{time_total} %{size_download} %{url_effective}",
        };
        let mut argv: Vec<String> = [
            "curl",
            "--silent",
            "--no-buffer",
            "--noproxy",
            "*",
            "--user-agent",
            requests.user_agent,
            "--max-time",
            &format!("{:.3}", requests.longest.as_secs_f64()),
            "--write-out",
            &format!("%{{stderr}}{MARK}{told}\\n"),
        ]
        .map(str::to_owned)
        .into();
        if self == Self::Rated {
            argv.extend(["--rate".to_owned(), format!("{}/s", requests.rate)]);
        }
        if !requests.answers {
            argv.extend(["--output".to_owned(), "/dev/null".to_owned()]);
        }
        argv.push(format!("{}#[1-{}]", escaped(requests.url), requests.count));
        if requests.shell {
            argv.splice(0..0, ["sh", "-c", ENDS_WITH_STDIN].map(str::to_owned));
        }
        argv
    }
}

/// Escapes the user's own brackets and braces, which are not ranges.
fn escaped(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for character in url.chars() {
        if matches!(character, '[' | ']' | '{' | '}' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Parses the command's output, in whatever pieces it arrives.
#[derive(Debug)]
pub struct Reader {
    pattern: Option<Regex>,
    answers: Vec<u8>,
    line: Vec<u8>,
    told: VecDeque<(Told, Duration)>,
}

#[derive(Debug)]
struct Told {
    number: u64,
    took: Duration,
    size: usize,
    outcome: Outcome,
}

impl Reader {
    /// A reader that searches each answer for `pattern`, if there is one.
    pub fn new(pattern: Option<Regex>) -> Self {
        Self { pattern, answers: Vec::new(), line: Vec::new(), told: VecDeque::new() }
    }

    /// Takes a piece of stdout, which has the answers one after another. Returns the requests that it completes.
    pub fn out(&mut self, bytes: &[u8]) -> Vec<Sample> {
        if self.pattern.is_some() {
            self.answers.extend_from_slice(bytes);
        }
        self.whole()
    }

    /// Takes a piece of stderr, which arrived at `at`. Returns the requests that it completes.
    pub fn err(&mut self, bytes: &[u8], at: Duration) -> Vec<Sample> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            if let Some(told) = Told::of(&String::from_utf8_lossy(&line)) {
                self.told.push_back((told, at));
            }
        }
        self.whole()
    }

    /// The requests that were reported but whose answers never arrived completely.
    pub fn end(mut self) -> Vec<Sample> {
        let rest = std::mem::take(&mut self.told);
        rest.into_iter().map(|(told, at)| told.sample(at, None)).collect()
    }

    /// stdout and stderr are not in step: a request is complete once as many bytes as it reported have arrived.
    fn whole(&mut self) -> Vec<Sample> {
        let mut samples = Vec::new();
        while let Some((told, _)) = self.told.front() {
            let size = if self.pattern.is_some() { told.size } else { 0 };
            if self.answers.len() < size {
                break;
            }
            let answer: Vec<u8> = self.answers.drain(..size).collect();
            let text = String::from_utf8_lossy(answer.get(..size.min(LONGEST_ANSWER)).unwrap_or_default());
            let matched =
                self.pattern.as_ref().and_then(|pattern| pattern.find(&text)).map(|found| visible(found.as_str()));
            if let Some((told, at)) = self.told.pop_front() {
                samples.push(told.sample(at, matched));
            }
        }
        samples
    }
}

impl Told {
    fn of(line: &str) -> Option<Self> {
        // Someone else's unfinished line may precede ours.
        let (_, line) = line.trim_end().rsplit_once(MARK)?;
        let mut parts = line.splitn(5, ' ');
        let status: u16 = parts.next()?.parse().ok()?;
        let took = Duration::try_from_secs_f64(parts.next()?.replace(',', ".").parse().ok()?).ok()?;
        let size = parts.next()?.parse().ok()?;
        let number = parts.next()?.rsplit_once('#')?.1.parse().ok()?;
        let said = visible(parts.next().unwrap_or_default());
        let outcome = match (status, said.is_empty()) {
            (0, true) => Outcome::Failed("no answer".into()),
            // A status came and the rest did not: the answer is incomplete.
            (_, false) => Outcome::Failed(said),
            (status, true) => Outcome::Answered(status),
        };
        Some(Self { number, took, size, outcome })
    }

    fn sample(self, at: Duration, answered_by: Option<String>) -> Sample {
        Sample { number: self.number, at, took: self.took, outcome: self.outcome, answered_by }
    }
}

/// One line without control characters: it comes from a workload and goes to terminals and pages.
fn visible(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn reader() -> Reader {
        Reader::new(Some(Regex::new("version: v[0-9]").unwrap()))
    }

    fn who(samples: &[Sample]) -> Vec<(u64, Option<&str>)> {
        samples.iter().map(|sample| (sample.number, sample.answered_by.as_deref())).collect()
    }

    #[test]
    fn what_a_curl_can_do_is_known_by_its_version() {
        assert_eq!(Curl::of("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1"), Some(Curl::Rated));
        assert_eq!(Curl::of("curl 8.12.0-DEV (x86_64)"), Some(Curl::Rated));
        assert_eq!(Curl::of("curl 7.76.1 (x86_64-redhat-linux-gnu)"), Some(Curl::Plain));
        assert_eq!(Curl::of("curl 7.61.1 (x86_64)"), None);
        assert_eq!(Curl::of("BusyBox v1.36"), None);
    }

    #[test]
    fn the_command_has_a_finite_number_of_requests_and_leaves_the_users_brackets_alone() {
        let requests = Requests {
            url: "http://a.b:5000/x[1]?y={z}",
            count: 300,
            rate: 50,
            longest: SECOND,
            user_agent: "mesh-failover/7f3a",
            answers: false,
            shell: false,
        };
        let argv = Curl::Rated.argv(&requests);
        assert_eq!(argv.last().unwrap(), "http://a.b:5000/x\\[1\\]?y=\\{z\\}#[1-300]");
        assert!(argv.windows(2).any(|pair| pair == ["--rate", "50/s"]));
        assert!(!Curl::Plain.argv(&requests).contains(&"--rate".to_owned()));
        let shell = Curl::Rated.argv(&Requests { shell: true, ..requests });
        assert_eq!((shell[0].as_str(), shell[3].as_str(), &shell[4..]), ("sh", "curl", &argv[1..]));
    }

    #[test]
    fn in_a_shell_the_command_ends_with_its_stdin() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", ENDS_WITH_STDIN, "sleep", "60"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(child.try_wait().unwrap(), None, "its stdin is open");
        drop(child.stdin.take());
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn in_a_shell_the_command_keeps_its_own_end() {
        let run = |program: &str| {
            let mut child = std::process::Command::new("sh")
                .args(["-c", ENDS_WITH_STDIN, program])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            // Waiting would end its stdin first.
            let _open = child.stdin.take();
            child.wait().unwrap().code()
        };
        assert_eq!((run("true"), run("false")), (Some(0), Some(1)));
    }

    #[test]
    fn an_answer_is_its_requests_own_however_it_is_cut() {
        let mut reader = reader();
        let told = b"drill#200 0.0012 12 http://a/#1 \ndrill#200 0.0013 12 http://a/#2 \n";
        assert!(reader.err(&told[..20], SECOND).is_empty());
        assert!(reader.err(&told[20..], SECOND).is_empty(), "no answer has arrived yet");
        assert_eq!(who(&reader.out(b"version: v1\nversi")), [(1, Some("version: v1"))]);
        assert_eq!(who(&reader.out(b"on: v2\n")), [(2, Some("version: v2"))]);
    }

    #[test]
    fn a_request_without_an_answer_failed_in_curls_words() {
        let mut reader = reader();
        let line = b"noisedrill#000 2.000123 0 http://a/#7 Operation timed out after 2000 ms\n";
        let samples = reader.err(line, SECOND);
        assert_eq!(samples[0].outcome, Outcome::Failed("Operation timed out after 2000 ms".into()));
        assert_eq!((samples[0].number, samples[0].took), (7, Duration::from_micros(2_000_123)));
        let cut = reader.err(b"drill#200 0.1 0 http://a/#8 transfer closed with outstanding data\n", SECOND);
        assert!(matches!(cut[0].outcome, Outcome::Failed(_)));
    }

    #[test]
    fn an_old_curl_says_no_reason() {
        let mut reader = Reader::new(None);
        let samples = reader.err(b"drill#000 0.1 0 http://a/#1\ndrill#503 0.1 9 http://a/#2\nother\n", SECOND);
        assert_eq!(samples[0].outcome, Outcome::Failed("no answer".into()));
        assert_eq!(samples[1].outcome, Outcome::Answered(503));
    }

    #[test]
    fn what_is_told_of_an_answer_that_never_came_is_kept() {
        let mut reader = reader();
        assert!(reader.err(b"drill#200 0.1 50 http://a/#1 \n", SECOND).is_empty());
        assert_eq!(who(&reader.end()), [(1, None)]);
    }

    #[test]
    fn a_match_cannot_carry_control_characters() {
        let mut reader = Reader::new(Some(Regex::new("v.*").unwrap()));
        assert!(reader.out(b"v\x1b[2J1\n").is_empty());
        assert_eq!(who(&reader.err(b"drill#200 0.1 7 http://a/#1 \n", SECOND)), [(1, Some("v[2J1"))]);
    }
}
