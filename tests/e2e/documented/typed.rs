//! Commands typed into a terminal by someone who says yes.

use std::time::Duration;

use crate::support::Kit;
use crate::support::screen::Screen;
use crate::support::shell::Ended;

/// Nothing that is typed is silent for longer.
const PATIENCE: Duration = Duration::from_mins(2);

impl Kit {
    /// Runs commands by bash in a terminal, stopping at the first that fails. Questions are answered with yes, and where a name is to
    /// be typed, with it.
    pub(crate) fn type_into_terminal(&self, commands: &str) -> Ended {
        let file = self.file("typed.sh", commands);
        let bash = format!("bash -euo pipefail {}", file.display());
        let mut screen = Screen::start(&mut self.command("script"), &bash);
        let mut answered = 0;
        while screen.more(PATIENCE) {
            if let Some(answer) = answer(&screen.seen()[answered..]) {
                answered = screen.seen().len();
                screen.press(&answer);
            }
        }
        Ended::new(screen.code(), screen.seen().to_owned(), commands)
    }
}

/// What somebody who agrees types at what stands on the screen.
fn answer(screen: &str) -> Option<String> {
    // What moves or hides the cursor says nothing.
    let screen: String =
        screen.split('\u{1b}').map(|part| part.trim_start_matches(['[', '?', '2', '5', 'l', 'h'])).collect();
    if screen.ends_with("[y/N] ") {
        return Some("y".to_owned());
    }
    let (_, question) = screen.rsplit_once("Type ")?;
    let (name, end) = question.split_once(" to go on")?;
    (end == ": ").then(|| format!("{name}\n"))
}

#[test]
fn questions_are_answered_with_yes_and_names_with_themselves() {
    assert_eq!(answer("plan\nMake these 2 changes? [y/N] \u{1b}[?25l").as_deref(), Some("y"));
    assert_eq!(answer("Type helloworld.sample to go on: ").as_deref(), Some("helloworld.sample\n"));
    assert_eq!(answer("Type helloworld.sample to go on: helloworld.sample\n"), None);
    assert_eq!(answer("baseline: 5 s"), None);
}
