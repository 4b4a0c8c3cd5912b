//! From the runtime's stages to one entry per tensor.

use octet_runtime::{MemoryMap as Placed, PlacedTensor as InStage};

use crate::report::{MemoryMap, MemoryStage, PlacedTensor};

/// Names of the operations of a map without streamed blocks, where each is a stage of its own.
pub(super) fn operations(map: &Placed) -> Vec<String> {
    let mut names = Vec::new();
    for stage in &map.stages {
        // An operation may have several steps.
        if names.len() <= stage.numbers[0] {
            names.push(stage.nodes[0].clone());
        }
    }
    names
}

pub(super) fn described(map: &Placed) -> MemoryMap {
    let mut described = MemoryMap {
        arena_bytes: map.arena_bytes as u64,
        peak_bytes: map.peak_bytes as u64,
        peak_operation: map.peak_node,
        streamed_blocks: map.stages.iter().filter(|s| s.fused).count(),
        stages: Vec::new(),
        tensors: Vec::new(),
    };
    for stage in &map.stages {
        let [first, last] = stage.numbers;
        for tensor in &stage.tensors {
            add(&mut described.tensors, tensor, first, last);
        }
        let next = MemoryStage {
            first,
            last,
            streamed: stage.fused,
            arena_bytes: stage.arena_bytes as u64,
            scratch_bytes: stage.scratch_bytes as u64,
        };
        match described.stages.last_mut().filter(|s| s.last == first) {
            Some(parts) => {
                parts.arena_bytes = parts.arena_bytes.max(next.arena_bytes);
                parts.scratch_bytes = parts.scratch_bytes.max(next.scratch_bytes);
            }
            None => described.stages.push(next),
        }
    }
    // Within a stage the runtime names tensors by their place in its table.
    described.tensors.sort_by_key(|t| (t.first, t.operation));
    described
}

/// A tensor lives from its first stage to its last without a gap.
fn add(tensors: &mut Vec<PlacedTensor>, tensor: &InStage, first: usize, last: usize) {
    if let Some(known) = tensors.iter_mut().rfind(|t| t.operation == tensor.node) {
        known.last = last;
        return;
    }
    tensors.push(PlacedTensor {
        name: tensor.name.clone(),
        operation: tensor.node,
        bytes: tensor.bytes as u64,
        offset: tensor.place.start as u64,
        held_bytes: tensor.place.len() as u64,
        first,
        last,
        streamed: tensor.streamed,
        in_place_of: tensor.in_place_of.clone(),
        runs_into: tensor.runs_into.clone(),
    });
}
