//! `octet deploy`: from a run to a board that answers.

use std::time::Duration;

use octet_engine::deploy::{BuildRequest, DeployRequest, Event, start};

use super::Cancelled;
use super::deploy_output::DeployPrinter;
use super::firmware::generate_request;
use super::firmware_args::DeployArgs;

pub(super) fn run(args: &DeployArgs) -> anyhow::Result<()> {
    let request = DeployRequest {
        generate: generate_request(&args.project, &args.content)?,
        build: BuildRequest { idf: args.idf.clone() },
        port: args.port.port.clone(),
        baud: args.baud,
        console_baud: args.console_baud,
        no_reset: args.port.no_reset,
        model_only: args.model_only,
        verify: !args.no_verify,
        patience: Duration::from_secs(args.patience),
    };
    let handle = start(request);
    let cancel = handle.cancel.clone();
    ctrlc::set_handler(move || cancel.cancel())?;
    let mut printer = DeployPrinter::new(args.json, false);
    for event in &handle.events {
        printer.show(&event);
        match event {
            Event::Error { message, help, .. } => {
                if handle.cancel.is_cancelled() {
                    return Err(Cancelled(message).into());
                }
                match help {
                    Some(help) => anyhow::bail!("{message}; {help}"),
                    None => anyhow::bail!(message),
                }
            }
            Event::Done { .. } => return Ok(()),
            _ => {}
        }
    }
    anyhow::bail!("the deployment ended without a result")
}
