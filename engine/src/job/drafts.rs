//! What strategies decided, kept between jobs: a change behind them is scored without running them again.

use super::{Library, StrategyRequest};
use crate::draft::Draft;
use crate::report::StrategyFacts;

/// The draft after each strategy of the last chain.
#[derive(Default)]
pub(super) struct Drafts(Vec<Kept>);

/// What a strategy left.
struct Kept {
    key: String,
    draft: Draft,
    facts: StrategyFacts,
}

/// What the draft after each strategy of a chain depends on. `inputs` stands for model, pictures and chip.
pub(super) fn keys(inputs: &str, strategies: &[StrategyRequest], libraries: &[Library]) -> Vec<String> {
    let mut key = inputs.to_owned();
    let chain = strategies.iter().zip(libraries);
    chain
        .map(|(strategy, library)| {
            key += &format!("\n{} {} {:?}", library.sha256, strategy.id, strategy.settings);
            key.clone()
        })
        .collect()
}

impl Drafts {
    /// The draft after the longest beginning of a chain that is known, with what its strategies told.
    pub(super) fn known(&self, keys: &[String]) -> Option<(Draft, Vec<StrategyFacts>)> {
        let count = self.0.iter().zip(keys).take_while(|(kept, key)| kept.key == **key).count();
        let known = self.0.get(..count).unwrap_or_default();
        let facts = known.iter().map(|kept| kept.facts.clone()).collect();
        known.last().map(|last| (last.draft.clone(), facts))
    }

    /// Keeps what the strategy at `place` of the chain left; what came behind it is of another chain.
    pub(super) fn keep(&mut self, place: usize, key: &str, draft: &Draft, facts: &StrategyFacts) {
        self.0.truncate(place);
        if self.0.len() == place {
            self.0.push(Kept { key: key.to_owned(), draft: draft.clone(), facts: facts.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Bits;
    use crate::network::NodeId;

    fn chain(settings: &[i32]) -> Vec<String> {
        let request = |value: &i32| StrategyRequest {
            id: "s".to_owned(),
            settings: [("x".to_owned(), (*value).into())].into(),
        };
        let strategies: Vec<StrategyRequest> = settings.iter().map(request).collect();
        let library = Library { path: "s.so".into(), sha256: "abc".to_owned() };
        keys("model", &strategies, &vec![library; settings.len()])
    }

    fn facts(id: &str) -> StrategyFacts {
        StrategyFacts {
            id: id.to_owned(),
            version: String::new(),
            sha256: String::new(),
            settings: serde_json::Value::Null,
            requested: Default::default(),
            secs: 0.0,
            curves: Vec::new(),
        }
    }

    fn keep(drafts: &mut Drafts, settings: &[i32]) {
        for (place, key) in chain(settings).iter().enumerate() {
            let mut draft = Draft::default();
            draft.bits.insert(NodeId(place), Bits::Int16);
            drafts.keep(place, key, &draft, &facts(&place.to_string()));
        }
    }

    #[test]
    fn the_longest_beginning_that_is_the_same_is_known() {
        let mut drafts = Drafts::default();
        assert!(drafts.known(&chain(&[1, 2])).is_none());
        keep(&mut drafts, &[1, 2, 3]);
        let count = |drafts: &Drafts, settings: &[i32]| {
            drafts.known(&chain(settings)).map(|(draft, facts)| (draft.bits.len(), facts.len()))
        };
        assert_eq!(count(&drafts, &[1, 2, 9]), Some((1, 2)));
        assert_eq!(count(&drafts, &[1, 2, 3, 4]), Some((1, 3)));
        assert_eq!(count(&drafts, &[9, 2, 3]), None);
        assert!(drafts.known(&chain(&[1, 2])).unwrap().0.bits.contains_key(&NodeId(1)), "the last one's");
        keep(&mut drafts, &[1, 5]);
        assert_eq!(count(&drafts, &[1, 2, 3]), Some((1, 1)), "what came behind is of another chain");
    }

    #[test]
    fn another_library_or_model_is_another_chain() {
        let strategy = StrategyRequest { id: "s".to_owned(), settings: Default::default() };
        let library = |sha256: &str| Library { path: "s.so".into(), sha256: sha256.to_owned() };
        let key =
            |inputs: &str, sha256: &str| keys(inputs, std::slice::from_ref(&strategy), &[library(sha256)]);
        assert_ne!(key("a", "1"), key("a", "2"));
        assert_ne!(key("a", "1"), key("b", "1"));
    }
}
