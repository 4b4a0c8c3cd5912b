//! Changes of a chain of strategies.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::job::StrategyRequest;
use crate::report::{Remedy, Report};

pub(super) const INT8: &str = "dev.octet.int8";
pub(super) const EQUALIZATION: &str = "dev.octet.equalization";
pub(super) const MIXED_PRECISION: &str = "dev.octet.mixed-precision";

/// The chain of a run as it was asked for, to be changed.
#[derive(Debug, Clone)]
pub(super) struct Chain(Vec<StrategyRequest>);

impl Chain {
    /// The chain of a report.
    pub(super) fn of(report: &Report) -> Self {
        let asked = |s: &crate::report::StrategyFacts| StrategyRequest {
            id: s.id.clone(),
            settings: s.requested.clone(),
        };
        Chain(report.strategy.iter().map(asked).collect())
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|s| s.id == id)
    }

    /// With a setting of a strategy changed; nothing without that strategy.
    pub(super) fn set(mut self, id: &str, key: &str, value: impl Into<Value>) -> Option<Self> {
        let strategy = self.0.iter_mut().find(|s| s.id == id)?;
        strategy.settings.insert(key.to_owned(), value.into());
        Some(self)
    }

    /// With equalization in front of what chooses exponents.
    pub(super) fn with_equalization(mut self) -> Self {
        let place = self.0.iter().position(|s| s.id == INT8).unwrap_or(0);
        self.0.insert(place, StrategyRequest { id: EQUALIZATION.to_owned(), settings: BTreeMap::new() });
        self
    }

    /// Without a strategy.
    pub(super) fn without(mut self, id: &str) -> Self {
        self.0.retain(|s| s.id != id);
        self
    }

    /// With a search for what 16 bits help most.
    pub(super) fn with_search(mut self) -> Self {
        if !self.has(MIXED_PRECISION) {
            self.0.push(StrategyRequest { id: MIXED_PRECISION.to_owned(), settings: BTreeMap::new() });
        }
        self
    }

    /// With these operations in 16 bits, besides those that are already named or searched for.
    pub(super) fn with_int16(self, operations: &[&str]) -> Option<Self> {
        let mut chain = self.with_search();
        let strategy = chain.0.iter_mut().find(|s| s.id == MIXED_PRECISION)?;
        let named = strategy.settings.get("layers").and_then(Value::as_str).unwrap_or("").trim().to_owned();
        let before = (!named.is_empty()).then_some(named);
        let added = operations.iter().map(|name| as_entry(name));
        let layers: Vec<String> = before.into_iter().chain(added).collect();
        strategy.settings.insert("layers".to_owned(), layers.join(",").into());
        Some(chain)
    }

    /// With the search that ran going on in spite of named operations.
    pub(super) fn still_searching(self) -> Option<Self> {
        self.set(MIXED_PRECISION, "search", "on")
    }

    pub(super) fn remedy(self) -> Remedy {
        Remedy::Pipeline { strategies: self.0 }
    }
}

/// An operation's name as an entry of a list that commas divide: where the name has one, a pattern.
fn as_entry(name: &str) -> String {
    match name.contains([',', '\n']) || name.trim() != name {
        true => name.trim().chars().map(|c| if ",\n*?[]{}\\!".contains(c) { '?' } else { c }).collect(),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_list_would_divide_become_patterns() {
        assert_eq!(as_entry("/conv[0]/Conv"), "/conv[0]/Conv");
        assert_eq!(as_entry("a,b[0]"), "a?b?0?");
    }
}
