//! A whole network of a publisher, damaged at random: an error or a result, never a panic, an overflow or a hang. The
//! seed and the number of damaged files are `OCTET_MUTATION_SEED` and `OCTET_MUTATIONS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use std::path::PathBuf;

use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::{Limits, Model, Plan, Strategy, Target};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

/// Places of the file that are no weights: what decides how it is read.
fn structure(file: &[u8]) -> Vec<usize> {
    let model = Model::parse(file).unwrap();
    let start = file.as_ptr().addr();
    let mut weights: Vec<(usize, usize)> =
        model.initializers().map(|t| (t.data().as_ptr().addr() - start, t.data().len())).collect();
    weights.sort_unstable();
    let inside = |at: &usize| {
        let next = weights.partition_point(|(first, _)| first <= at);
        next > 0 && *at < weights[next - 1].0 + weights[next - 1].1
    };
    (0..file.len()).filter(|at| !inside(at)).collect()
}

/// Reads, plans and, when it can be planned, executes as a chip does. Says how far it came.
fn chip(file: &[u8], run: bool) -> usize {
    let limits = Limits { arena_bytes: 4 << 20, work: 1_000_000_000, ..Limits::default() };
    let Ok(model) = Model::parse_with(file, &limits) else { return 0 };
    let Ok(target) = Target::infer(&model) else { return 1 };
    let sizes = Plan::sizes(&model);
    let mut slots = vec![TensorSlot::default(); sizes.tensors];
    let mut steps = vec![Step::default(); sizes.steps];
    let within = Strategy::Within(limits.arena_bytes);
    let Ok(plan) = Plan::build_with(&model, target, &limits, within, &mut slots, &mut steps) else {
        return 2;
    };
    if !run {
        return 3;
    }
    let mut arena = vec![0x55; plan.arena_bytes()];
    plan.run(&model, &mut arena).unwrap();
    4
}

#[test]
fn damaged_networks_are_refused_or_run() {
    let shared = std::env::var_os("OCTET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    for (name, seed) in [("imagenet_mobilenetv2_esp32p4.espdl", 1), ("imagenet_mobilenetv2_esp32s3.espdl", 2)]
    {
        let Ok(file) = std::fs::read(shared.join("models/espressif").join(name)) else {
            eprintln!("skipped: no ../shared");
            return;
        };
        let mut random = Random(seed + number("OCTET_MUTATION_SEED", 0) * 2 + 1);
        let places = structure(&file);
        let mut came = [0; 5];
        for count in 0..number("OCTET_MUTATIONS", 300) {
            let mut damaged = file.clone();
            for _ in 0..1 + random.below(3) {
                let at = places[random.below(places.len())];
                damaged[at] = match random.below(3) {
                    0 => damaged[at] ^ 1 << random.below(8),
                    1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    _ => random.below(256) as u8,
                };
            }
            // Executing takes a hundred times as long as planning.
            came[chip(&damaged, count % 64 == 0)] += 1;
        }
        eprintln!("{name}: not read, no target, not planned, planned, run: {came:?}");
        assert!(came[0] > 0 && came[3] > 0, "{came:?}");
    }
}
