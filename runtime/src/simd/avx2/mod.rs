//! Kernels for AVX2. Products are formed by `madd_epi16` from operands widened to 16 bits: two products of
//! int8 and their sum always fit, so unlike with `maddubs` nothing saturates.

mod audit;
mod depthwise;
mod gemm;
mod wide;

pub(crate) use depthwise::Depthwise;
pub(crate) use gemm::Gemm;
pub(crate) use wide::Wide;

use super::Block;
use core::arch::x86_64::*;

/// Rounding parameters of a block in registers.
#[derive(Clone, Copy)]
struct Epilogue {
    add: [__m256i; 2],
    odd: [__m256i; 2],
    shift: [__m256i; 2],
    low: __m128i,
}

impl Epilogue {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn new(block: &Block, relu: bool) -> Self {
        Self {
            add: load_i32(&block.add),
            odd: load_i32(&block.odd),
            shift: load_i32(&block.shift),
            low: _mm_set1_epi8(if relu { 0 } else { -128 }),
        }
    }

    /// 16 sums to 16 saturated int8 in channel order.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn finish(&self, sums: [__m256i; 2]) -> __m128i {
        let [a, b] = [self.round(sums[0], 0), self.round(sums[1], 1)];
        let words = _mm256_packs_epi32(a, b);
        let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        _mm_max_epi8(bytes, self.low)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn round(&self, sum: __m256i, half: usize) -> __m256i {
        let odd = _mm256_and_si256(_mm256_srav_epi32(sum, self.shift[half]), self.odd[half]);
        let raised = _mm256_add_epi32(_mm256_add_epi32(sum, self.add[half]), odd);
        _mm256_srav_epi32(raised, self.shift[half])
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_i32(values: &[i32; 16]) -> [__m256i; 2] {
    // SAFETY: 16 values of 4 bytes are two registers.
    unsafe { [_mm256_loadu_si256(values.as_ptr().cast()), _mm256_loadu_si256(values.as_ptr().add(8).cast())] }
}

/// Stores 16 bytes, or as many as there is room for.
#[target_feature(enable = "avx2")]
#[inline]
fn store(out: &mut [u8], values: __m128i) {
    if let Some(out) = out.first_chunk_mut::<16>() {
        // SAFETY: the destination has 16 bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), values) };
        return;
    }
    let mut bytes = [0u8; 16];
    // SAFETY: the destination has 16 bytes.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), values) };
    let room = out.len();
    out.copy_from_slice(&bytes[..room]);
}
