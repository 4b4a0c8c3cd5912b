//! The three steps on the network that the host holds.

use std::collections::BTreeSet;

use octet_plugin_api::sdk::{Error, Host, Log, Pictures, Role, StatisticsRequest, Weights};

use crate::absorb::{self, Seen};
use crate::balance::{Channels, Measured, Region};
use crate::graph::{self, Constants, Graph, Kind, NodeId, TensorId};
use crate::pairs::{self, Crossing, Pair};
use crate::settings::{Relu6, Settings};
use crate::{balance, classic, fit, groups, load, names};

/// Equalizes channels across layers, and puts ReLUs in place of the ReLU6 that are in the way.
pub(crate) fn equalize(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    let (graph, mut constants) = load::load(host)?;
    let crossing = Crossing { add: settings.opt_level >= 2, clip: settings.relu6 != Relu6::Keep };
    let (found, skipped) = pairs::find(&graph, &constants, crossing);
    for skipped in &skipped {
        let name = &graph.nodes[skipped.node].name;
        host.log(Log::Debug, &format!("not equalized behind `{name}`: {}", skipped.reason));
    }
    let pairs = of_interest(settings, &graph, found)?;
    host.log(Log::Info, &format!("{} pairs of layers to equalize", pairs.len()));
    if host.target()?.per_channel {
        let hint = "this chip has one exponent per output channel, where equalized weights gain little and activations \
                    may lose; compare with int8 alone";
        host.log(Log::Info, hint);
    }
    for iteration in 0..settings.iterations {
        host.progress(0.2 + 0.2 * iteration as f32 / settings.iterations as f32, "equalization")?;
        for pair in &pairs {
            host.cancelled()?;
            classic::equalize(&graph, &mut constants, pair, settings.value_threshold);
        }
    }
    load::store(host, &constants)?;
    let mut replaced = 0;
    for (node, found) in graph.nodes.iter().enumerate() {
        let Kind::Clip { lower, .. } = found.kind else { continue };
        let relu = match settings.relu6 {
            Relu6::All => graph::values(&constants, lower) == [0.0],
            Relu6::Between => pairs.iter().any(|pair| pair.clips.contains(&node)),
            Relu6::Keep => false,
        };
        if relu {
            host.set_relu_for_clip(node as u64, true)?;
            replaced += 1;
        }
    }
    if replaced > 0 {
        host.log(Log::Info, &format!("{replaced} ReLU6 are ReLU now"));
    }
    Ok(())
}

/// Scales channels so that the noise of activations and weights together is smallest.
pub(crate) fn balance(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    let (graph, mut constants) = load::load(host)?;
    let (found, _) = pairs::find(&graph, &constants, Crossing { add: settings.opt_level >= 2, clip: true });
    let pairs = of_interest(settings, &graph, found)?;
    let slots: BTreeSet<TensorId> = host
        .slots()?
        .iter()
        .filter(|slot| slot.role == Role::Activation)
        .map(|slot| slot.tensor as TensorId)
        .collect();
    // A layer on both sides would be scaled twice at once.
    let apart = |pair: &&Pair| !pair.upstream.iter().any(|node| pair.downstream.contains(node));
    let regions: Vec<Region<'_>> =
        pairs.iter().filter(apart).map(|pair| region(&graph, &constants, pair, &slots)).collect();
    let read = graph.layers().filter_map(|(node, _)| graph.nodes[node].inputs.first().copied());
    let tensors: BTreeSet<TensorId> =
        regions.iter().flat_map(|r| r.stored.iter().copied()).chain(read).collect();
    let mut measured: Measured = tensors
        .iter()
        .map(|&t| (t, Channels::new(graph.tensors[t].shape.get(1).copied().unwrap_or(1))))
        .collect();
    let count = host.pictures(Pictures::Calibration)?;
    let ids: Vec<u64> = tensors.iter().map(|&t| t as u64).collect();
    for picture in 0..count {
        host.progress(0.2 + 0.4 * picture as f32 / count as f32, "activations of the channels")?;
        let values = host.run_float(Pictures::Calibration, picture, Weights::Float, &ids)?;
        measured.values_mut().zip(values).for_each(|(channels, values)| channels.add(values, count as usize));
    }
    balance::balance(&graph, &mut constants, &regions, &mut measured, host.target()?.per_channel);
    host.log(Log::Info, &format!("channels of {} groups of layers balanced", regions.len()));
    load::store(host, &constants)
}

/// A pair with what lies between its layers.
fn region<'a>(
    graph: &Graph,
    constants: &Constants,
    pair: &'a Pair,
    slots: &BTreeSet<TensorId>,
) -> Region<'a> {
    let mut stored: BTreeSet<TensorId> = BTreeSet::new();
    let mut open: Vec<TensorId> = pair.upstream.iter().map(|&n| graph.nodes[n].output).collect();
    let mut bound: Option<f32> = None;
    while let Some(tensor) = open.pop() {
        if !stored.insert(tensor) {
            continue;
        }
        for &reader in graph.tensors[tensor].consumers.iter().filter(|&&n| graph.layer(n).is_none()) {
            let node = &graph.nodes[reader];
            if let Kind::Clip { upper, .. } = node.kind {
                let upper = graph::values(constants, upper).first().copied().unwrap_or(f32::MAX);
                bound = Some(bound.map_or(upper, |b| b.min(upper)));
            }
            open.push(node.output);
        }
    }
    stored.retain(|tensor| slots.contains(tensor));
    Region { pair, stored: stored.into_iter().collect(), bound: bound.filter(|&b| b < f32::MAX) }
}

/// The pairs that the user wants: begun by a layer of interest, without an excluded one on either side.
fn of_interest(settings: &Settings, graph: &Graph, mut pairs: Vec<Pair>) -> Result<Vec<Pair>, Error> {
    let wanted = names::matching(&settings.interested_layers, graph, "interested_layers")?;
    let excluded = names::matching(&settings.except, graph, "except")?;
    let any = |nodes: &[NodeId], of: &BTreeSet<NodeId>| nodes.iter().any(|node| of.contains(node));
    if !wanted.is_empty() {
        pairs.retain(|pair| any(&pair.upstream, &wanted));
        if pairs.is_empty() {
            return Err(Error::failed(format!(
                "`interested_layers`: nothing can be equalized behind `{}`; the log says why at the level debug",
                settings.interested_layers
            )));
        }
    }
    pairs.retain(|pair| !any(&pair.upstream, &excluded) && !any(&pair.downstream, &excluded));
    Ok(pairs)
}

/// Moves what ReLUs never cut of biases into the layers behind.
pub(crate) fn absorb(host: &mut Host<'_>) -> Result<(), Error> {
    // Anew, since ReLU6 may have become ReLU.
    let (graph, mut constants) = load::load(host)?;
    let links = absorb::links(&graph, &constants);
    let tensors: Vec<u64> = links.iter().map(|link| link.output as u64).collect();
    let mut seen: Vec<Vec<Seen>> = Vec::new();
    for link in &links {
        seen.push(vec![Seen::NOTHING; graph.layer(link.upstream).map_or(0, |layer| layer.outputs)]);
    }
    let count = host.pictures(Pictures::Calibration)?;
    for picture in (0..count).filter(|_| !links.is_empty()) {
        host.progress(0.4 + 0.2 * picture as f32 / count as f32, "smallest values of the channels")?;
        let values = host.run_float(Pictures::Calibration, picture, Weights::Float, &tensors)?;
        for (channels, values) in seen.iter_mut().zip(values) {
            let extent = (values.len() / channels.len().max(1)).max(1);
            channels.iter_mut().zip(values.chunks_exact(extent)).for_each(|(c, plane)| c.add(plane));
        }
    }
    let (mut layers, mut absorbed) = (0, 0);
    for (link, channels) in links.iter().zip(&seen) {
        let surplus: Vec<f32> = channels.iter().map(|channel| channel.surplus(link.upper)).collect();
        let high = surplus.iter().filter(|&&c| c > 0.0).count();
        if high > 0 {
            absorb::absorb(&graph, &mut constants, link, &surplus);
            let name = &graph.nodes[link.upstream].name;
            host.log(Log::Debug, &format!("`{name}`: high biases of {high} channels absorbed"));
        }
        layers += usize::from(high > 0);
        absorbed += high;
    }
    let text = format!("high biases of {absorbed} channels in {layers} of {} layers absorbed", links.len());
    host.log(Log::Info, &text);
    load::store(host, &constants)
}

/// Scales activations as a whole so that powers of two fit them best.
pub(crate) fn fit(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    // Anew, since ReLU6 may have become ReLU.
    let (graph, mut constants) = load::load(host)?;
    let groups = groups::groups(&graph);
    let stored = stored(host, &graph)?;
    let tensors: BTreeSet<TensorId> =
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
        let text = format!("`{}` times {:.3}", graph.tensors[s.tensor].name, scales[groups.of[s.tensor]]);
        host.log(Log::Debug, &text);
    }
    let scaled = scales.iter().filter(|&&scale| scale != 1.0).count();
    host.log(Log::Info, &format!("{scaled} of {} groups of activations scaled", scales.len()));
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
        let only_here = |t: TensorId| {
            let tensor = &graph.tensors[t];
            tensor.consumers.len() == 1 && t != graph.output && tensor.producer.is_some()
        };
        let moved: Vec<TensorId> = node.inputs.iter().copied().filter(|&t| only_here(t)).collect();
        stored.retain(|s| !moved.contains(&s.tensor));
        if let Some(own) = stored.iter_mut().find(|s| s.tensor == node.output) {
            own.aligned.extend(&node.inputs);
        }
    }
    Ok(stored)
}
