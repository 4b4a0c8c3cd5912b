//! Changes by hand to what strategies decide: widths, exponents, calibration methods, layers left alone.

use std::collections::{BTreeMap, BTreeSet};

use octet_engine::job::{HandEdits, StrategyRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Strategies;
use crate::tr;

/// The setting by which a strategy is told operations to leave alone.
const EXCEPT: &str = "except";
/// The setting by which a strategy is told operations in 16 bits.
const LAYERS: &str = "layers";
/// The setting by which a strategy is told how to calibrate some operations.
const OBSERVER_OF: &str = "observer_of";

/// All changes by hand. Names are those of operations in the model file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Edits {
    /// Width in bits, 8 or 16.
    pub widths: BTreeMap<String, u32>,
    /// How activations are calibrated.
    pub observers: BTreeMap<String, String>,
    /// Operations that strategies leave alone.
    pub excluded: BTreeSet<String>,
    /// Exponents.
    pub exponents: HandEdits,
}

impl Edits {
    /// True when nothing was changed by hand.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Operations that were changed, each once.
    pub fn operations(&self) -> BTreeSet<&str> {
        let exponents = self.exponents.output_exponents.keys().chain(self.exponents.weight_shifts.keys());
        let names = self.widths.keys().chain(self.observers.keys()).chain(&self.excluded).chain(exponents);
        names.map(String::as_str).collect()
    }

    /// True when something about this operation was changed.
    pub fn touches(&self, operation: &str) -> bool {
        self.operations().contains(operation)
    }
}

/// A change by hand that no chosen strategy can carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Widths need a strategy that is not there.
    #[error("{}", tr!(
        "no strategy with the setting `%{setting}` was found, which int16 operations need: install mixed-precision",
        setting = LAYERS
    ))]
    NoWidths,
    /// Calibration methods need a strategy with that setting.
    #[error("{}", tr!(
        "none of the chosen strategies has the setting `%{setting}`: add int8 to them, or reset the calibration methods",
        setting = OBSERVER_OF
    ))]
    NoObservers,
    /// Leaving operations alone needs a strategy with that setting.
    #[error("{}", tr!(
        "none of the chosen strategies has the setting `%{setting}`, so none can leave operations alone: add equalization or mixed-precision to them, or take that change back",
        setting = EXCEPT
    ))]
    NoExcept,
}

/// The chain as the engine takes it, with the changes by hand in the settings of the strategies that carry them out.
pub fn requests(strategies: &Strategies, edits: &Edits) -> Result<Vec<StrategyRequest>, EditError> {
    let mut chain = strategies.requests();
    let with = |width: u32| edits.widths.iter().filter(move |(_, w)| **w == width).map(|(name, _)| name);
    let (wide, narrow): (Vec<&String>, Vec<&String>) = (with(16).collect(), with(8).collect());
    if !wide.is_empty() {
        let at = match position(strategies, &chain, LAYERS) {
            Some(at) => at,
            None => {
                let by_hand = strategies.found.iter().flatten().find(|p| has_field(&p.fields, LAYERS));
                let id = by_hand.ok_or(EditError::NoWidths)?.id.clone();
                chain.push(StrategyRequest { id, settings: BTreeMap::new() });
                chain.len() - 1
            }
        };
        // A search that was to run goes on, on top of the operations named by hand.
        let searched = at < strategies.chain.len() && text(&chain[at], LAYERS).is_empty();
        let searches =
            matches!(chain[at].settings.get("search").and_then(Value::as_str), None | Some("auto"));
        if searched && searches {
            chain[at].settings.insert("search".to_owned(), "on".into());
        }
        append(&mut chain[at], LAYERS, wide.into_iter().map(|name| pattern(name)));
    }
    if !edits.excluded.is_empty() && position(strategies, &chain, EXCEPT).is_none() {
        return Err(EditError::NoExcept);
    }
    for request in &mut chain {
        let fields = strategies.plugin(&request.id).map(|p| p.fields.as_slice()).unwrap_or_default();
        if !has_field(fields, EXCEPT) {
            continue;
        }
        let kept_narrow = narrow.iter().filter(|_| has_field(fields, LAYERS)).copied();
        let names: BTreeSet<&String> = edits.excluded.iter().chain(kept_narrow).collect();
        append(request, EXCEPT, names.into_iter().map(|name| pattern(name)));
    }
    if !edits.observers.is_empty() {
        let at = position(strategies, &chain, OBSERVER_OF).ok_or(EditError::NoObservers)?;
        let entries = edits.observers.iter().map(|(name, observer)| format!("{}={observer}", pattern(name)));
        append(&mut chain[at], OBSERVER_OF, entries);
    }
    Ok(chain)
}

/// True when a strategy of the chain can leave operations alone.
pub fn can_leave_alone(strategies: &Strategies) -> bool {
    position(strategies, &strategies.requests(), EXCEPT).is_some()
}

fn has_field(fields: &[crate::window::backend::SettingField], key: &str) -> bool {
    fields.iter().any(|f| f.key == key)
}

/// The first strategy of the chain with a setting.
fn position(strategies: &Strategies, chain: &[StrategyRequest], key: &str) -> Option<usize> {
    chain.iter().position(|c| strategies.plugin(&c.id).is_some_and(|p| has_field(&p.fields, key)))
}

fn text<'a>(request: &'a StrategyRequest, key: &str) -> &'a str {
    request.settings.get(key).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Adds entries to a setting that is a list separated by commas.
fn append(request: &mut StrategyRequest, key: &str, entries: impl Iterator<Item = String>) {
    let before = Some(text(request, key).to_owned()).filter(|t| !t.is_empty());
    let all: Vec<String> = before.into_iter().chain(entries).collect();
    if !all.is_empty() {
        request.settings.insert(key.to_owned(), all.join(",").into());
    }
}

/// A name as an entry of a list: a comma would end it, so that it becomes a pattern there.
fn pattern(name: &str) -> String {
    name.replace(',', "?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::backend::{Exponents, PluginDescription, SettingField, SettingKind};

    fn plugin(id: &str, keys: &[&str]) -> PluginDescription {
        let field = |key: &&str| SettingField {
            key: (*key).to_owned(),
            title: String::new(),
            description: String::new(),
            kind: SettingKind::Text,
            default: "".into(),
            runs_program: false,
        };
        PluginDescription {
            id: id.to_owned(),
            name: id.to_owned(),
            version: String::new(),
            vendor: String::new(),
            description: String::new(),
            targets: Vec::new(),
            exponents: Exponents::Chooses,
            fields: keys.iter().map(field).collect(),
        }
    }

    fn strategies(chain: &[&str]) -> Strategies {
        let found = vec![
            plugin("x.int8", &["observer_of"]),
            plugin("x.mixed", &["layers", "except", "search"]),
            plugin("x.equal", &["except"]),
        ];
        let mut s = Strategies { found: Some(found), ..Strategies::default() };
        chain.iter().for_each(|id| s.toggle(id));
        s
    }

    fn wide(names: &[&str]) -> Edits {
        Edits { widths: names.iter().map(|n| ((*n).to_owned(), 16)).collect(), ..Edits::default() }
    }

    #[test]
    fn int16_by_hand_brings_the_strategy_that_does_it() {
        let chain = requests(&strategies(&["x.int8"]), &wide(&["a,b", "c"])).unwrap();
        assert_eq!(chain.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["x.int8", "x.mixed"]);
        assert_eq!(chain[1].settings["layers"], "a?b,c");
        assert!(!chain[1].settings.contains_key("search"));
    }

    #[test]
    fn a_search_in_the_chain_goes_on_beside_what_is_set_by_hand() {
        let mut s = strategies(&["x.int8", "x.mixed"]);
        let chain = requests(&s, &wide(&["a"])).unwrap();
        assert_eq!(
            (chain[1].settings["layers"].as_str(), chain[1].settings["search"].as_str()),
            (Some("a"), Some("on"))
        );
        s.set("x.mixed", "layers", "z".into());
        let chain = requests(&s, &wide(&["a"])).unwrap();
        assert_eq!(chain[1].settings["layers"], "z,a");
        assert!(!chain[1].settings.contains_key("search"), "names alone, as before");
    }

    #[test]
    fn excluded_layers_reach_every_strategy_that_can_leave_some_alone() {
        let mut edits = Edits { excluded: ["a".to_owned()].into(), ..Edits::default() };
        edits.widths.insert("b".to_owned(), 8);
        let chain = requests(&strategies(&["x.equal", "x.int8", "x.mixed"]), &edits).unwrap();
        assert_eq!(chain[0].settings["except"], "a");
        assert!(chain[1].settings.is_empty());
        assert_eq!(chain[2].settings["except"], "a,b");
    }

    #[test]
    fn operations_that_nobody_can_leave_alone_are_told() {
        let edits = Edits { excluded: ["a".to_owned()].into(), ..Edits::default() };
        assert_eq!(requests(&strategies(&["x.int8"]), &edits), Err(EditError::NoExcept));
        assert!(!can_leave_alone(&strategies(&["x.int8"])) && can_leave_alone(&strategies(&["x.equal"])));
        let mut wide_too = edits.clone();
        wide_too.widths.insert("b".to_owned(), 16);
        let chain = requests(&strategies(&["x.int8"]), &wide_too).unwrap();
        assert_eq!(chain[1].settings["except"], "a", "the strategy of the widths can");
    }

    #[test]
    fn a_change_that_nobody_can_carry_out_is_told() {
        let mut edits = Edits::default();
        edits.observers.insert("a".to_owned(), "minmax".to_owned());
        assert_eq!(requests(&strategies(&["x.equal"]), &edits), Err(EditError::NoObservers));
        assert_eq!(
            requests(&strategies(&["x.int8"]), &edits).unwrap()[0].settings["observer_of"],
            "a=minmax"
        );
        assert_eq!(requests(&Strategies::default(), &wide(&["a"])), Err(EditError::NoWidths));
    }
}
