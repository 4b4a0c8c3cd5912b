//! Programs that settings of strategies name. A chain out of a file of somebody else may hold any command line, so that one
//! which nobody typed is shown before it runs.

use octet_engine::job::StrategyRequest;
use serde_json::Value;

use super::Strategies;
use crate::window::backend::SettingField;

/// A setting that starts a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// The strategy.
    pub id: String,
    /// The setting.
    pub key: String,
    /// The program, or a whole command line.
    pub command: String,
}

impl Program {
    /// The command with every character visible: what hides or turns text round is written as its code.
    pub fn shown(&self) -> String {
        let is_hidden = |c: char| {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        };
        let mut text = String::with_capacity(self.command.len());
        for c in self.command.chars() {
            if is_hidden(c) { text.extend(c.escape_unicode()) } else { text.push(c) }
        }
        text
    }
}

impl Strategies {
    /// Programs of a chain that nobody typed or allowed. Defaults are the plugin's own, and trusted as the plugin is.
    pub fn unknown_programs(&self, chain: &[StrategyRequest]) -> Vec<Program> {
        let mut found = Vec::new();
        for request in chain {
            let plugin = self.plugin(&request.id);
            for (key, value) in &request.settings {
                let field = plugin.and_then(|p| p.fields.iter().find(|f| f.key == *key));
                // Of a plugin that was not found yet nobody knows what its settings do.
                let is_harmless = field.map_or(!value.is_string(), |f| {
                    !f.runs_program || *value == f.default
                });
                let program = program(&request.id, key, field, value);
                if !is_harmless && !program.command.trim().is_empty() && !self.allowed.contains(&program) {
                    found.push(program);
                }
            }
        }
        found
    }

    /// True when a strategy of the chain starts programs, which may do anything and take long.
    pub fn runs_programs(&self) -> bool {
        let chosen = self.chain.iter().filter_map(|c| self.plugin(&c.id));
        chosen.flat_map(|p| &p.fields).any(|f| f.runs_program)
    }

    /// These programs may run from now on.
    pub fn allow(&mut self, programs: impl IntoIterator<Item = Program>) {
        self.allowed.extend(programs);
    }

    /// The user typed this value.
    pub fn typed(&mut self, id: &str, key: &str, value: &Value) {
        let field = self.plugin(id).and_then(|p| p.fields.iter().find(|f| f.key == key));
        if field.is_some_and(|f| f.runs_program) {
            let program = program(id, key, field, value);
            self.allow([program]);
        }
    }
}

fn program(id: &str, key: &str, field: Option<&SettingField>, value: &Value) -> Program {
    let accepted = field.and_then(|f| f.accept(value).ok());
    let value = accepted.as_ref().unwrap_or(value);
    let command = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Program { id: id.to_owned(), key: key.to_owned(), command }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::backend::{PluginDescription, SettingKind};

    fn strategies() -> Strategies {
        let field = |key: &str, runs_program, default: &str| SettingField {
            key: key.to_owned(),
            title: key.to_owned(),
            description: String::new(),
            kind: SettingKind::Text,
            default: default.into(),
            runs_program,
        };
        let plugin = PluginDescription {
            id: "x.train".to_owned(),
            name: "Train".to_owned(),
            version: String::new(),
            vendor: String::new(),
            description: String::new(),
            targets: Vec::new(),
            fields: vec![
                field("command", true, ""),
                field("python", true, "python3"),
                field("labels", false, ""),
            ],
        };
        Strategies { found: Some(vec![plugin]), ..Strategies::default() }
    }

    fn chain(id: &str, settings: &[(&str, &str)]) -> Vec<StrategyRequest> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        vec![StrategyRequest { id: id.to_owned(), settings }]
    }

    #[test]
    fn a_command_out_of_a_file_is_unknown_until_it_is_typed_or_allowed() {
        let mut s = strategies();
        let strange = chain("x.train", &[("command", "rm -r ~"), ("python", "./python"), ("labels", "a.csv")]);
        let found = s.unknown_programs(&strange);
        assert_eq!(found.iter().map(|p| p.command.as_str()).collect::<Vec<_>>(), ["rm -r ~", "./python"]);
        s.typed("x.train", "command", &"rm -r ~".into());
        assert_eq!(s.unknown_programs(&strange).len(), 1);
        s.allow(found);
        assert!(s.unknown_programs(&strange).is_empty());
        assert_eq!(s.unknown_programs(&chain("x.train", &[("command", "rm -r /")])).len(), 1, "another one");
    }

    #[test]
    fn defaults_and_empty_commands_are_not_asked_for() {
        let s = strategies();
        assert!(s.unknown_programs(&chain("x.train", &[("command", " "), ("python", "python3")])).is_empty());
    }

    #[test]
    fn texts_of_a_plugin_that_is_not_known_yet_may_be_programs() {
        let s = Strategies::default();
        assert_eq!(s.unknown_programs(&chain("x.train", &[("command", "evil")])).len(), 1);
    }

    #[test]
    fn characters_that_hide_a_command_are_shown() {
        let hidden = "ls \u{202e}x\u{200b}\n\u{e0041}é";
        let program = Program { id: String::new(), key: String::new(), command: hidden.to_owned() };
        assert_eq!(program.shown(), "ls \\u{202e}x\\u{200b}\\u{a}\\u{e0041}é");
    }
}
