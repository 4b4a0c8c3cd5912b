//! `octet deploy`: from a run to a board that answers.

use std::time::Duration;

use octet_engine::deploy::{BuildRequest, DeployRequest, Event, start};

use super::deploy_output::DeployPrinter;
use super::firmware::generate_request;
use super::firmware_args::DeployArgs;
use super::step_failed::StepFailed;

pub(super) fn run(args: &DeployArgs) -> anyhow::Result<()> {
    let request = DeployRequest {
        generate: generate_request(&args.project, &args.content)?,
        build: BuildRequest { idf: args.idf.clone(), trust: args.trust.trust },
        port: args.port.port.clone(),
        baud: args.baud,
        console_baud: args.console_baud,
        no_reset: args.port.no_reset,
        model_only: args.model_only,
        verify: !args.no_verify,
        until_built: args.build_only,
        patience: Duration::from_secs(args.patience),
    };
    let handle = start(request);
    let cancel = handle.cancel.clone();
    ctrlc::set_handler(move || cancel.cancel())?;
    let mut printer = DeployPrinter::new(args.json, false);
    for event in &handle.events {
        printer.show(&event);
        if let Some(failed) = StepFailed::of_event(&event, handle.cancel.is_cancelled()) {
            return Err(failed.into());
        }
        if matches!(event, Event::Done { .. }) {
            return Ok(());
        }
    }
    anyhow::bail!("the deployment ended without a result")
}
