//! The strategies: which there are, which are chosen, and how they are set.

use std::collections::BTreeMap;

use octet_engine::job::StrategyRequest;
use serde_json::Value;

use crate::window::backend::{PluginDescription, RefusedPlugin};

/// A strategy of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its id.
    pub id: String,
    /// The settings that differ from the defaults.
    pub settings: BTreeMap<String, Value>,
}

/// Plugins and the chain made of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strategies {
    /// All that were found; `None` until they were looked for.
    pub found: Option<Vec<PluginDescription>>,
    /// Files that look like plugins and are not used.
    pub refused: Vec<RefusedPlugin>,
    /// Run one after the other.
    pub chain: Vec<Chosen>,
}

impl Strategies {
    /// The plugin behind an id.
    pub fn plugin(&self, id: &str) -> Option<&PluginDescription> {
        self.found.as_ref()?.iter().find(|p| p.id == id)
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

    /// The value of a setting: set, or the default.
    pub fn value(&self, id: &str, key: &str) -> Option<&Value> {
        let set = self.position(id).and_then(|i| self.chain[i].settings.get(key));
        set.or_else(|| self.plugin(id)?.fields.iter().find(|f| f.key == key).map(|f| &f.default))
    }

    /// Sets a value; the default is not kept.
    pub fn set(&mut self, id: &str, key: &str, value: Value) {
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
    use crate::window::backend::{SettingField, SettingKind};

    fn strategies() -> Strategies {
        let field = SettingField {
            key: "observer".to_owned(),
            title: "Observer".to_owned(),
            description: String::new(),
            kind: SettingKind::Text,
            default: Value::from("kl"),
        };
        let plugin = PluginDescription {
            id: "dev.octet.int8".to_owned(),
            name: "Int8".to_owned(),
            version: "1".to_owned(),
            vendor: String::new(),
            description: String::new(),
            targets: Vec::new(),
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
}
