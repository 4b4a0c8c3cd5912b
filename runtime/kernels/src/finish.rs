//! From a sum of products to an int8 output.

use core::hint::cold_path;

/// What turns a sum of products into an output: the bias with a half of the last place kept, and the shift, 0..=30.
pub type Finish = [u32; 2];

/// Bounds and rounding of a layer's int8 outputs.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    low: i32,
    /// The bit which a tie loses: half to even clears the lowest.
    even: i32,
}

impl Output {
    /// `relu`: nothing is below 0. `half_even`: ties go to the even integer, else up.
    pub fn new(relu: bool, half_even: bool) -> Self {
        Self { low: if relu { 0 } else { -128 }, even: i32::from(half_even) }
    }

    /// saturate(round((sum + bias) * 2^-shift)). What is rounded has a half added already, so that a tie is a
    /// quotient without rest; a shift of 0 sees one only in 0, which is even.
    #[inline(always)]
    pub fn byte(self, sum: i32, [add, shift]: Finish) -> u8 {
        self.rounded(sum.wrapping_add(add as i32), shift)
    }

    /// The same where bias and half are added already.
    #[inline(always)]
    pub(crate) fn rounded(self, sum: i32, shift: u32) -> u8 {
        let mut rounded = sum.wrapping_shr(shift);
        if sum.wrapping_shl(32u32.wrapping_sub(shift)) == 0 {
            // Rare enough that a jump is cheaper than computing both ways.
            cold_path();
            rounded &= !self.even;
        }
        rounded = rounded.max(self.low);
        if rounded > 127 {
            cold_path();
            return 127;
        }
        rounded as u8
    }
}
