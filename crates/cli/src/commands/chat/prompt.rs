//! Where questions are typed: line editing, completion, and a history that outlives the program.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use crate::error::{Error, Result};

/// With a blank behind those that take something.
const COMMANDS: [&str; 5] = ["/clear", "/exit", "/info", "/model ", "/route "];
const MOST_HISTORY: usize = 1_000;

/// What came from the keyboard.
pub(super) enum Typed {
    Text(String),
    /// An empty line, or one that was given up.
    Nothing,
    End,
}

/// The line editor.
pub(super) struct Prompt {
    editor: Editor<Words, DefaultHistory>,
    history: PathBuf,
}

impl Prompt {
    pub(super) fn new(history: &Path, models: &[String]) -> Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(MOST_HISTORY)
            .map_err(unreadable)?
            .build();
        let mut editor = Editor::with_config(config).map_err(unreadable)?;
        editor.set_helper(Some(Words { models: models.to_vec() }));
        // The first time there is none.
        let _ = editor.load_history(history);
        Ok(Self { editor, history: history.to_owned() })
    }

    /// What Tab knows from now on.
    pub(super) fn know(&mut self, models: &[String]) {
        if let Some(words) = self.editor.helper_mut().filter(|words| words.models != models) {
            words.models = models.to_vec();
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        std::io::stdin().is_terminal()
    }

    /// One question; a line that ends with `\` goes on in the next.
    pub(super) fn read(&mut self, model: &str) -> Result<Typed> {
        let mut text = String::new();
        loop {
            let prompt = if text.is_empty() { format!("{model}> ") } else { "… ".to_owned() };
            match self.editor.readline(&prompt) {
                Ok(line) => match line.strip_suffix('\\') {
                    Some(part) => text += &format!("{part}\n"),
                    None => {
                        text += &line;
                        break;
                    }
                },
                Err(ReadlineError::Interrupted) => return Ok(Typed::Nothing),
                Err(ReadlineError::Eof) if text.is_empty() => return Ok(Typed::End),
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(unreadable(error)),
            }
        }
        if text.trim().is_empty() {
            return Ok(Typed::Nothing);
        }
        self.remember(&text);
        Ok(Typed::Text(text))
    }

    /// A history that cannot be kept is no reason to stop talking. What came through a pipe was not typed.
    fn remember(&mut self, text: &str) {
        if self.is_terminal() && self.editor.add_history_entry(text).is_ok_and(|added| added) {
            let _ = self.editor.append_history(&self.history);
        }
    }
}

fn unreadable(error: ReadlineError) -> Error {
    Error::io("read from the terminal")(std::io::Error::other(error))
}

/// What Tab knows.
struct Words {
    models: Vec<String>,
}

impl Helper for Words {}
impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.completions(line.get(..position).unwrap_or_default()))
    }
}

impl Words {
    /// Where the word begins, and what it may become.
    fn completions(&self, typed: &str) -> (usize, Vec<String>) {
        let Some((command, argument)) = typed.split_once(' ') else {
            let found = COMMANDS.iter().filter(|word| typed.starts_with('/') && word.starts_with(typed));
            return (0, found.map(|word| (*word).to_owned()).collect());
        };
        let begins = command.len() + 1;
        let routes = super::ROUTES.into_iter().filter(|word| command == "/route" && word.starts_with(argument));
        let models = self.models.iter().map(String::as_str);
        let models = models.filter(|word| command == "/model" && word.contains(argument));
        (begins, routes.chain(models).map(ToOwned::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_knows_what_was_loaded_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut prompt = Prompt::new(&folder.path().join("history"), &[]).unwrap();
        prompt.know(&["lmstudio:new".to_owned()]);
        let words = prompt.editor.helper().unwrap();
        assert_eq!(words.completions("/model n"), (7, vec!["lmstudio:new".to_owned()]));
    }

    #[test]
    fn tab_knows_commands_routes_and_models() {
        let words = Words { models: vec!["lmstudio:qwen/coder".into(), "anthropic:claude".into()] };
        assert_eq!(words.completions("/m"), (0, vec!["/model ".to_owned()]));
        assert_eq!(words.completions("/model cod"), (7, vec!["lmstudio:qwen/coder".to_owned()]));
        assert_eq!(words.completions("/route lo"), (7, vec!["local".to_owned()]));
        assert_eq!(words.completions("hello "), (6, vec![]));
    }
}
