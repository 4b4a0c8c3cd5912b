//! `octet demo`: the main job on the embedded model and pictures.

use std::collections::BTreeMap;

use octet_engine::job::{QuantizeRequest, StrategyRequest, Workers};
use octet_engine::run;

use super::args::DemoArgs;
use super::output::print_line;
use super::{plugins, quantize, summary};
use crate::demo;

/// The strategy of the demonstration.
const STRATEGY: &str = "int8";

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let target = super::target(&args.target)?;
    let inputs = demo::unpack(&args.out.join("inputs"))?;
    let workers = Workers::of_this_program()?;
    let installed = plugins::discover(&workers)?;
    let found = plugins::resolve(&installed, STRATEGY)?;
    let request = QuantizeRequest {
        model: inputs.model,
        images: vec![inputs.pictures.clone()],
        // No labels belong to the photographs, so that the evaluation is the agreement with the float network.
        eval: Some(inputs.held_out),
        labels: None,
        strategies: vec![StrategyRequest { id: found.description.id.clone(), settings: BTreeMap::new() }],
        target: target.name.to_owned(),
        out: args.out.clone(),
        graphwise_pictures: 32,
        layerwise_pictures: 8,
        layerwise_outputs: false,
        keep_clip: false,
        preprocessing: BTreeMap::new(),
        threads: 0,
        reuse: false,
        leave_out: Vec::new(),
        edits: Default::default(),
    };
    let folder = quantize::follow(&workers, request, vec![found.into()], args.json)?;
    if !args.json {
        let report = run::read_report(&folder)?;
        summary::print(&report, &folder);
        print_line(
            "  note        the network knows 19 breeds of dogs, and the photographs show other things: it guesses, and",
        );
        print_line("              agreement compares guesses. The noise:signal figures mean what they say.");
        print_line(&format!("  model       {}", folder.join("model.espdl").display()));
        print_line(&format!("  page        {}", folder.join("report.html").display()));
    }
    Ok(())
}
