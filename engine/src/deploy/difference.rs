//! The first tensor in which a board and the desktop differ.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::console::plain;

/// The board's names are cut to this many bytes (docs/console.md), less what JSON escapes take.
pub const SURE_NAME_BYTES: usize = 200;

/// A tensor that the board computes otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In execution order, the network's input being 0.
    pub index: usize,
    /// Its name, without what a terminal would act on.
    pub name: String,
    /// CRC32 on the board.
    pub board_crc32: u32,
    /// CRC32 on the desktop.
    pub desktop_crc32: u32,
}

impl Difference {
    /// Where it is, in words.
    pub(super) fn told(&self) -> String {
        format!(
            "the board and the desktop differ first in tensor `{}` (number {}): CRC32 {:08x} on the board, {:08x} on the desktop",
            self.name, self.index, self.board_crc32, self.desktop_crc32
        )
    }
}

/// A tensor as the board told it.
pub(super) struct ToldTensor {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) crc32: u32,
}

/// How many tensors were compared, and the first of them that differs. `expected` has all in execution order.
pub(super) fn first_difference(
    expected: &[(String, u32)],
    told: &[ToldTensor],
) -> (usize, Option<Difference>) {
    let by_name = places(expected);
    let mut compared = 0;
    let mut first: Option<Difference> = None;
    for tensor in told {
        // Names are what both know; an index counts on where blocks are fused.
        let at = by_name.get(&short(&plain(&tensor.name))).copied().flatten().unwrap_or(tensor.index);
        let Some((name, crc32)) = expected.get(at) else { continue };
        compared += 1;
        let is_earlier = first.as_ref().is_none_or(|f| at < f.index);
        if tensor.crc32 != *crc32 && is_earlier {
            first = Some(Difference {
                index: at,
                name: plain(name),
                board_crc32: tensor.crc32,
                desktop_crc32: *crc32,
            });
        }
    }
    (compared, first)
}

/// Where each name stands; `None` where it stands twice.
fn places(expected: &[(String, u32)]) -> HashMap<String, Option<usize>> {
    let mut places = HashMap::new();
    for (index, (name, _)) in expected.iter().enumerate() {
        places.entry(short(&plain(name))).and_modify(|at| *at = None).or_insert(Some(index));
    }
    places
}

fn short(name: &str) -> String {
    name[..name.floor_char_boundary(SURE_NAME_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(index: usize, name: &str, crc32: u32) -> ToldTensor {
        ToldTensor { index, name: name.to_owned(), crc32 }
    }

    #[test]
    fn the_earliest_difference_counts_whatever_the_order_of_lines() {
        let expected: Vec<(String, u32)> =
            [("in", 1), ("a", 2), ("b", 3), ("out", 4)].map(|(name, crc)| (name.to_owned(), crc)).into();
        let board = [told(3, "out", 9), told(2, "b", 8), told(0, "in", 1)];
        let (compared, first) = first_difference(&expected, &board);
        assert_eq!((compared, first.map(|f| (f.index, f.name))), (3, Some((2, "b".to_owned()))));
        assert_eq!(first_difference(&expected, &[told(0, "in", 1)]), (1, None));
    }

    #[test]
    fn names_count_before_indices_unless_they_stand_twice() {
        let expected: Vec<(String, u32)> =
            [("in", 1), ("a", 2), ("a", 3)].map(|(name, crc)| (name.to_owned(), crc)).into();
        assert_eq!(first_difference(&expected, &[told(7, "in", 1)]), (1, None));
        assert_eq!(first_difference(&expected, &[told(2, "a", 3)]), (1, None));
        assert_eq!(first_difference(&expected, &[told(9, "none", 3)]), (0, None));
    }

    #[test]
    fn long_names_are_compared_as_far_as_the_board_tells_them() {
        let long = "ä".repeat(200);
        let expected = [("in".to_owned(), 1), (long.clone(), 2)];
        let cut = &long[..long.floor_char_boundary(235)];
        assert_eq!(first_difference(&expected, &[told(9, cut, 2)]), (1, None));
    }

    #[test]
    fn a_name_of_the_file_does_nothing_to_a_terminal() {
        let evil = "conv\u{1b}[2J\u{202e}\n1";
        let expected = [("in".to_owned(), 1), (evil.to_owned(), 2)];
        let (compared, first) = first_difference(&expected, &[told(9, "conv1", 3)]);
        let difference = first.unwrap();
        assert_eq!((compared, difference.index, difference.name.as_str()), (1, 1, "conv1"));
        assert!(!difference.told().contains('\u{1b}'));
    }
}
