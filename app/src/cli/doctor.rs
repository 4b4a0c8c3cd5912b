//! `octet doctor`.

use octet_engine::doctor::{Finding, State, examine};
use serde_json::json;

use super::output::{print_json, print_line};

pub(super) fn run(as_json: bool) -> anyhow::Result<()> {
    let findings: Vec<Finding> = examine();
    if as_json {
        return print_json(&json!({ "findings": findings }));
    }
    for finding in &findings {
        let mark = match finding.state {
            State::Present => "ok     ",
            State::Missing => "missing",
            State::Problem => "problem",
        };
        print_line(&format!("{mark}  {:<22} {}", finding.name, finding.details));
        if let Some(remedy) = &finding.remedy {
            print_line(&format!("         {:<22} needed for {}; {remedy}", "", finding.needed_for));
        }
    }
    Ok(())
}
