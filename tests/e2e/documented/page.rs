//! Blocks of a Markdown page.

/// What the line above a block begins with that no test runs.
const NOT_RUN: &str = "*Not run by the tests: ";
/// What a line begins with that says so of all blocks below it.
const NONE_RUN: &str = "*Nothing here is run by the tests: ";

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its opening fence, from 1.
    pub(crate) line: usize,
    /// The word after the fence: `sh`, `console`, `text`, `yaml`.
    pub(crate) language: String,
    pub(crate) text: String,
    /// Why no test runs it, where the page says so.
    pub(crate) not_run: Option<String>,
}

impl Block {
    /// Whether a reader is to type it.
    pub(crate) fn is_commands(&self) -> bool {
        ["sh", "console"].contains(&self.language.as_str())
    }

    /// What a reader types: all of `sh`; of `console` what follows `$ `, with its continuation lines.
    pub(crate) fn commands(&self) -> String {
        if self.language == "sh" {
            return self.text.clone();
        }
        let mut commands = String::new();
        let mut goes_on = false;
        for line in self.text.lines() {
            let typed = if goes_on { Some(line) } else { line.strip_prefix("$ ") };
            if let Some(typed) = typed {
                commands += typed;
                commands.push('\n');
            }
            goes_on = typed.is_some_and(|line| line.ends_with('\\'));
        }
        commands
    }
}

/// All fenced blocks of a page, without the indent of the list that they are in.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    let (mut above, mut of_all) = ("", None);
    for (number, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let own = above.trim().strip_prefix(NOT_RUN);
                let not_run = own.or(of_all).map(|why| why.trim_end_matches(".*").to_owned());
                let block =
                    Block { line: number + 1, language: language.trim().to_owned(), text: String::new(), not_run };
                open = Some((block, line.len() - line.trim_start().len()));
            }
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
            (Some((block, indent)), None) => {
                block.text += line.get(*indent..).unwrap_or_default();
                block.text.push('\n');
            }
            (None, None) => of_all = line.strip_prefix(NONE_RUN).or(of_all),
        }
        above = line;
    }
    blocks
}

#[test]
fn blocks_are_read_with_their_language_and_their_mark() {
    let page = "text\n```sh\na\nb \\\n  c\n```\n- list:\n\n  *Not run by the tests: no network.*\n  ```console\n  $ d \\\n    e\n  said\n  $ f\n  ```\n";
    let found = blocks(page);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].commands().as_str(), &found[0].not_run), (2, "a\nb \\\n  c\n", &None));
    assert_eq!((found[1].line, found[1].commands().as_str()), (10, "d \\\n  e\nf\n"));
    assert_eq!(found[1].not_run.as_deref(), Some("no network"));
}

#[test]
fn a_page_may_say_once_that_none_of_it_is_run() {
    let found = blocks("```sh\na\n```\n*Nothing here is run by the tests: examples.*\n```sh\nb\n```\n```sh\nc\n```\n");
    let marks: Vec<Option<&str>> = found.iter().map(|block| block.not_run.as_deref()).collect();
    assert_eq!(marks, [None, Some("examples"), Some("examples")]);
}
