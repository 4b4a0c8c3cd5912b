//! Prints what a network needs of memory under each strategy.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool")]
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::{Limits, Model, Plan, Strategy, Target};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let file = std::fs::read(&path).unwrap();
    let model = Model::parse(&file).unwrap();
    let sizes = Plan::sizes(&model);
    let target = Target::infer(&model).unwrap();
    let limit = std::env::args().nth(2).map(|k| k.parse::<usize>().unwrap() << 10);
    let within = limit.map(Strategy::Within);
    for strategy in [Strategy::Separate, Strategy::Layerwise, Strategy::Fused].into_iter().chain(within) {
        let mut slots = vec![TensorSlot::default(); sizes.tensors];
        let mut steps = vec![Step::default(); sizes.steps];
        let start = std::time::Instant::now();
        let plan = Plan::build_with(&model, target, &Limits::default(), strategy, &mut slots, &mut steps);
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                println!("{strategy:?}: {error}");
                continue;
            }
        };
        let k = |b: usize| b as f64 / 1024.0;
        println!(
            "{strategy:?}: arena {:.1} KiB, peak {:.1} KiB at {} ({:?})",
            k(plan.arena_bytes()),
            k(plan.peak_bytes()),
            model.node(plan.peak_node()).name(),
            start.elapsed()
        );
        if std::env::args().nth(3).is_some() || matches!(strategy, Strategy::Within(_)) {
            for stage in plan.stages() {
                println!(
                    "  {:>3}..{:<3} {} {:7.1} KiB (scratch {:5.1}):{}",
                    stage.first_node,
                    stage.last_node,
                    if stage.fused { "fused" } else { "     " },
                    k(stage.arena_bytes),
                    k(stage.scratch_bytes),
                    plan.tensors_during(&stage)
                        .map(|t| format!(
                            " {}..{}{}",
                            t.range().start,
                            t.range().end,
                            if t.streamed() { "r" } else { "" }
                        ))
                        .collect::<String>()
                );
            }
        }
    }
}
