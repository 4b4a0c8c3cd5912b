//! Equalization, in this process: the float network that it leaves behind answers as the one that it found.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use octet_engine::float::Tract;
use octet_engine::job::Cancel;
use octet_engine::network::{NodeId, Op};
use octet_engine::pictures::Preprocessing;
use octet_engine::session::{PictureStore, Session, StatisticsCache, list_folders};
use octet_engine::strategy::{PictureSet, StrategyHost, WeightsUse};
use octet_engine::target::TargetSpec;
use octet_engine::{host, onnx};
use octet_tests::{plugin, root};
use serde_json::Value;

/// Largest difference of the scores, relative to the largest score.
const TOLERANCE: f32 = 1e-4;

fn session(model: &Path, pictures: &Path, target: &str) -> Session {
    let network = Arc::new(onnx::open(model).unwrap().network);
    let preprocessing = Preprocessing::of_network(&network, &BTreeMap::new()).unwrap();
    let listing = list_folders(&[pictures.to_owned()]).unwrap();
    let cancel = Cancel::default();
    let pictures = Arc::new(PictureStore::load(&listing, preprocessing, &cancel, &|_| {}));
    let (target, sink) = (TargetSpec::by_name(target).unwrap(), Arc::new(|_| {}));
    Session::new(network, target, Arc::new(Tract), pictures, Arc::<StatisticsCache>::default(), cancel, sink)
}

fn equalize(session: &mut Session, settings: &[(&str, Value)]) {
    let library = plugin("octet-equalization");
    let description = host::describe_library(&library).unwrap();
    let typed: BTreeMap<String, Value> = settings.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let settings = host::settings(&description, &typed).unwrap();
    host::run_library(&library, &settings, session).unwrap();
}

/// The scores of the first pictures.
fn scores(session: &mut Session) -> Vec<Vec<f32>> {
    let output = StrategyHost::network(session).output;
    let count = StrategyHost::pictures(session, PictureSet::Calibration).min(4);
    let run =
        |picture| session.run_float(PictureSet::Calibration, picture, WeightsUse::Float, &[output]).unwrap();
    (0..count).map(run).map(|mut values| values.remove(0)).collect()
}

fn assert_close(what: &str, before: &[Vec<f32>], after: &[Vec<f32>]) {
    assert!(!before.is_empty());
    for (before, after) in before.iter().zip(after) {
        let largest = before.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        let distance = before.iter().zip(after).fold(0.0f32, |max, (b, a)| max.max((b - a).abs()));
        assert!(distance <= TOLERANCE * largest, "{what}: {distance} of {largest}");
    }
}

/// Checks both ways of treating ReLU6 on one model.
fn answers_stay(model: &Path, pictures: &Path) {
    for target in ["esp32p4", "esp32s3"] {
        let what = format!("{} on {target}", model.display());
        let absorb = ("absorb_biases", Value::from(true));
        let mut kept = session(model, pictures, target);
        let before = scores(&mut kept);
        equalize(&mut kept, &[("mode", "classic".into()), ("relu6", "keep".into()), absorb.clone()]);
        assert_close(&format!("{what}, ReLU6 kept"), &before, &scores(&mut kept));
        assert!(!StrategyHost::draft(&kept).changed_weights.is_empty(), "{what}: nothing was scaled");

        // Balanced on these pictures, with bounds that none of them passes.
        let mut balanced = session(model, pictures, target);
        equalize(&mut balanced, &[]);
        assert_close(&format!("{what}, balanced"), &before, &scores(&mut balanced));
        assert!(!StrategyHost::draft(&balanced).changed_weights.is_empty(), "{what}: nothing was balanced");

        // With ReLU in place of every ReLU6, equalized and not.
        let mut plain = session(model, pictures, target);
        let network = StrategyHost::network(&plain);
        let clips: Vec<NodeId> =
            network.node_ids().filter(|(_, n)| n.op == Op::Clip).map(|(id, _)| id).collect();
        clips.iter().for_each(|&clip| plain.set_relu_for_clip(clip, true).unwrap());
        let before = scores(&mut plain);
        let mut all = session(model, pictures, target);
        equalize(&mut all, &[("mode", "classic".into()), ("relu6", "all".into()), absorb]);
        assert_eq!(StrategyHost::draft(&all).relu_for_clip.len(), clips.len(), "{what}");
        assert_close(&format!("{what}, ReLU6 to ReLU"), &before, &scores(&mut all));
    }
}

#[test]
fn every_sample_model_answers_the_same_in_float() {
    let fixtures = root().join("tests/fixtures");
    for name in [
        "torchvision_opset11",
        "torchvision_opset17_batch",
        "torchvision_unfolded",
        "torchvision_grey_80x112",
        "timm_mobilenetv2_035",
        "keras_opset13",
        "keras_opset18",
        "torchvision_dynamo",
    ] {
        answers_stay(&fixtures.join(format!("models/{name}.onnx")), &fixtures.join("pictures"));
    }
}

#[test]
fn the_embedded_model_answers_the_same_in_float() {
    let demo = root().join("app/assets/demo");
    answers_stay(&demo.join("mobilenetv2_dogs19_160.onnx"), &demo.join("pictures"));
}
