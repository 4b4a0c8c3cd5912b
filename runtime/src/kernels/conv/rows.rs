//! Rows of an input: a whole picture, a part of it, or the newest rows in a ring.

/// Rows of a tensor `[H, W, C]` in memory.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// `held` rows of `pitch` bytes.
    pub(crate) bytes: &'a [u8],
    /// The row that lies at the start, or at every turn of a ring.
    pub(crate) first: usize,
    pub(crate) held: usize,
    pub(crate) pitch: usize,
}

impl<'a> Rows<'a> {
    /// A row; `None` when it is not there.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        let mut place = row.checked_sub(self.first)?;
        if place >= self.held {
            // Only rings are asked for rows beyond their number.
            place = place.checked_rem(self.held)?;
        }
        let at = place.checked_mul(self.pitch)?;
        self.bytes.get(at..at.checked_add(self.pitch)?)
    }
}
