//! What looks wrong with a set of calibration pictures, told before a run's heavy work begins.
//!
//! [`Traits`] are taken from pictures that are decoded anyway; [`RULES`] look at those of a whole set. docs/advice.md
//! lists the rules.

mod rules;
mod set;
mod traits;

pub use rules::{PictureRule, RULES};
pub use set::PictureSet;
pub use traits::Traits;

use crate::report::Finding;

/// Holds a set against all rules, in their order.
pub fn lint(set: &PictureSet<'_>) -> Vec<Finding> {
    RULES.iter().filter_map(|rule| rule.look(set)).collect()
}
