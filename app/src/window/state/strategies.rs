//! The strategies: which there are, which are chosen, and how they are set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use octet_engine::host::{PluginFile, check_order};
use octet_engine::job::StrategyRequest;
use serde_json::Value;

use crate::tr;
use crate::window::backend::{OrderError, PluginDescription, RefusedPlugin};

/// A strategy of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its id.
    pub id: String,
    /// The settings that differ from the defaults.
    pub settings: BTreeMap<String, Value>,
}

/// A setting that runs a program, with a value that nobody has allowed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The strategy.
    pub id: String,
    /// The setting.
    pub key: String,
    /// Its value, e.g. a command line.
    pub value: Value,
}

/// May a chain that came with a file run its programs?
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramQuestion {
    /// What would run.
    pub programs: Vec<Program>,
    /// A score waits for the answer, not a run.
    pub is_score: bool,
}

/// A plugin file that somebody wants to install, step by step.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// A thread looks at the file, without loading it.
    Looking(PathBuf),
    /// May it be trusted?
    Ask {
        /// What can be told without loading it.
        file: PluginFile,
        /// It stays where it is, instead of being copied into the user's folder.
        in_place: bool,
    },
    /// Yes; a thread installs it.
    Installing(PluginFile),
    /// It is there, and says this of itself.
    Installed(Box<PluginDescription>),
}

/// Chains that are offered ready-made, by the last part of the ids.
const PRESETS: [&[&str]; 5] = [
    &["int8"],
    &["equalization", "int8"],
    &["equalization", "finetune"],
    &["int8", "mixed-precision"],
    &["equalization", "int8", "mixed-precision"],
];

/// Plugins and the chain made of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strategies {
    /// All that were found; `None` until they were looked for.
    pub found: Option<Vec<PluginDescription>>,
    /// Files that look like plugins and are not used.
    pub refused: Vec<RefusedPlugin>,
    /// Run one after the other.
    pub chain: Vec<Chosen>,
    /// A plugin file on its way in.
    pub offer: Option<Offer>,
    /// Values of settings that run programs which the user typed or allowed, by strategy and setting.
    pub allowed: BTreeMap<(String, String), Value>,
    /// Asked before a job runs other ones.
    pub asks: Option<ProgramQuestion>,
}

impl Strategies {
    /// The plugin behind an id.
    pub fn plugin(&self, id: &str) -> Option<&PluginDescription> {
        self.found.as_ref()?.iter().find(|p| p.id == id)
    }

    /// True when a strategy of the chain is known not to be there.
    pub fn lacks_plugin(&self) -> bool {
        self.found.is_some() && self.chain.iter().any(|c| self.plugin(&c.id).is_none())
    }

    /// Why the chain cannot run in this order; unknown plugins pass.
    pub fn order(&self) -> Result<(), OrderError> {
        let exponents = |c: &Chosen| self.plugin(&c.id).map(|p| p.exponents).unwrap_or_default();
        check_order(self.chain.iter().map(|c| (c.id.as_str(), exponents(c))))
    }

    /// The same for people, by the names of the plugins.
    pub fn order_in_words(&self) -> Option<String> {
        let name = |id: &str| self.plugin(id).map_or_else(|| id.to_owned(), |p| p.name.clone());
        Some(
            match self.order().err()? {
                OrderError::NoneBefore { id } => tr!(
                    "%{name} works on exponents that a strategy before it has chosen: put one that chooses them, such as \
                     int8, before it.",
                    name = name(&id)
                ),
                OrderError::ChosenBefore { id, before } => tr!(
                    "%{name} changes what %{before} has chosen exponents for: move it before that.",
                    name = name(&id),
                    before = name(&before)
                ),
                OrderError::NoneAfter { id, .. } => tr!(
                    "%{name} leaves the exponents to a strategy after it: put one that chooses them, such as int8, after it.",
                    name = name(&id)
                ),
            }
            .into_owned(),
        )
    }

    /// True when a strategy of the chain runs programs, whichever.
    pub fn runs_programs(&self) -> bool {
        let plugins = self.chain.iter().filter_map(|c| self.plugin(&c.id));
        plugins.flat_map(|p| &p.fields).any(|f| f.runs_program)
    }

    /// What the chain would run and the user has neither typed nor allowed. A plugin's own defaults are trusted with it.
    pub fn unknown_programs(&self) -> Vec<Program> {
        let mut programs = Vec::new();
        for chosen in &self.chain {
            let plugin = self.plugin(&chosen.id);
            for (key, value) in &chosen.settings {
                let field = plugin.and_then(|p| p.fields.iter().find(|f| f.key == *key));
                // Of a plugin that was not found yet nobody knows what its settings do.
                let is_harmless =
                    field.map_or(!value.is_string(), |f| !f.runs_program || *value == f.default);
                let place = (chosen.id.clone(), key.clone());
                if !is_harmless && self.allowed.get(&place) != Some(value) {
                    programs.push(Program { id: place.0, key: place.1, value: value.clone() });
                }
            }
        }
        programs
    }

    /// Place of a strategy in the chain.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.chain.iter().position(|c| c.id == id)
    }

    /// Adds a strategy at the end of the chain, or takes it out.
    pub fn toggle(&mut self, id: &str) {
        match self.position(id) {
            Some(index) => {
                self.chain.remove(index);
            }
            None => self.chain.push(Chosen { id: id.to_owned(), settings: BTreeMap::new() }),
        }
    }

    /// Makes one strategy the whole chain; its settings stay.
    pub fn only(&mut self, id: &str) {
        let kept = self.position(id).map(|i| self.chain.swap_remove(i));
        self.chain = vec![kept.unwrap_or_else(|| Chosen { id: id.to_owned(), settings: BTreeMap::new() })];
    }

    /// Moves a strategy of the chain to another place, counted without it.
    pub fn relocate(&mut self, from: usize, to: usize) {
        if from < self.chain.len() {
            let moved = self.chain.remove(from);
            self.chain.insert(to.min(self.chain.len()), moved);
        }
    }

    /// Makes these strategies the chain; settings of those that were in it stay.
    pub fn replace(&mut self, ids: &[String]) {
        let known = |id: &String| self.chain.iter().find(|c| c.id == *id).cloned();
        let new = |id: &String| Chosen { id: id.clone(), settings: BTreeMap::new() };
        self.chain = ids.iter().map(|id| known(id).unwrap_or_else(|| new(id))).collect();
    }

    /// Takes all settings of a strategy back to the defaults.
    pub fn reset(&mut self, id: &str) {
        if let Some(index) = self.position(id) {
            self.chain[index].settings.clear();
        }
    }

    /// The ready-made chains whose plugins are all there.
    pub fn presets(&self) -> Vec<Vec<&PluginDescription>> {
        let found = self.found.as_deref().unwrap_or_default();
        let plugin = |last: &&str| found.iter().find(|p| p.id.rsplit('.').next() == Some(*last));
        PRESETS.iter().filter_map(|preset| preset.iter().map(plugin).collect()).collect()
    }

    /// A chain as somebody wrote it, with full ids and checked settings; those that are the defaults are left out.
    ///
    /// # Errors
    /// Names the strategy that is not there, the setting that it has not, or the value that is impossible.
    pub fn resolve(&self, requests: &[StrategyRequest]) -> Result<Vec<Chosen>, String> {
        let found = self.found.as_deref().unwrap_or_default();
        let mut chain: Vec<Chosen> = Vec::new();
        for request in requests {
            let suffix = format!(".{}", request.id);
            let exact = found.iter().find(|p| p.id == request.id);
            let mut ending = found.iter().filter(|p| p.id.ends_with(&suffix));
            let plugin = match (exact, ending.next(), ending.next()) {
                (Some(plugin), _, _) | (None, Some(plugin), None) => plugin,
                (None, Some(_), Some(_)) => {
                    return Err(tr!("`%{id}` means several strategies", id = request.id).into_owned());
                }
                (None, None, _) => {
                    return Err(tr!("there is no strategy `%{id}`", id = request.id).into_owned());
                }
            };
            if chain.iter().any(|c| c.id == plugin.id) {
                return Err(tr!("`%{id}` is in it twice", id = plugin.id).into_owned());
            }
            let mut settings = BTreeMap::new();
            for (key, value) in &request.settings {
                let field = plugin.fields.iter().find(|f| f.key == *key);
                let field = field.ok_or_else(|| {
                    tr!("`%{id}` has no setting `%{key}`", id = plugin.id, key = key).into_owned()
                })?;
                let value = field.accept(value).map_err(|e| {
                    tr!("setting `%{key}` of `%{id}`: %{reason}", key = key, id = plugin.id, reason = e)
                        .into_owned()
                })?;
                if value != field.default {
                    settings.insert(key.clone(), value);
                }
            }
            chain.push(Chosen { id: plugin.id.clone(), settings });
        }
        Ok(chain)
    }

    /// The value of a setting: set, or the default.
    pub fn value(&self, id: &str, key: &str) -> Option<&Value> {
        let set = self.position(id).and_then(|i| self.chain[i].settings.get(key));
        set.or_else(|| self.plugin(id)?.fields.iter().find(|f| f.key == key).map(|f| &f.default))
    }

    /// Sets a value that the user typed; the default is not kept.
    pub fn set(&mut self, id: &str, key: &str, value: Value) {
        self.allowed.insert((id.to_owned(), key.to_owned()), value.clone());
        let field = self.plugin(id).and_then(|p| p.fields.iter().find(|f| f.key == key));
        let is_default = field.is_some_and(|f| f.default == value);
        if let Some(index) = self.position(id) {
            let settings = &mut self.chain[index].settings;
            if is_default {
                settings.remove(key);
            } else {
                settings.insert(key.to_owned(), value);
            }
        }
    }

    /// The chain as the engine takes it.
    pub fn requests(&self) -> Vec<StrategyRequest> {
        let request = |c: &Chosen| StrategyRequest { id: c.id.clone(), settings: c.settings.clone() };
        self.chain.iter().map(request).collect()
    }

    /// The chain in words, e.g. `Equalization → Int8`.
    pub fn words(&self) -> String {
        let name = |c: &Chosen| self.plugin(&c.id).map_or_else(|| c.id.clone(), |p| p.name.clone());
        self.chain.iter().map(name).collect::<Vec<_>>().join(" → ")
    }

    /// The chain for a file name, e.g. `equalization-int8`.
    pub fn slug(&self) -> String {
        let last = |c: &Chosen| c.id.rsplit('.').next().unwrap_or(&c.id).to_owned();
        self.chain.iter().map(last).collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::backend::{Exponents, SettingField, SettingKind};

    fn strategies() -> Strategies {
        let field = SettingField {
            key: "observer".to_owned(),
            title: "Observer".to_owned(),
            description: String::new(),
            kind: SettingKind::Text,
            default: Value::from("kl"),
            runs_program: false,
        };
        let plugin = PluginDescription {
            id: "dev.octet.int8".to_owned(),
            name: "Int8".to_owned(),
            version: "1".to_owned(),
            vendor: String::new(),
            description: String::new(),
            targets: Vec::new(),
            exponents: Exponents::Chooses,
            fields: vec![field],
        };
        Strategies { found: Some(vec![plugin]), ..Strategies::default() }
    }

    #[test]
    fn only_what_differs_from_the_default_is_sent() {
        let mut s = strategies();
        s.toggle("dev.octet.int8");
        assert_eq!(s.value("dev.octet.int8", "observer"), Some(&Value::from("kl")));
        s.set("dev.octet.int8", "observer", Value::from("minmax"));
        assert_eq!(s.requests()[0].settings["observer"], "minmax");
        s.set("dev.octet.int8", "observer", Value::from("kl"));
        assert!(s.requests()[0].settings.is_empty());
        assert_eq!(s.slug(), "int8");
    }

    fn request(id: &str, key: &str, value: Value) -> StrategyRequest {
        StrategyRequest { id: id.to_owned(), settings: [(key.to_owned(), value)].into() }
    }

    #[test]
    fn a_written_chain_is_checked_against_the_plugins() {
        let s = strategies();
        let chain = s.resolve(&[request("int8", "observer", Value::from("minmax"))]).unwrap();
        assert_eq!((chain[0].id.as_str(), chain[0].settings.len()), ("dev.octet.int8", 1));
        let chain = s.resolve(&[request("dev.octet.int8", "observer", Value::from("kl"))]).unwrap();
        assert!(chain[0].settings.is_empty(), "a default");
        for (id, key, value, words) in [
            ("none", "observer", Value::from("kl"), "no strategy `none`"),
            ("int8", "depth", Value::from(1), "no setting `depth`"),
            ("int8", "observer", Value::Null, "no text"),
        ] {
            let error = s.resolve(&[request(id, key, value)]).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_program_that_came_with_a_file_is_unknown_until_it_is_typed_or_allowed() {
        let mut s = strategies();
        s.found.as_mut().unwrap()[0].fields[0].runs_program = true;
        s.chain = s.resolve(&[request("int8", "observer", Value::from("rm -r ~"))]).unwrap();
        assert_eq!(s.unknown_programs()[0].value, "rm -r ~");
        s.set("dev.octet.int8", "observer", Value::from("train"));
        assert!(s.unknown_programs().is_empty(), "the user typed it");
        s.chain[0].settings.insert("observer".to_owned(), Value::from("other"));
        assert_eq!(s.unknown_programs().len(), 1);
        s.chain[0].settings.clear();
        assert!(s.unknown_programs().is_empty() && s.runs_programs(), "the plugin's own default");
        s.chain[0].settings.insert("command".to_owned(), Value::from("evil"));
        s.found = None;
        assert_eq!(s.unknown_programs().len(), 1, "of a plugin that is not known yet");
    }

    #[test]
    fn strategies_move_within_the_chain() {
        let mut s = strategies();
        let ids = ["a", "b", "c"].map(str::to_owned);
        s.replace(&ids);
        let order = |s: &Strategies| s.chain.iter().map(|c| c.id.clone()).collect::<String>();
        s.relocate(0, 2);
        assert_eq!(order(&s), "bca");
        s.relocate(2, 0);
        assert_eq!(order(&s), "abc");
        s.relocate(1, 9);
        assert_eq!(order(&s), "acb");
        s.relocate(9, 0);
        assert_eq!(order(&s), "acb");
        assert_eq!(s.presets().len(), 1, "only those whose plugins are there");
    }
}
