//! From the network's output to answers, without a heap: softmax, the best classes, a threshold, labels.

use crate::kernels::exp2_f32;
use crate::shape::DType;

/// One answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// Index of the class.
    pub index: u32,
    /// Probability, 0..1.
    pub score: f32,
}

/// The network's output.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'o> {
    bytes: &'o [u8],
    dtype: DType,
    scale: f32,
    probabilities: bool,
}

impl<'o> Scores<'o> {
    /// Elements as they lie in the arena (int8, int16 or float32, little endian); value = integer x 2^`exponent`.
    /// `probabilities` says that the network ends with a softmax of its own, so that none is needed here. `None` for
    /// other types, and when there are no whole elements.
    pub fn new(bytes: &'o [u8], dtype: DType, exponent: Option<i32>, probabilities: bool) -> Option<Self> {
        let known = matches!(dtype, DType::I8 | DType::I16 | DType::F32);
        let whole = !bytes.is_empty() && bytes.len().is_multiple_of(dtype.bytes());
        let scale = exp2_f32(exponent.unwrap_or(0));
        (known && whole).then_some(Self { bytes, dtype, scale, probabilities })
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.bytes()
    }

    /// Whether there are none; never so.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of a class; not-a-number for one that does not exist, and the lowest value for a not-a-number.
    pub fn value(&self, index: usize) -> f32 {
        let element = self.bytes.get(index.saturating_mul(self.dtype.bytes())..);
        match (self.dtype, element) {
            (DType::I8, Some(&[byte, ..])) => f32::from(byte as i8) * self.scale,
            (DType::I16, Some(&[low, high, ..])) => f32::from(i16::from_le_bytes([low, high])) * self.scale,
            (_, Some(&[a, b, c, d, ..])) => {
                let value = f32::from_le_bytes([a, b, c, d]);
                if value.is_nan() { f32::MIN } else { value.clamp(f32::MIN, f32::MAX) }
            }
            _ => f32::NAN,
        }
    }

    fn values(&self) -> impl Iterator<Item = f32> + '_ {
        (0..self.len()).map(|i| self.value(i))
    }

    /// The best classes with their probabilities, best first, as many as `answers` has room for; ties go to the lower
    /// index. Those below `threshold` are left out. Returns how many were written.
    pub fn best(&self, threshold: f32, answers: &mut [Answer]) -> usize {
        let mut used = 0;
        for (index, value) in self.values().enumerate() {
            // Scores are values until all are known. Equal ones stay behind earlier ones.
            let place = answers.iter().take(used).position(|a| value > a.score).unwrap_or(used);
            if place >= answers.len() {
                continue;
            }
            used = (used + 1).min(answers.len());
            // Each answer behind it moves on by one place.
            let mut moved = Answer { index: index as u32, score: value };
            for answer in answers.iter_mut().take(used).skip(place) {
                core::mem::swap(answer, &mut moved);
            }
        }
        let answers = answers.get_mut(..used).unwrap_or_default();
        if !self.probabilities {
            let largest = self.values().fold(f32::MIN, f32::max);
            let sum: f32 = self.values().map(|v| libm::expf(v - largest)).sum();
            for answer in answers.iter_mut() {
                answer.score = libm::expf(answer.score - largest) / sum;
            }
        }
        answers.iter().position(|a| a.score < threshold).unwrap_or(used)
    }
}

/// Names of classes: one line each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'t>(&'t str);

impl<'t> Labels<'t> {
    /// Lines end with LF or CR LF.
    pub fn new(text: &'t str) -> Self {
        Self(text)
    }

    /// The name of a class; `None` beyond the last line and for an empty one.
    pub fn get(&self, index: usize) -> Option<&'t str> {
        self.0.lines().nth(index).map(str::trim).filter(|line| !line.is_empty())
    }
}
