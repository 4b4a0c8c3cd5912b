//! `octet inspect`.

use anyhow::bail;
use octet_engine::inspect::{Inspection, inspect};

use super::args::InspectArgs;
use super::memory;
use super::output::{print_json, print_line};

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let target = args.target.as_deref().map(super::target).transpose()?;
    let inspection = inspect(&args.model, target, args.memory)?;
    if args.memory && inspection.format != "espdl" {
        bail!(
            "`{}` is not planned yet: quantize it, then ask for the memory of the run's `model.espdl`",
            args.model.display()
        );
    }
    if args.json {
        return print_json(&inspection);
    }
    match &inspection.memory_map {
        Some(maps) => memory::lines(maps).iter().for_each(|line| print_line(line)),
        None => print(&inspection),
    }
    Ok(())
}

fn print(inspection: &Inspection) {
    print_line(&format!("{}  {}", inspection.format, inspection.name));
    if let Some(target) = &inspection.target {
        print_line(&format!("target {target}"));
    }
    if inspection.unsupported.is_empty() {
        print_line(&format!("{} nodes, {} tensors", inspection.nodes.len(), inspection.tensors.len()));
    } else {
        print_line("cannot be put on a chip: see the nodes that are not supported");
    }
    for (key, value) in &inspection.preprocessing {
        print_line(&format!("{key:<7} {value}"));
    }
    for node in &inspection.nodes {
        let shape = node.output_shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        let exponent = node.output_exponent.map_or_else(String::new, |e| format!("  2^{e}"));
        print_line(&format!("  {:<18} {:<52} {shape}{exponent}", node.op, node.name));
    }
    if let Some(memory) = &inspection.memory {
        print_line(&format!(
            "memory: {} bytes flash, {} bytes of activations at most",
            memory.flash_bytes, memory.arena_bytes
        ));
        for tensor in &memory.peak {
            print_line(&format!("  {:>9} bytes  {}", tensor.bytes, tensor.name));
        }
    }
    for note in &inspection.notes {
        print_line(&format!("note: {note}"));
    }
    for refused in &inspection.unsupported {
        print_line(&format!("unsupported: `{}` ({}): {}", refused.node, refused.op, refused.reason));
    }
}
