//! Finds operations by what they are called, what they do, and where they are.

use octet_engine::network::{Network, NodeId, Op};

use super::Group;
use crate::window::words;

/// An operation that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub node: NodeId,
    /// What it computes.
    pub title: String,
    /// Its name.
    pub name: String,
    /// The group that it is in.
    pub group: String,
}

/// The operations that hold every word of `text` in their name, in the names of what was merged into them, in what
/// they compute, or in their group's title; upper and lower case are the same. Those whose name holds all of
/// `text`, or whose group is called so, come first; then the order is the network's. Nothing is found by an empty text.
pub fn search(network: &Network, groups: &[Group], text: &str) -> Vec<Hit> {
    let text = text.trim().to_lowercase();
    let terms: Vec<&str> = text.split_whitespace().collect();
    if terms.is_empty() {
        return Vec::new();
    }
    let mut titles = vec![""; network.nodes.len()];
    for group in groups {
        group.nodes.iter().for_each(|n| titles[n.0] = group.title.as_str());
    }
    let mut hits: Vec<(u8, Hit)> = Vec::new();
    for (node, facts) in network.node_ids() {
        let title = words::long(network, node);
        let name = facts.name.to_lowercase();
        let mut all = format!("{name}\n{}\n{}\n", title.to_lowercase(), facts.op.onnx_name().to_lowercase());
        if matches!(facts.op, Op::Conv(_)) && title.starts_with("Depthwise") {
            all.push_str("depthwiseconv dwconv\n");
        }
        all.push_str(&titles[node.0].to_lowercase());
        for absorbed in &facts.absorbed {
            all.push('\n');
            all.push_str(&absorbed.to_lowercase());
        }
        if !terms.iter().all(|t| all.contains(t)) {
            continue;
        }
        let rank = if name == text {
            0
        } else if name.contains(&text) || titles[node.0].to_lowercase() == text {
            1
        } else {
            2
        };
        let hit = Hit { node, title, name: facts.name.clone(), group: titles[node.0].to_owned() };
        hits.push((rank, hit));
    }
    hits.sort_by_key(|(rank, _)| *rank);
    hits.into_iter().map(|(_, hit)| hit).collect()
}
