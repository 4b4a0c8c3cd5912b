//! `plan.json`: the network and its quantization for whoever trains it. Documented in `docs/qat.md`.

use octet_plugin_api::sdk::{Error, Node, Role, Rounding, TensorId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::formats::{Formats, SlotIndex};
use crate::model::{DecidedSlot, Model};

/// Version of the folder: `plan.json`, the files beside it, and what comes back.
pub(crate) const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Debug, Serialize)]
pub(crate) struct PlanFile {
    schema: u32,
    network: String,
    target: TargetFile,
    /// The picture, NCHW with batch 1.
    input: TensorFile,
    /// What training compares: the network's output, before a Softmax that ends it.
    scores: TensorFile,
    slots: Vec<SlotFile>,
    nodes: Vec<NodeFile>,
}

#[derive(Debug, Serialize)]
struct TargetFile {
    name: String,
    rounding: &'static str,
    per_channel: bool,
}

/// An activation where it is written (`slot` null: not rounded here) or read (`slot` null: as it is).
#[derive(Debug, Serialize)]
struct TensorFile {
    tensor: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shape: Vec<usize>,
    slot: Option<SlotIndex>,
}

#[derive(Debug, Serialize)]
struct SlotFile {
    tensor: String,
    bits: u32,
    role: &'static str,
    /// Weights only: the axis of the output channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    axis: Option<usize>,
    exponents: Vec<i32>,
}

#[derive(Debug, Serialize)]
struct NodeFile {
    name: String,
    op: String,
    bits: u32,
    attributes: Map<String, Value>,
    inputs: Vec<TensorFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<WeightsFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<BiasFile>,
    output: TensorFile,
}

#[derive(Debug, Serialize)]
struct WeightsFile {
    tensor: String,
    slot: SlotIndex,
}

#[derive(Debug, Serialize)]
struct BiasFile {
    tensor: String,
    bits: u32,
}

impl PlanFile {
    /// Describes a model.
    ///
    /// # Errors
    /// A node has no place in the format.
    pub(crate) fn new(model: &Model) -> Result<PlanFile, Error> {
        let formats = Formats::new(model);
        let nodes = model.nodes.iter().enumerate().map(|(i, node)| node_file(model, &formats, i, node));
        let scores = formats.scores();
        Ok(PlanFile {
            schema: SCHEMA,
            network: model.network.name.clone(),
            target: TargetFile {
                name: model.target.name.clone(),
                rounding: match model.target.rounding {
                    Rounding::HalfEven => "half_even",
                    Rounding::HalfUp => "half_up",
                },
                per_channel: model.target.per_channel,
            },
            input: written(model, model.network.input, formats.stored(model.network.input)),
            scores: written(model, scores, formats.stored(scores)),
            slots: model.slots.iter().map(|decided| slot_file(model, decided)).collect(),
            nodes: nodes.collect::<Result<_, Error>>()?,
        })
    }
}

fn slot_file(model: &Model, DecidedSlot { slot, exponents }: &DecidedSlot) -> SlotFile {
    let (role, axis) = match slot.role {
        Role::Activation => ("activation", None),
        Role::Weights { axis, .. } => ("weights", Some(axis)),
    };
    let tensor = model.name(slot.tensor).to_owned();
    SlotFile { tensor, bits: slot.bits, role, axis, exponents: exponents.clone() }
}

fn written(model: &Model, tensor: TensorId, slot: Option<SlotIndex>) -> TensorFile {
    TensorFile { tensor: model.name(tensor).to_owned(), shape: model.shape(tensor).to_vec(), slot }
}

fn node_file(model: &Model, formats: &Formats<'_>, index: usize, node: &Node) -> Result<NodeFile, Error> {
    let incomplete =
        |what: &str| Error::failed(format!("`{}` ({}) cannot be handed over: {what}", node.name, node.op));
    let output = *node.outputs.first().ok_or_else(|| incomplete("it has no result"))?;
    let operands = formats.operands(node).map(|tensor| TensorFile {
        tensor: model.name(tensor).to_owned(),
        shape: Vec::new(),
        slot: formats.read(node, tensor),
    });
    let bits = formats.bits(node);
    let (mut weights, mut bias) = (None, None);
    if let (true, Some(&tensor)) = (node.computing, node.inputs.get(1)) {
        let slot =
            formats.weights(node, tensor).ok_or_else(|| incomplete("its weights have no exponents"))?;
        weights = Some(WeightsFile { tensor: model.name(tensor).to_owned(), slot });
        bias = node.inputs.get(2).map(|&tensor| BiasFile {
            tensor: model.name(tensor).to_owned(),
            bits: if bits == 8 { model.target.bias_bits_int8 } else { model.target.bias_bits_int16 },
        });
    }
    let (op, attributes) =
        operation(model, index, node).ok_or_else(|| incomplete("its bounds are missing"))?;
    Ok(NodeFile {
        name: node.name.clone(),
        op: op.to_owned(),
        bits,
        attributes,
        inputs: operands.collect(),
        weights,
        bias,
        output: written(model, output, formats.written(node)),
    })
}

/// The operation and its attributes: numbers where ONNX has one number, lists where it has several. A Clip's bounds
/// are attributes; a Clip that the draft replaced is a Relu.
fn operation<'n>(model: &Model, index: usize, node: &'n Node) -> Option<(&'n str, Map<String, Value>)> {
    let mut map = Map::new();
    if node.op == "Clip" {
        if node.relu_for_clip {
            return Some(("Relu", map));
        }
        for (name, tensor) in ["min", "max"].into_iter().zip(node.inputs.get(1..3)?) {
            map.insert(name.to_owned(), json!(model.constants.get(tensor)?.first()?));
        }
    }
    if let Some(attributes) = model.attributes.get(index) {
        for (name, values) in &attributes.ints {
            let value = match (*name, values.as_slice()) {
                ("group" | "transB" | "axis" | "count_include_pad", [value]) => json!(value),
                (_, values) => json!(values),
            };
            map.insert((*name).to_owned(), value);
        }
        map.extend(attributes.floats.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    }
    Some((node.op.as_str(), map))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_model::model;

    fn plan() -> Value {
        serde_json::to_value(PlanFile::new(&model()).unwrap()).unwrap()
    }

    fn slot_of(plan: &Value, tensor: &str) -> Value {
        let slots = plan["slots"].as_array().unwrap();
        slots.iter().position(|s| s["tensor"] == tensor).unwrap().into()
    }

    #[test]
    fn an_activation_is_computed_with_the_node_before_it() {
        let plan = plan();
        let (conv, clip) = (&plan["nodes"][0], &plan["nodes"][1]);
        assert_eq!(conv["inputs"][0]["slot"], slot_of(&plan, "picture"));
        assert_eq!(conv["output"]["slot"], Value::Null);
        assert_eq!(clip["inputs"][0]["slot"], Value::Null);
        assert_eq!(clip["output"]["slot"], slot_of(&plan, "t1"));
        assert_eq!((&clip["attributes"]["min"], &clip["attributes"]["max"]), (&json!(0.0), &json!(6.0)));
    }

    #[test]
    fn operands_of_an_add_take_the_format_of_its_result() {
        let plan = plan();
        let sum = slot_of(&plan, "t4");
        for node in [2, 3, 4] {
            assert_eq!(plan["nodes"][node]["output"]["slot"], sum);
        }
        assert_eq!(
            plan["nodes"][4]["inputs"],
            json!([{"tensor": "t2", "slot": sum}, {"tensor": "t3", "slot": sum}])
        );
    }

    #[test]
    fn passive_operations_keep_the_format_of_their_input() {
        let plan = plan();
        let mean = slot_of(&plan, "t5");
        let flat = &plan["nodes"][6];
        assert_eq!((&flat["inputs"][0]["slot"], &flat["output"]["slot"]), (&mean, &mean));
        assert_eq!(flat["output"]["shape"], json!([1, 3]));
    }

    #[test]
    fn constants_and_attributes_stand_under_their_names() {
        let plan = plan();
        let gemm = &plan["nodes"][7];
        assert_eq!(gemm["weights"], json!({"tensor": "w7", "slot": slot_of(&plan, "w7")}));
        assert_eq!(gemm["bias"], json!({"tensor": "b7", "bits": 32}));
        assert_eq!(gemm["attributes"], json!({"transB": 1}));
        assert_eq!(plan["nodes"][2]["attributes"]["group"], 1);
        assert_eq!(plan["nodes"][2]["attributes"]["strides"], json!([1, 1]));
        assert!(plan["nodes"][2].get("bias").is_none());
        assert_eq!(plan["scores"]["tensor"], "t7");
        assert_eq!(plan["target"]["rounding"], "half_even");
    }

    #[test]
    fn a_clip_that_the_draft_replaced_is_a_relu() {
        let mut model = model();
        model.nodes[1].relu_for_clip = true;
        let plan = serde_json::to_value(PlanFile::new(&model).unwrap()).unwrap();
        assert_eq!((&plan["nodes"][1]["op"], &plan["nodes"][1]["attributes"]), (&json!("Relu"), &json!({})));
    }

    #[test]
    fn widths_that_meet_are_quantized_in_between() {
        let mut model = model();
        // The second Conv in 16 bits: it reads the Clip's result, and the Add its own, at another width.
        model.nodes[2].bits = 16;
        for index in [1, 5, 6] {
            let mut wide = model.slots[index].clone();
            wide.slot.bits = 16;
            model.slots.push(wide);
        }
        let plan = serde_json::to_value(PlanFile::new(&model).unwrap()).unwrap();
        let bits = |slot: &Value| plan["slots"][slot.as_u64().unwrap() as usize]["bits"].clone();
        let (clip, wide, sum) = (&plan["nodes"][1], &plan["nodes"][2], &plan["nodes"][4]);
        assert_eq!((bits(&clip["output"]["slot"]), bits(&wide["inputs"][0]["slot"])), (json!(8), json!(16)));
        assert_eq!((bits(&wide["output"]["slot"]), bits(&sum["inputs"][0]["slot"])), (json!(16), json!(8)));
        assert_eq!(bits(&wide["weights"]["slot"]), 16);
    }
}
