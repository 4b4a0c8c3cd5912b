//! Equalization: rewrites the float network, without changing what it computes, into one that loses less when it is
//! quantized.

mod classic;
mod fit;
mod graph;
mod groups;
mod load;
mod pairs;
mod settings;

use globset::{Glob, GlobSet, GlobSetBuilder};
use graph::{Constants, Graph, Kind};
use octet_plugin_api::sdk::{Error, Host, Info, Log, Role, StatisticsRequest, Strategy, Weights};
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
        if settings.fit_scales {
            fit_scales(settings, host)?;
        }
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
    let (mut pairs, skipped) = pairs::find(graph, constants, crossing);
    let interesting = interesting(&settings.interested_layers)?;
    if let Some(interesting) = &interesting {
        let named = |&node: &usize| graph.nodes.get(node).is_some_and(|n| interesting.is_match(&n.name));
        pairs.retain(|pair| pair.upstream.iter().any(named));
        if pairs.is_empty() {
            return Err(Error::failed(format!(
                "`interested_layers`: no layer in front of a pair is called `{}`; names are those of the report",
                settings.interested_layers
            )));
        }
    }
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

/// The names that the user is interested in; `None` for all.
fn interesting(list: &str) -> Result<Option<GlobSet>, Error> {
    let mut names = GlobSetBuilder::new();
    let entries: Vec<&str> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    for entry in &entries {
        names.add(Glob::new(entry).map_err(|e| Error::failed(format!("`interested_layers`: {e}")))?);
    }
    let names = names.build().map_err(|e| Error::failed(format!("`interested_layers`: {e}")))?;
    Ok((!entries.is_empty()).then_some(names))
}

fn fit_scales(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    // Anew, since Clips may have become ReLUs.
    let (graph, mut constants) = load::load(host)?;
    let groups = groups::groups(&graph);
    let stored = stored(host, &graph)?;
    let tensors: std::collections::BTreeSet<usize> =
        stored.iter().flat_map(|s| s.aligned.iter().copied().chain([s.tensor])).collect();
    let request = StatisticsRequest {
        tensors: tensors.iter().map(|&t| (t as u64, fit::BINS)).collect(),
        weights: Weights::Float,
        percentile: None,
    };
    let measured = tensors.iter().copied().zip(host.statistics(&request)?).collect();
    let options = fit::Options {
        per_channel: host.target()?.per_channel,
        clip_weight: settings.clip_weight,
        weights: settings.weights_weight,
    };
    let steps = fit::fit(&graph, &constants, &groups, &stored, &measured, options);
    let scales: Vec<f32> = steps.iter().map(|&k| (f64::from(k) / fit::STEPS as f64).exp2() as f32).collect();
    fit::apply(&graph, &mut constants, &groups, &scales);
    for s in &stored {
        let g = groups.of[s.tensor];
        host.log(Log::Debug, &format!("{} x {}", graph.tensors[s.tensor].name, scales[g]));
    }
    load::store(host, &constants)
}

/// The exponents that are to be chosen, and the operands that take them too.
fn stored(host: &Host<'_>, graph: &Graph) -> Result<Vec<fit::Stored>, Error> {
    let mut stored: Vec<fit::Stored> = host
        .slots()?
        .iter()
        .filter(|slot| slot.role == Role::Activation)
        .map(|slot| fit::Stored { tensor: slot.tensor as usize, bits: slot.bits, aligned: Vec::new() })
        .collect();
    for node in &graph.nodes {
        if !matches!(node.op.as_str(), "Add" | "Concat") {
            continue;
        }
        let only_here = |t: usize| {
            let tensor = &graph.tensors[t];
            tensor.consumers.len() == 1 && t != graph.output && tensor.producer.is_some()
        };
        let moved: Vec<usize> = node.inputs.iter().copied().filter(|&t| only_here(t)).collect();
        stored.retain(|s| !moved.contains(&s.tensor));
        if let Some(own) = stored.iter_mut().find(|s| s.tensor == node.output) {
            own.aligned.extend(&node.inputs);
        }
    }
    Ok(stored)
}

octet_plugin_api::export_strategy!(Equalization);
