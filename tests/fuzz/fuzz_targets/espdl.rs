//! Any bytes as an `.espdl` file: parsed, planned, executed and audited, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octet_runtime::{Data, Limits, Simulator};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { arena_bytes: 1 << 20, work: 1 << 22, ..Limits::default() };
    let Ok(simulator) = Simulator::with_limits(data.into(), None, &limits) else { return };
    let mut scratch = simulator.scratch();
    let input = vec![0.5f32; simulator.input().elements()];
    let mut seen = 0;
    let mut observe = |_: octet_runtime::TensorView<'_>| seen += 1;
    let _ = simulator.run(&mut scratch, Data::F32(&input), Some(&mut observe));
    let _ = simulator.audit_accumulators(&mut scratch, Data::F32(&input), 20);
});
