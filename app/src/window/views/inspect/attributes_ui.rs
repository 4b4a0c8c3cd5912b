//! What the operation computes: its attributes as ONNX has them.

use egui::Ui;
use octet_engine::network::{Network, NodeId, Op, Padding, Window};

use crate::window::views::widgets::{card, fact, section};
use crate::{key, tr};

/// Attributes of the operation, where it has any.
pub(in crate::window::views) fn attributes_ui(ui: &mut Ui, network: &Network, id: NodeId) {
    let attributes = attributes(network, id);
    if attributes.is_empty() {
        return;
    }
    section(ui, "Attributes");
    card(ui, |ui| {
        for (name, value) in attributes {
            fact(ui, name, &value);
        }
    });
}

type Attributes = Vec<(&'static str, String)>;

fn attributes(network: &Network, id: NodeId) -> Attributes {
    match &network.node(id).op {
        Op::Conv(conv) => {
            let mut all = window(&conv.window);
            all.push((key!("Groups"), conv.group.to_string()));
            all
        }
        Op::AveragePool(pool) => {
            let mut all = window(&pool.window);
            let counts = if pool.count_include_pad { tr!("yes") } else { tr!("no") };
            all.push((key!("Padding counts"), counts.into_owned()));
            all
        }
        Op::MaxPool(pool) => window(&pool.window),
        Op::Gemm(gemm) => {
            vec![(key!("Weights"), if gemm.trans_b { "[out, in]" } else { "[in, out]" }.to_owned())]
        }
        Op::Clip => {
            let bound = |i: usize| {
                let tensor = network.node(id).inputs.get(i).map(|t| network.tensor(*t))?;
                tensor.data.as_ref()?.first().copied()
            };
            let mut all = Attributes::new();
            for (name, bound) in [(key!("Lower bound"), bound(1)), (key!("Upper bound"), bound(2))] {
                all.extend(bound.map(|b| (name, b.to_string())));
            }
            all
        }
        Op::Flatten { axis } | Op::Softmax { axis } | Op::Concat { axis } => {
            vec![(key!("Axis"), axis.to_string())]
        }
        Op::Transpose { perm } => {
            let axes: Vec<String> = perm.iter().map(ToString::to_string).collect();
            vec![(key!("Order of axes"), axes.join(", "))]
        }
        Op::Pad { pads, value } => {
            vec![(key!("Padding"), sides(pads)), (key!("Filled with"), value.to_string())]
        }
        Op::Add | Op::Relu | Op::GlobalAveragePool | Op::Reshape => Attributes::new(),
    }
}

fn window(window: &Window) -> Attributes {
    let pair = |[h, w]: [usize; 2]| format!("{h} × {w}");
    let mut all = vec![
        (key!("Kernel"), pair(window.kernel)),
        (key!("Strides"), pair(window.strides)),
        (key!("Padding"), sides(&window.pads)),
    ];
    if window.dilations != [1, 1] {
        all.push((key!("Dilations"), pair(window.dilations)));
    }
    all
}

/// One figure where all sides have the same padding.
fn sides(p: &Padding) -> String {
    match [p.top, p.left, p.bottom, p.right] {
        [t, l, b, r] if t == l && l == b && b == r => t.to_string(),
        [t, l, b, r] => tr!(
            "top %{top}, left %{left}, bottom %{bottom}, right %{right}",
            top = t,
            left = l,
            bottom = b,
            right = r
        )
        .into_owned(),
    }
}
