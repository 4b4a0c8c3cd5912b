//! One inference of Espressif's ImageNet MobileNetV2 for the P4, if `../shared` is there.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use octet_runtime::{Data, Kernels, Simulator};

fn simulate(c: &mut Criterion) {
    let shared = std::env::var_os("OCTET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let Ok(file) = std::fs::read(shared.join("models/espressif/imagenet_mobilenetv2_esp32p4.espdl")) else {
        return;
    };
    let file: Arc<[u8]> = file.into();
    for kernels in [Kernels::Fastest, Kernels::Portable] {
        let Ok(simulator) = Simulator::new(file.clone(), None) else { return };
        let simulator = simulator.with_kernels(kernels);
        let mut scratch = simulator.scratch();
        let input: Vec<i8> = (0..simulator.input().elements()).map(|i| ((i * 37) % 200) as i8).collect();
        c.bench_function(&format!("mobilenetv2 224 esp32p4, {kernels:?}"), |b| {
            b.iter(|| simulator.run(&mut scratch, Data::I8(&input), None).map(|v| v.data.get(0)));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = simulate }
criterion_main!(benches);
