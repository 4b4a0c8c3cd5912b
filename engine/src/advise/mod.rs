//! Advice after a run: plain findings with a remedy each, computed from the report alone.
//!
//! [`RULES`] is a table: what a rule looks at, from which figure on it speaks, what it says, what helps. What it
//! says of strategies names those that come along. docs/advice.md lists the rules.

mod apply;
mod case;
mod chain;
mod rules;

pub use apply::apply;
pub use rules::{RULES, Rule};

use case::Case;

use crate::report::{Finding, Report};

/// Looks at a report; what was found of its calibration pictures is part of the advice. The most urgent comes first,
/// rules of one severity in their order. `reference` is another run of the same model for the same chip.
pub fn advise(report: &Report, reference: Option<&Report>) -> Vec<Finding> {
    let case = Case::new(report, reference);
    let mut findings = report.calibration.findings.clone();
    for rule in &RULES {
        let is_told = findings.iter().any(|f| f.rule == rule.id);
        findings.extend(rule.look(&case).filter(|_| !is_told));
    }
    // A stable sort.
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

/// What there is to say of so many evaluation pictures that are calibration pictures.
pub(crate) fn evaluation_overlap(pictures: usize) -> Option<Finding> {
    rules::evaluation_overlap(pictures)
}
