//! Which strategies can stand in which order, as far as their schemas say what they do to exponents.

use serde_json::Value;

use super::description::PluginDescription;

/// What a strategy does to the exponents of a draft: `exponents` at the top of its settings schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exponents {
    /// Its schema does not say, or it is not there: nothing is refused for what nobody knows.
    #[default]
    Unknown,
    /// Chooses them, whatever was before.
    Chooses,
    /// Works on those that a strategy before it has chosen.
    Needs,
    /// Changes what they are chosen for, so that a strategy after it must choose them.
    Leaves,
}

impl Exponents {
    /// Reads the word of a schema.
    ///
    /// # Errors
    /// It is none of the known ones.
    pub(super) fn of_schema(schema: &Value) -> Result<Self, String> {
        let Some(word) = schema.get("exponents") else { return Ok(Self::Unknown) };
        match word.as_str() {
            Some("chooses") => Ok(Self::Chooses),
            Some("needs") => Ok(Self::Needs),
            Some("leaves") => Ok(Self::Leaves),
            _ => Err(format!(
                "its schema's `exponents` is {word}, and may be \"chooses\", \"needs\" or \"leaves\""
            )),
        }
    }
}

/// Why a chain of strategies cannot end in a complete plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A strategy needs exponents that none before it chooses.
    #[error(
        "`{id}` works on exponents that a strategy before it has chosen, and none has: put int8 (or another that chooses \
         them) before it, e.g. --strategy int8,{short}", short = last(.id)
    )]
    NoneBefore {
        /// The strategy.
        id: String,
    },
    /// A strategy changes what exponents were chosen for already.
    #[error(
        "`{id}` changes what `{before}` has chosen exponents for: put it before that, e.g. --strategy {short},{first}",
        short = last(.id), first = last(.before)
    )]
    ChosenBefore {
        /// The strategy.
        id: String,
        /// The first that chose.
        before: String,
    },
    /// A strategy leaves exponents open, and none after it chooses them.
    #[error(
        "`{id}` leaves the exponents to a strategy after it, and there is none: put int8 (or another that chooses them) \
         after it, e.g. --strategy {short},{after}", short = last(.id), after = .foreign.as_deref().map_or("int8", last)
    )]
    NoneAfter {
        /// The strategy.
        id: String,
        /// One that stands before it and does not say what it does: it may be meant to choose them.
        foreign: Option<String>,
    },
}

fn last(id: &str) -> &str {
    id.rsplit('.').next().unwrap_or(id)
}

/// Checks an order of strategies, given by their ids and what they do to exponents. An empty one passes.
///
/// # Errors
/// Names the first strategy that stands in the wrong place.
pub fn check_order<'a>(chain: impl IntoIterator<Item = (&'a str, Exponents)>) -> Result<(), OrderError> {
    // The first that surely chose; whether exponents may be there; who left them open since.
    let (mut chosen_by, mut may_be_chosen, mut left_by, mut foreign) = (None, false, None, None);
    for (id, exponents) in chain {
        match exponents {
            Exponents::Chooses => {
                chosen_by.get_or_insert(id);
                (may_be_chosen, left_by) = (true, None);
            }
            Exponents::Unknown => (may_be_chosen, left_by, foreign) = (true, None, Some(id)),
            Exponents::Needs if may_be_chosen => {}
            Exponents::Needs => return Err(OrderError::NoneBefore { id: id.to_owned() }),
            Exponents::Leaves => {
                if let Some(before) = chosen_by {
                    return Err(OrderError::ChosenBefore { id: id.to_owned(), before: before.to_owned() });
                }
                (may_be_chosen, left_by) = (false, Some(id));
            }
        }
    }
    match left_by {
        Some(id) => Err(OrderError::NoneAfter { id: id.to_owned(), foreign: foreign.map(str::to_owned) }),
        None => Ok(()),
    }
}

impl PluginDescription {
    /// What it does to exponents; the schema was checked when it was read.
    pub fn exponents(&self) -> Exponents {
        Exponents::of_schema(&self.schema).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INT8: (&str, Exponents) = ("dev.octet.int8", Exponents::Chooses);
    const EQUALIZATION: (&str, Exponents) = ("dev.octet.equalization", Exponents::Leaves);
    const MIXED: (&str, Exponents) = ("dev.octet.mixed-precision", Exponents::Needs);

    const FINETUNE: (&str, Exponents) = ("dev.octet.finetune", Exponents::Chooses);
    const FOREIGN: (&str, Exponents) = ("org.example.foreign", Exponents::Unknown);

    #[test]
    fn chains_that_end_in_a_complete_plan_pass() {
        let chains: [&[(&str, Exponents)]; 8] = [
            &[],
            &[INT8],
            &[EQUALIZATION, INT8],
            &[INT8, MIXED, MIXED],
            &[EQUALIZATION, INT8, MIXED],
            &[INT8, MIXED, FINETUNE],
            // What a silent plugin does nobody knows.
            &[FOREIGN, EQUALIZATION, INT8],
            &[EQUALIZATION, FOREIGN, MIXED],
        ];
        for chain in chains {
            assert_eq!(check_order(chain.iter().copied()), Ok(()), "{chain:?}");
        }
    }

    #[test]
    fn chains_that_cannot_are_refused_with_an_order_that_can() {
        let chains: [(&[(&str, Exponents)], &str); 6] = [
            (&[MIXED], "--strategy int8,mixed-precision"),
            (&[EQUALIZATION, MIXED, INT8], "--strategy int8,mixed-precision"),
            (&[EQUALIZATION], "--strategy equalization,int8"),
            (&[FOREIGN, EQUALIZATION], "--strategy equalization,foreign"),
            (&[INT8, EQUALIZATION], "--strategy equalization,int8"),
            (&[INT8, FINETUNE, EQUALIZATION], "--strategy equalization,int8"),
        ];
        for (chain, example) in chains {
            let error = check_order(chain.iter().copied()).unwrap_err().to_string();
            assert!(error.ends_with(example), "{error}");
        }
    }

    #[test]
    fn a_schema_says_what_its_strategy_does() {
        assert_eq!(Exponents::of_schema(&json!({})), Ok(Exponents::Unknown));
        assert_eq!(Exponents::of_schema(&json!({ "exponents": "needs" })), Ok(Exponents::Needs));
        let error = Exponents::of_schema(&json!({ "exponents": "wants" })).unwrap_err();
        assert!(error.contains("\"wants\"") && error.contains("\"leaves\""), "{error}");
    }
}
