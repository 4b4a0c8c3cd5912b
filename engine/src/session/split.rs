//! Which pictures are calibration pictures and which are held out.

use crate::strategy::PictureSet;

/// Every n-th picture may be held out; the others stay calibration pictures, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Split {
    /// 0: none is held out. Otherwise at least 2.
    every: usize,
}

impl Split {
    /// Holds out every n-th picture; 0 for none. `None` for 1, which would leave nothing.
    pub(super) fn every(every: usize) -> Option<Split> {
        (every != 1).then_some(Split { every })
    }

    /// Number of pictures of a set when there are `all`.
    pub(super) fn len(self, set: PictureSet, all: usize) -> usize {
        let held_out = all.checked_div(self.every).unwrap_or(0);
        match set {
            PictureSet::Calibration => all - held_out,
            PictureSet::HeldOut => held_out,
        }
    }

    /// The place among all pictures of a set's picture.
    pub(super) fn place(self, set: PictureSet, picture: usize) -> usize {
        match (set, self.every) {
            (PictureSet::Calibration, 0) => picture,
            (PictureSet::Calibration, every) => picture + picture / (every - 1),
            (PictureSet::HeldOut, every) => picture * every + every.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_in_exactly_one_set() {
        for every in [0, 2, 3, 8] {
            let split = Split::every(every).unwrap();
            for all in 0..40 {
                let mut seen = vec![0; all];
                for set in [PictureSet::Calibration, PictureSet::HeldOut] {
                    let places: Vec<usize> = (0..split.len(set, all)).map(|i| split.place(set, i)).collect();
                    assert!(places.is_sorted());
                    places.iter().for_each(|&place| seen[place] += 1);
                }
                assert!(seen.iter().all(|&count| count == 1), "{every} {all} {seen:?}");
            }
        }
    }

    #[test]
    fn no_split_leaves_nothing_to_calibrate_on() {
        assert_eq!(Split::every(1), None);
    }
}
