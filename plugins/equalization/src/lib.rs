//! Equalization: rewrites the float network, without changing what it computes, into one that loses less when it is
//! quantized.

mod classic;
mod graph;
mod load;
mod pairs;
mod settings;

use graph::{Constants, Graph, Kind};
use octet_plugin_api::sdk::{Error, Host, Info, Log, Strategy};
use pairs::{Crossing, Pair};
use settings::{Mode, Relu6, Settings};

struct Equalization;

impl Strategy for Equalization {
    const INFO: Info = Info {
        id: "dev.octet.equalization",
        name: "Equalization",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Rewrites the float network into an equal one that loses less when it is quantized. \
                      Goes before int8.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "network")?;
        let (graph, mut constants) = load::load(host)?;
        if settings.mode == Mode::Classic {
            classic(settings, host, &graph, &mut constants)?;
        }
        load::store(host, &constants)?;
        host.progress(1.0, "done")
    }
}

fn classic(
    settings: &Settings,
    host: &mut Host<'_>,
    graph: &Graph,
    constants: &mut Constants,
) -> Result<(), Error> {
    let crossing = Crossing { add: settings.opt_level >= 2, clip: settings.relu6 != Relu6::Keep };
    let (pairs, skipped) = pairs::find(graph, constants, crossing);
    for skipped in &skipped {
        let name = &graph.nodes[skipped.node].name;
        host.log(Log::Debug, &format!("not equalized behind `{name}`: {}", skipped.reason));
    }
    host.log(Log::Info, &format!("{} pairs of layers to equalize", pairs.len()));
    for iteration in 0..settings.iterations {
        host.progress(iteration as f32 / settings.iterations as f32, "equalization")?;
        for pair in &pairs {
            host.cancelled()?;
            classic::equalize(graph, constants, pair, settings.value_threshold);
        }
    }
    for (node, found) in graph.nodes.iter().enumerate() {
        let Kind::Clip { lower, .. } = found.kind else { continue };
        let relu = match settings.relu6 {
            Relu6::All => graph::values(constants, lower) == [0.0],
            Relu6::Between => pairs.iter().any(|pair: &Pair| pair.clips.contains(&node)),
            Relu6::Keep => false,
        };
        if relu {
            host.set_relu_for_clip(node as u64, true)?;
        }
    }
    Ok(())
}

octet_plugin_api::export_strategy!(Equalization);
