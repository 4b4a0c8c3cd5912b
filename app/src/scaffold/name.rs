//! Names of plugins, which become folders, packages, ids and texts in source code.

const MAX_LENGTH: usize = 64;

/// A name that is harmless wherever it is put: letters, digits and dashes of ASCII, the first one no dash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginName(String);

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing.
    #[error("the name is empty; use letters, digits and dashes, as in my-strategy")]
    Empty,
    /// More than 64 bytes.
    #[error("the name is longer than {MAX_LENGTH} letters; choose a shorter one")]
    Long,
    /// Another character.
    #[error(
        "the name {name:?} has {character:?}; use letters (a to z), digits and dashes, as in my-strategy"
    )]
    Character {
        /// The name.
        name: String,
        /// The character.
        character: char,
    },
    /// It begins with a dash, as an option does.
    #[error("the name {0:?} begins with a dash; begin with a letter or a digit")]
    Dash(String),
    /// It is that of the plugin interface itself.
    #[error("the name {0:?} is taken by the plugin interface; choose another one")]
    Taken(String),
}

impl PluginName {
    /// Checks a name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(name: &str) -> Result<PluginName, NameError> {
        let refused = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-');
        match refused {
            _ if name.is_empty() => Err(NameError::Empty),
            _ if name.len() > MAX_LENGTH => Err(NameError::Long),
            Some(character) => Err(NameError::Character { name: name.to_owned(), character }),
            None if name.starts_with('-') => Err(NameError::Dash(name.to_owned())),
            // Its package would be `octet-plugin-api`.
            None if name.eq_ignore_ascii_case("plugin-api") => Err(NameError::Taken(name.to_owned())),
            None => Ok(PluginName(name.to_owned())),
        }
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package: `octet-` in front, so that it is neither a keyword nor a number and also found beside the program.
    pub(super) fn package(&self) -> String {
        format!("octet-{}", self.0.to_ascii_lowercase())
    }

    /// The id under `org.example`, which is nobody's.
    pub(super) fn id(&self) -> String {
        format!("org.example.{}", self.0.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_dashes_are_accepted() {
        for name in ["a", "my-strategy", "3bit", "Finer", "fn", "a--b-"] {
            assert_eq!(PluginName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn whatever_could_leave_a_folder_or_a_string_is_refused() {
        let refused = [
            "",
            "-",
            "--lang",
            ".",
            "..",
            "a/b",
            "../a",
            "a\\b",
            "a b",
            "a\"b",
            "a'b",
            "a\nb",
            "a\0b",
            "a_b",
            "$(a)",
            "ä",
            "*/",
            "plugin-api",
            "Plugin-API",
        ];
        for name in refused {
            assert!(PluginName::parse(name).is_err(), "{name:?}");
        }
        assert_eq!(PluginName::parse(&"a".repeat(65)), Err(NameError::Long));
    }
}
