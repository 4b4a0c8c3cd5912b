//! Layers by name or pattern.

use std::collections::BTreeSet;

use globset::Glob;
use octet_plugin_api::sdk::Error;

use crate::graph::{Graph, NodeId};

/// The layers that a comma-separated list of names and patterns means, by their own names or those of nodes that were
/// merged into them. A name that is one exactly is no pattern. `setting` is for the message.
pub(crate) fn matching(list: &str, graph: &Graph, setting: &str) -> Result<BTreeSet<NodeId>, Error> {
    let mut found = BTreeSet::new();
    for entry in list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let named = |is_meant: &dyn Fn(&str) -> bool| -> Vec<NodeId> {
            let meant = |node: NodeId| {
                let node = graph.nodes.get(node);
                node.is_some_and(|n| is_meant(&n.name) || n.absorbed.iter().any(|name| is_meant(name)))
            };
            graph.layers().map(|(node, _)| node).filter(|&node| meant(node)).collect()
        };
        let mut layers = named(&|name| name == entry);
        if layers.is_empty() {
            let pattern = Glob::new(entry).map_err(|e| {
                Error::failed(format!("`{setting}`: `{entry}` is neither a layer nor a pattern: {e}"))
            })?;
            let pattern = pattern.compile_matcher();
            layers = named(&|name| pattern.is_match(name));
        }
        if layers.is_empty() {
            return Err(Error::failed(format!(
                "`{setting}`: no Conv or Gemm is called `{entry}`; names are those of the report's layers"
            )));
        }
        found.extend(layers);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_network::Build;

    fn ids(list: &str) -> Result<Vec<NodeId>, String> {
        let mut build = Build::new(1, 2);
        let a = build.conv("/a/conv", 0, 2, 1, false);
        let b = build.relu("/a/relu", a);
        build.conv("/b/conv[0]", b, 2, 1, false);
        let (mut graph, _) = build.finish();
        graph.nodes[0].absorbed.push("/a/bn".to_owned());
        matching(list, &graph, "layers").map(|f| f.into_iter().collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn names_patterns_and_merged_names_mean_layers() {
        assert!(ids("").unwrap().is_empty());
        assert_eq!(ids("/a/conv").unwrap(), [0]);
        assert_eq!(ids("/a/bn, *conv*").unwrap(), [0, 2]);
        assert_eq!(ids("/b/conv[0]").unwrap(), [2], "a name with brackets is a name");
    }

    #[test]
    fn what_is_no_layer_is_refused_by_name() {
        assert!(ids("/a/conv,/c/conv").unwrap_err().contains("`/c/conv`"));
        assert!(ids("/a/relu").unwrap_err().contains("no Conv or Gemm"));
        assert!(ids("[").unwrap_err().contains("neither"));
    }
}
