//! `octet advise`.

use octet_engine::advise::advise;
use octet_engine::run::read_report;
use serde_json::json;

use super::args::AdviseArgs;
use super::output::{print_json, print_line};
use super::summary;

pub(super) fn run(args: &AdviseArgs) -> anyhow::Result<()> {
    let report = read_report(&args.run)?;
    let reference = args.reference.as_ref().map(|run| read_report(run)).transpose()?;
    let findings = advise(&report, reference.as_ref());
    if args.json {
        return print_json(&json!({"run": args.run, "advice": findings}));
    }
    if findings.is_empty() {
        print_line(
            "no rule finds anything to mend; other strategies may still do better (`octet compare` tells)",
        );
    }
    summary::advice(&findings, usize::MAX);
    Ok(())
}
