//! `.espdl` files give the expected integers, through the command line, tensor by tensor.

use octet_tests::{root, run_octet, shared};
use serde_json::Value;

fn infer(model: &str, tensor: &str, dump: &str) -> Value {
    let ran = run_octet(&["infer", model, "--tensor", tensor, "--json", "--dump", dump], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn espressifs_networks_give_every_expected_integer() {
    let Some(shared) = shared() else { return };
    for (target, chip) in [("p4", "esp32p4"), ("s3", "esp32s3")] {
        let text = std::fs::read_to_string(shared.join(format!("golden/{target}.json"))).unwrap();
        let golden: Value = serde_json::from_str(&text).unwrap();
        for (name, expected) in golden.as_object().unwrap() {
            let dump = tempfile::tempdir().unwrap();
            let model = shared.join(format!("models/espressif/imagenet_mobilenetv2_{chip}.espdl"));
            let tensor = shared.join(format!("golden/{name}.input.npy"));
            let dump_path = dump.path().to_str().unwrap();
            let answer = infer(model.to_str().unwrap(), tensor.to_str().unwrap(), dump_path);
            assert_eq!(answer["target"], chip);
            assert_eq!(answer["output"]["exponent"], expected["output_exponent"], "{name}");
            let logits = std::fs::read(shared.join(format!("golden/{name}.logits.npy"))).unwrap();
            let logits: Vec<i8> = npyz::NpyFile::new(&logits[..]).unwrap().into_vec().unwrap();
            let values: Vec<i8> = serde_json::from_value(answer["output"]["values"].clone()).unwrap();
            assert_eq!(values, logits, "{name}: logits");
            let top: Vec<&Value> = answer["top"].as_array().unwrap().iter().map(|t| &t["index"]).collect();
            assert_eq!(top, expected["top5"].as_array().unwrap().iter().collect::<Vec<_>>(), "{name}");
            let text = std::fs::read_to_string(dump.path().join("tensors.json")).unwrap();
            let dumped: Value = serde_json::from_str(&text).unwrap();
            for (tensor, facts) in expected["tensors"].as_object().unwrap() {
                assert_eq!(dumped[tensor]["crc32"], facts["crc32"], "{name}: tensor `{tensor}`");
                assert_eq!(dumped[tensor]["exponent"], facts["exponent"], "{name}: tensor `{tensor}`");
                assert_eq!(dumped[tensor]["shape"], facts["shape"], "{name}: tensor `{tensor}`");
            }
        }
    }
}

#[test]
fn exports_of_the_peer_give_their_own_stored_test_outputs() {
    let Some(shared) = shared() else { return };
    for target in ["p4_default", "s3_default"] {
        let bytes = std::fs::read(shared.join(format!("peer/{target}/model.espdl"))).unwrap();
        let model = octet_runtime::Model::parse(&bytes).unwrap();
        let (input, output) =
            (model.test_inputs_value().next().unwrap(), model.test_outputs_value().next().unwrap());
        let simulator = octet_runtime::Simulator::new(bytes.clone().into(), None).unwrap();
        let mut scratch = simulator.scratch();
        let values: Vec<i8> = input.data()[..input.shape().elements()].iter().map(|&b| b as i8).collect();
        let answer = simulator.run(&mut scratch, octet_runtime::Data::I8(&values), None).unwrap();
        let octet_runtime::Data::I8(answer) = answer.data else { unreachable!("int8 scores") };
        let expected: Vec<i8> = output.data()[..output.shape().elements()].iter().map(|&b| b as i8).collect();
        assert_eq!(answer, &expected[..], "{target}");
    }
}

#[test]
fn a_damaged_file_is_an_error_with_its_name() {
    let file = tempfile::Builder::new().suffix(".espdl").tempfile().unwrap();
    std::fs::write(file.path(), b"EDL2\0\0\0\0\xff\xff\xff\x7f\0\0\0\0abc").unwrap();
    let path = file.path().to_str().unwrap();
    let picture = root().join("tests/fixtures/pictures");
    let ran = run_octet(&["infer", path, "--image", picture.to_str().unwrap()], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains(path), "{}", ran.stderr);
}
