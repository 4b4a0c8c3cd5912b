//! From the host to a [`Graph`] and back.

use octet_plugin_api::sdk::{Error, Host};

use crate::graph::{Constants, Graph, Kind, Layer, Node, Tensor};

/// The network under the draft, and the values of its constants.
pub(crate) fn load(host: &Host<'_>) -> Result<(Graph, Constants), Error> {
    let network = host.network()?;
    let mut graph = Graph { input: id(network.input), output: id(network.output), ..Graph::default() };
    let mut constants = Constants::new();
    let mut readers = Vec::new();
    for tensor in 0..network.tensors {
        let tensor = host.tensor(tensor)?;
        if tensor.constant {
            constants.insert(id(tensor.id), host.weights(tensor.id)?.to_vec());
        }
        readers.push(tensor.consumers.len());
        let consumers = tensor.consumers.into_iter().map(id).collect();
        let producer = tensor.producer.map(id);
        graph.tensors.push(Tensor { name: tensor.name, shape: tensor.shape, producer, consumers });
    }
    for node in host.nodes()? {
        let inputs: Vec<usize> = node.inputs.iter().copied().map(id).collect();
        // Constants that somebody else reads too cannot be rewritten for one of their readers.
        let shared = |tensors: &[usize]| tensors.iter().any(|&t| readers.get(t).is_none_or(|&n| n > 1));
        let kind = match node.op.as_str() {
            "Conv" | "Gemm" if shared(inputs.get(1..).unwrap_or_default()) => Kind::Rigid,
            "Conv" | "Gemm" => layer(host, &graph, &node, &inputs)?.map_or(Kind::Rigid, Kind::Layer),
            "Clip" if node.relu_for_clip => Kind::Channelwise,
            "Clip" => match inputs[..] {
                [_, lower, upper] => Kind::Clip { lower, upper, shared: shared(&[lower, upper]) },
                _ => Kind::Rigid,
            },
            "Relu" | "MaxPool" | "AveragePool" | "GlobalAveragePool" => Kind::Channelwise,
            "Add" if !inputs.iter().any(|i| constants.contains_key(i)) => Kind::Add,
            "Flatten" | "Reshape" | "Transpose" => Kind::Rearranging,
            "Concat" if !inputs.iter().any(|i| constants.contains_key(i)) => Kind::Rearranging,
            // Around height and width, which leaves the channels alone.
            "Pad" if host.attribute_float(node.id, "value") == Some(0.0) => Kind::Channelwise,
            _ => Kind::Rigid,
        };
        let Some(&output) = node.outputs.first() else {
            return Err(Error::failed(format!("`{}` computes nothing; check the model", node.name)));
        };
        let inputs = inputs.into_iter().filter(|i| !constants.contains_key(i)).collect();
        let (name, absorbed, op) = (node.name, node.absorbed, node.op);
        graph.nodes.push(Node { name, absorbed, op, kind, inputs, output: id(output) });
    }
    Ok((graph, constants))
}

/// Ids are the host's places in its lists.
fn id(id: u64) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

/// The layer that a Conv or Gemm is; `None` when its weights are computed or do not match its attributes.
fn layer(
    host: &Host<'_>,
    graph: &Graph,
    node: &octet_plugin_api::sdk::Node,
    inputs: &[usize],
) -> Result<Option<Layer>, Error> {
    let Some(&weights) = inputs.get(1) else { return Ok(None) };
    let Some(shape) = graph.tensors.get(weights).map(|t| t.shape.as_slice()) else { return Ok(None) };
    let bias = inputs.get(2).copied();
    let number = |name: &str| host.attribute_ints(node.id, name).and_then(|v| v.first().copied());
    let layer = match (node.op.as_str(), shape) {
        ("Conv", &[outputs, inputs, ..]) => {
            let groups = usize::try_from(number("group").unwrap_or(1)).unwrap_or(1);
            let area = shape.iter().skip(2).product();
            let pads = host.attribute_ints(node.id, "pads").unwrap_or_default();
            let padded = pads.iter().any(|&p| p != 0);
            let inputs = inputs.saturating_mul(groups);
            Layer { weights, bias, outputs, inputs, groups, area, inputs_first: false, padded }
        }
        ("Gemm", &[first, second]) => {
            let inputs_first = number("transB").unwrap_or(0) == 0;
            let (outputs, inputs) = if inputs_first { (second, first) } else { (first, second) };
            Layer { weights, bias, outputs, inputs, groups: 1, area: 1, inputs_first, padded: false }
        }
        _ => return Ok(None),
    };
    let weights = host.weights(weights as u64)?.len();
    let fits = layer.groups > 0
        && layer.outputs.is_multiple_of(layer.groups)
        && weights == layer.outputs * (layer.inputs / layer.groups) * layer.area;
    let biased = match bias {
        Some(bias) => host.weights(bias as u64)?.len() == layer.outputs,
        None => true,
    };
    Ok((fits && biased).then_some(layer))
}

/// Gives the host every constant that differs from what it has.
pub(crate) fn store(host: &mut Host<'_>, constants: &Constants) -> Result<(), Error> {
    for (&tensor, values) in constants {
        if host.weights(tensor as u64)? != values.as_slice() {
            host.set_weights(tensor as u64, values)?;
        }
    }
    Ok(())
}
