//! Sliding windows: the attributes that Conv and the pools share, with ONNX's defaults filled in.

use super::graph::GraphNode;
use crate::network::{Padding, Window};

/// Larger numbers in an attribute are no window.
const LIMIT: i64 = 1 << 16;

/// The window of a node over an input of `height` x `width` pixels. `kernel` is used where the node names no
/// `kernel_shape` (a Conv's weights tell it). Explicit pads are computed for `auto_pad`
/// (<https://onnx.ai/onnx/operators/onnx__Conv.html>): `SAME_UPPER` puts the odd pixel at the end.
///
/// # Errors
/// What is wrong, without the node's name.
pub(crate) fn window(
    node: &GraphNode,
    (height, width): (usize, usize),
    kernel: Option<[usize; 2]>,
) -> Result<Window, String> {
    let pair = |name: &str, least: i64| -> Result<Option<[usize; 2]>, String> {
        let Some(values) = node.ints(name) else { return Ok(None) };
        match values {
            &[v, h] if (least..LIMIT).contains(&v) && (least..LIMIT).contains(&h) => {
                Ok(Some([to_usize(v), to_usize(h)]))
            }
            _ => Err(format!(
                "{name} is {values:?}; two numbers (height, width) of at least {least} are needed"
            )),
        }
    };
    let kernel = match (pair("kernel_shape", 1)?, kernel) {
        (Some(named), Some(weights)) if named != weights => {
            return Err(format!("kernel_shape is {named:?}, but the weights are {weights:?}"));
        }
        (Some(k), _) | (None, Some(k)) => k,
        (None, None) => return Err("kernel_shape is missing".to_owned()),
    };
    let strides = pair("strides", 1)?.unwrap_or([1, 1]);
    let dilations = pair("dilations", 1)?.unwrap_or([1, 1]);
    let auto = node.text("auto_pad").unwrap_or("NOTSET");
    let pads = match auto {
        "NOTSET" | "" => explicit(node)?,
        "VALID" => Padding::default(),
        "SAME_UPPER" | "SAME_LOWER" => {
            let [(top, bottom), (left, right)] = [(0, height), (1, width)].map(|(axis, size)| {
                let reach = (kernel[axis] - 1) * dilations[axis] + 1;
                let total =
                    ((size.div_ceil(strides[axis]).max(1) - 1) * strides[axis] + reach).saturating_sub(size);
                let (small, large) = (total / 2, total - total / 2);
                if auto == "SAME_UPPER" { (small, large) } else { (large, small) }
            });
            Padding { top, left, bottom, right }
        }
        other => return Err(format!("auto_pad is `{other}`, which ONNX does not know")),
    };
    Ok(Window { kernel, strides, dilations, pads })
}

fn explicit(node: &GraphNode) -> Result<Padding, String> {
    match node.ints("pads") {
        None | Some([]) => Ok(Padding::default()),
        Some(&[t, l, b, r]) if [t, l, b, r].iter().all(|p| (0..LIMIT).contains(p)) => {
            Ok(Padding { top: to_usize(t), left: to_usize(l), bottom: to_usize(b), right: to_usize(r) })
        }
        Some(pads) => Err(format!("pads are {pads:?}; four numbers of at least 0 are needed")),
    }
}

fn to_usize(v: i64) -> usize {
    usize::try_from(v).unwrap_or(0)
}

/// Height and width after a window moved over `(height, width)` pixels; `ceil` keeps a last incomplete step, as
/// `ceil_mode` of the pools does.
///
/// # Errors
/// The window is larger than the padded picture.
pub(crate) fn output_size(
    window: &Window,
    (height, width): (usize, usize),
    ceil: bool,
) -> Result<(usize, usize), String> {
    let p = window.pads;
    let along = |axis: usize, size: usize, before: usize, after: usize| {
        let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
        let room = (size + before + after).checked_sub(reach).ok_or_else(|| {
            format!("its window of {reach} is larger than its padded input of {}", size + before + after)
        })?;
        let stride = window.strides[axis];
        let mut out = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        // A window that would start in the padding after the picture is left out (ONNX since operator set 19, torch).
        if ceil && (out - 1) * stride >= size + before {
            out -= 1;
        }
        Ok::<_, String>(out)
    };
    Ok((along(0, height, p.top, p.bottom)?, along(1, width, p.left, p.right)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::graph::Attribute;

    fn node(attributes: &[(&str, Attribute)]) -> GraphNode {
        GraphNode {
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            ..GraphNode::default()
        }
    }

    #[test]
    fn missing_attributes_get_the_defaults_of_onnx() {
        let w = window(&node(&[]), (8, 8), Some([3, 3])).unwrap();
        assert_eq!((w.strides, w.dilations, w.pads), ([1, 1], [1, 1], Padding::default()));
    }

    #[test]
    fn same_upper_puts_the_odd_pixel_at_the_end() {
        let same = |mode: &str| {
            let n = node(&[
                ("auto_pad", Attribute::Text(mode.to_owned())),
                ("strides", Attribute::Ints(vec![2, 2])),
            ]);
            window(&n, (224, 224), Some([3, 3])).unwrap()
        };
        assert_eq!(same("SAME_UPPER").pads, Padding { top: 0, left: 0, bottom: 1, right: 1 });
        assert_eq!(same("SAME_LOWER").pads, Padding { top: 1, left: 1, bottom: 0, right: 0 });
        assert_eq!(output_size(&same("SAME_UPPER"), (224, 224), false), Ok((112, 112)));
    }

    #[test]
    fn windows_without_meaning_are_refused() {
        for (name, values) in
            [("strides", vec![0, 1]), ("kernel_shape", vec![3]), ("dilations", vec![1, i64::MAX])]
        {
            assert!(window(&node(&[(name, Attribute::Ints(values))]), (8, 8), None).is_err());
        }
        let large =
            window(&node(&[("pads", Attribute::Ints(vec![0, 0, 0, 0]))]), (2, 2), Some([3, 3])).unwrap();
        assert!(output_size(&large, (2, 2), false).is_err());
        assert!(
            window(&node(&[("pads", Attribute::Ints(vec![-1, 0, 0, 0]))]), (2, 2), Some([3, 3])).is_err()
        );
    }
}
