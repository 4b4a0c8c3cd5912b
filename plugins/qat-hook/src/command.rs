//! The command line that trains.

use std::path::{Path, PathBuf};

use octet_plugin_api::sdk::Error;

use crate::folder::Folder;
use crate::settings::Settings;

/// What is started, where, and with which additions to the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// The program and its arguments; never empty.
    pub(crate) words: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl CommandLine {
    /// The ready script, or the user's own command, split as a shell would; no shell runs it.
    ///
    /// # Errors
    /// The command cannot be split, or no Python is named.
    pub(crate) fn new(settings: &Settings, folder: &Folder) -> Result<CommandLine, Error> {
        let words = if settings.command.trim().is_empty() {
            let python = settings.python.trim();
            if python.is_empty() {
                return Err(Error::failed("no Python is named: set `python`, for example to python3"));
            }
            vec![from_anywhere(python)?, "-u".to_owned(), "train.py".to_owned()]
        } else {
            let words = shell_words::split(&settings.command);
            words.map_err(|e| Error::failed(format!("the command `{}`: {e}", settings.command)))?
        };
        if words.is_empty() {
            return Err(Error::failed(format!("the command `{}` holds no word", settings.command)));
        }
        let text = |value: &dyn std::fmt::Display| value.to_string();
        let environment = vec![
            ("OCTET_QAT_FOLDER", folder.path().display().to_string()),
            ("OCTET_QAT_PYTHON", settings.python.trim().to_owned()),
            ("OCTET_QAT_STEPS", text(&settings.steps)),
            ("OCTET_QAT_LEARNING_RATE", text(&settings.learning_rate)),
            ("OCTET_QAT_BATCH_SIZE", text(&settings.batch_size)),
            ("OCTET_QAT_HELD_OUT", text(&settings.held_out)),
            ("OCTET_QAT_SEED", text(&settings.seed)),
            // Lines arrive when they are written, and in one encoding.
            ("PYTHONUNBUFFERED", "1".to_owned()),
            ("PYTHONUTF8", "1".to_owned()),
        ];
        Ok(CommandLine { words, folder: folder.path().to_owned(), environment })
    }

    /// The program's name.
    pub(crate) fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The command as a shell would take it.
    pub(crate) fn shown(&self) -> String {
        shell_words::join(&self.words)
    }
}

/// A program's file as it is called from another folder. A name without folders is looked for on the path.
fn from_anywhere(program: &str) -> Result<String, Error> {
    let path = Path::new(program);
    if path.components().count() < 2 {
        return Ok(program.to_owned());
    }
    let failed = |e: std::io::Error| Error::failed(format!("cannot find this program: {e}: `{program}`"));
    Ok(std::path::absolute(path).map_err(failed)?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str, python: &str) -> Result<Vec<String>, Error> {
        let settings =
            Settings { command: command.to_owned(), python: python.to_owned(), ..Settings::default() };
        CommandLine::new(&settings, &Folder::new("/folder".into())).map(|line| line.words)
    }

    #[test]
    fn an_empty_command_is_the_ready_script() {
        assert_eq!(words("", "python3").unwrap(), ["python3", "-u", "train.py"]);
        assert_eq!(words("  ", "/my env/bin/python").unwrap()[0], "/my env/bin/python");
        assert!(words("", " ").is_err());
        // The command runs in another folder.
        let relative = words("", ".venv/bin/python").unwrap().remove(0);
        assert!(Path::new(&relative).is_absolute() && relative.ends_with("/.venv/bin/python"), "{relative}");
    }

    #[test]
    fn a_command_is_split_like_a_shell_does() {
        assert_eq!(words("python 'my script.py' --lr 1e-4 \"a b\"", "").unwrap()[1], "my script.py");
        assert!(words("python 'open", "").unwrap_err().to_string().contains("python 'open"));
        assert!(words("# only a comment", "").is_err());
    }
}
