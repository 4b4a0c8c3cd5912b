//! Operations in words.

use octet_engine::network::{Network, NodeId, Op};

/// Channels that an operation reads; 0 where its input has none.
pub fn channels_in(network: &Network, id: NodeId) -> usize {
    let input = network.node(id).inputs.first();
    input.and_then(|t| network.tensor(*t).shape.get(1).copied()).unwrap_or(0)
}

/// True for a convolution that reads each channel for itself.
pub fn is_depthwise(network: &Network, id: NodeId) -> bool {
    matches!(&network.node(id).op, Op::Conv(c) if c.group > 1 && c.group == channels_in(network, id))
}

/// A few words, e.g. `Depthwise 3×3 /2`.
pub fn long(network: &Network, id: NodeId) -> String {
    match &network.node(id).op {
        Op::Conv(c) => {
            let [h, w] = c.window.kernel;
            let step =
                if c.window.strides == [1, 1] { String::new() } else { format!(" /{}", c.window.strides[0]) };
            let name = if is_depthwise(network, id) { "Depthwise" } else { "Conv" };
            format!("{name} {h}×{w}{step}")
        }
        Op::Gemm(_) => "Fully connected".to_owned(),
        Op::Clip => match bounds(network, id) {
            Some((low, high)) => format!("Clip {low} … {high}"),
            None => "Clip".to_owned(),
        },
        Op::GlobalAveragePool => "Average pool".to_owned(),
        Op::AveragePool(_) => "Average pool".to_owned(),
        Op::MaxPool(_) => "Max pool".to_owned(),
        other => other.onnx_name().to_owned(),
    }
}

/// As [`long`], with fewer characters: a row of an open block has room for a figure beside it.
pub fn medium(network: &Network, id: NodeId) -> String {
    let long = long(network, id);
    match long.strip_prefix("Depthwise") {
        Some(rest) => format!("DW{rest}"),
        None if matches!(network.node(id).op, Op::Gemm(_)) => "Fully conn.".to_owned(),
        None => long,
    }
}

/// Few enough characters for a cell of a closed block.
pub fn short(network: &Network, id: NodeId) -> String {
    match &network.node(id).op {
        Op::Conv(c) => {
            let [h, w] = c.window.kernel;
            if is_depthwise(network, id) { format!("dw {h}×{w}") } else { format!("{h}×{w}") }
        }
        Op::Gemm(_) => "fc".to_owned(),
        Op::Add => "+".to_owned(),
        Op::GlobalAveragePool | Op::AveragePool(_) => "mean".to_owned(),
        Op::MaxPool(_) => "max".to_owned(),
        other => other.onnx_name().to_lowercase(),
    }
}

/// The bounds of a Clip.
fn bounds(network: &Network, id: NodeId) -> Option<(f32, f32)> {
    let inputs = &network.node(id).inputs;
    let bound = |i: usize| {
        let tensor = network.tensor(*inputs.get(i)?);
        tensor.data.as_ref()?.first().copied()
    };
    Some((bound(1)?, bound(2)?))
}

/// The end of a name, with dots for what was cut off its start: ends tell names apart.
pub fn tail(name: &str, max_chars: usize) -> String {
    let count = name.chars().count();
    if count <= max_chars {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(count + 1 - max_chars).collect();
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(tail("features.1.conv", 20), "features.1.conv");
        assert_eq!(tail("features.1.conv", 6), "….conv");
        assert_eq!(tail("größe/ä", 4), "…e/ä");
    }
}
