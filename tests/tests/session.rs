//! What a session gives strategies, in this process: runs in the chip's arithmetic, and pictures set aside.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use octet_engine::analyse::noise_to_signal;
use octet_engine::float::Tract;
use octet_engine::job::Cancel;
use octet_engine::network::{Op, TensorId};
use octet_engine::pictures::Preprocessing;
use octet_engine::session::{PictureStore, Session, StatisticsCache, list_folders};
use octet_engine::strategy::{PictureSet, ScoreKind, StatisticsRequest, StrategyHost, WeightsUse};
use octet_engine::target::TargetSpec;
use octet_engine::{host, onnx};
use octet_tests::{plugin, root};

/// A sample model in int8 on the P4.
fn quantized() -> Session {
    let fixtures = root().join("tests/fixtures");
    let network = Arc::new(onnx::open(&fixtures.join("models/torchvision_opset11.onnx")).unwrap().network);
    let preprocessing = Preprocessing::of_network(&network, &BTreeMap::new()).unwrap();
    let listing = list_folders(&[fixtures.join("pictures")]).unwrap();
    let cancel = Cancel::default();
    let pictures = Arc::new(PictureStore::load(&listing, preprocessing, &cancel, &|_| {}));
    let target = TargetSpec::by_name("esp32p4").unwrap();
    let caches = Arc::<StatisticsCache>::default();
    let mut session =
        Session::new(network, target, Arc::new(Tract), pictures, caches, cancel, Arc::new(|_| {}));
    let library = plugin("octet-int8");
    let description = host::describe_library(&library).unwrap();
    let settings = host::settings(&description, &BTreeMap::new()).unwrap();
    host::run_library(&library, &settings, &mut session).unwrap();
    session
}

/// The output of a layer with a Clip behind it, and that Clip's.
fn fused(session: &Session) -> (TensorId, TensorId) {
    let network = StrategyHost::network(session);
    let clip = network.nodes.iter().find(|n| n.op == Op::Clip).unwrap();
    (clip.inputs[0], clip.outputs[0])
}

#[test]
fn runs_in_the_chips_arithmetic_are_what_scores_are_made_of() {
    let mut session = quantized();
    let output = StrategyHost::network(&session).output;
    for set in [PictureSet::Calibration, PictureSet::HeldOut] {
        session.hold_out(4).unwrap();
        let count = session.pictures(set).min(3);
        let figures = (0..count).map(|picture| {
            let quantized = session.run_quantized(set, picture, &[output]).unwrap().remove(0);
            let float = session.run_float(set, picture, WeightsUse::Float, &[output]).unwrap().remove(0);
            noise_to_signal(quantized.iter().copied(), &float)
        });
        let mean = figures.sum::<f64>() / count as f64;
        let score = session.score(set, ScoreKind::Output, count).unwrap();
        assert_eq!(score.pictures, count);
        assert!((score.output_nsr - mean).abs() < 1e-9 + 1e-6 * mean, "{} {mean}", score.output_nsr);
    }
}

#[test]
fn inputs_and_activations_come_as_the_integers_stand_for() {
    let mut session = quantized();
    let (_, clip) = fused(&session);
    let input = StrategyHost::network(&session).input;
    let values = session.run_quantized(PictureSet::Calibration, 0, &[input, clip]).unwrap();
    let bits = octet_engine::draft::Bits::Int8;
    for (tensor, values) in [input, clip].into_iter().zip(&values) {
        let step = f32::powi(2.0, StrategyHost::draft(&session).activation_exponents[&(tensor, bits)]);
        assert_eq!(values.len(), StrategyHost::network(&session).tensor(tensor).len());
        assert!(values.iter().all(|v| (v / step).fract() == 0.0 && (v / step).abs() <= 128.0));
    }
    assert!(values[1].iter().all(|&v| (0.0..=6.0).contains(&v)));
}

#[test]
fn what_is_fused_with_the_operation_behind_it_is_refused_by_name() {
    let mut session = quantized();
    let (conv, _) = fused(&session);
    let name = StrategyHost::network(&session).tensor(conv).name.clone();
    let error = session.run_quantized(PictureSet::Calibration, 0, &[conv]).unwrap_err().to_string();
    assert!(error.contains(&name) && error.contains("fused"), "{error}");
}

#[test]
fn held_out_pictures_are_away_from_statistics_until_the_strategy_returns() {
    let mut session = quantized();
    let input = StrategyHost::network(&session).input;
    let request = StatisticsRequest {
        tensors: vec![input],
        weights: WeightsUse::Float,
        bins: vec![0],
        percentile: None,
    };
    let all = session.pictures(PictureSet::Calibration);
    let values = session.statistics(&request).unwrap()[0].count / all as u64;
    session.hold_out(3).unwrap();
    assert_eq!(session.pictures(PictureSet::HeldOut), all / 3);
    assert_eq!(session.pictures(PictureSet::Calibration), all - all / 3);
    assert_eq!(session.statistics(&request).unwrap()[0].count, (all - all / 3) as u64 * values);
    assert!(session.hold_out(1).is_err());
    session.end_strategy();
    assert_eq!(session.pictures(PictureSet::Calibration), all);
    assert_eq!(session.statistics(&request).unwrap()[0].count, all as u64 * values);
}
