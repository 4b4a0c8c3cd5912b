//! What the lint has to know of a picture, taken while its pixels are at hand.

use crate::pictures::Picture;

/// Channels that differ by no more than this are grey: JPEG turns grey pictures a little coloured.
const GREY_SPREAD: u8 = 8;
/// Columns of the grid that [`Traits::likeness`] compares; one more than its bits a row.
const COLUMNS: usize = 9;
const ROWS: usize = 8;

/// What is kept of a picture. Sums are integers, so that no order of pictures changes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits {
    /// Path relative to its folder; the whole path where several folders have it.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its class, if known.
    pub class: Option<usize>,
    /// 64 bits that are alike for pictures that look alike (difference hash: brighter to the right, on a grid of 9 x 8).
    pub likeness: u64,
    /// Pixels at the network's input size.
    pub pixels: u64,
    /// Sum of the luma and of its square.
    pub luma: [u64; 2],
    /// Bytes that are 0 or 255.
    pub extremes: u64,
    /// Pixels that are not grey.
    pub coloured: u64,
}

impl Traits {
    /// Under the name by which the set knows the picture.
    pub(crate) fn called(self, name: &str) -> Traits {
        Traits { file: name.to_owned(), ..self }
    }

    /// Looks at a picture.
    pub fn of(picture: &Picture) -> Self {
        let rgb = &picture.rgb;
        let mut traits = Traits {
            file: picture.file.clone(),
            sha256: picture.sha256,
            class: picture.class,
            likeness: 0,
            pixels: 0,
            luma: [0; 2],
            extremes: 0,
            coloured: 0,
        };
        let mut grid = [[(0_u64, 0_u64); COLUMNS]; ROWS];
        for (row, line) in rgb.pixels.chunks_exact(rgb.width.max(1) * 3).enumerate() {
            let cells = &mut grid[row * ROWS / rgb.height.max(row + 1)];
            for (column, pixel) in line.as_chunks::<3>().0.iter().enumerate() {
                let luma = traits.add(*pixel);
                let cell = &mut cells[column * COLUMNS / rgb.width.max(1)];
                *cell = (cell.0 + luma, cell.1 + 1);
            }
        }
        traits.likeness = likeness(&grid);
        traits
    }

    /// Returns the pixel's luma.
    fn add(&mut self, pixel: [u8; 3]) -> u64 {
        let [r, g, b] = pixel.map(u64::from);
        let luma = (299 * r + 587 * g + 114 * b + 500) / 1000;
        self.luma = [self.luma[0] + luma, self.luma[1] + luma * luma];
        self.pixels += 1;
        self.extremes += pixel.iter().filter(|&&v| v == 0 || v == 255).count() as u64;
        let [r, g, b] = pixel;
        let (low, high) = (r.min(g).min(b), r.max(g).max(b));
        self.coloured += u64::from(high - low > GREY_SPREAD);
        luma
    }

    /// Mean and standard deviation of the luma, 0..=255.
    pub fn luma_mean_and_deviation(&self) -> (f64, f64) {
        let count = self.pixels.max(1) as f64;
        let mean = self.luma[0] as f64 / count;
        (mean, (self.luma[1] as f64 / count - mean * mean).max(0.0).sqrt())
    }

    /// True where fewer than one pixel in a thousand has a colour.
    pub fn is_grey(&self) -> bool {
        self.coloured * 1000 < self.pixels
    }
}

/// One bit per neighbouring cells of a row. Cells without a pixel count as black.
fn likeness(grid: &[[(u64, u64); COLUMNS]; ROWS]) -> u64 {
    let mut bits = 0;
    for row in grid {
        for [left, right] in row.array_windows() {
            // left.0 / left.1 < right.0 / right.1, in integers
            bits = bits << 1 | u64::from(left.0 * right.1.max(1) < right.0 * left.1.max(1));
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Rgb;

    fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let at = |i: usize| pixel(i % width, i / width);
        let pixels = (0..width * height).flat_map(at).collect();
        Picture { file: "a".to_owned(), rgb: Rgb { width, height, pixels }, sha256: [0; 32], class: None }
    }

    #[test]
    fn sums_are_those_of_the_pixels() {
        let traits = Traits::of(&picture(2, 1, |x, _| if x == 0 { [0, 10, 255] } else { [1, 2, 3] }));
        assert_eq!((traits.pixels, traits.luma), (2, [35 + 2, 35 * 35 + 4]));
        assert_eq!((traits.extremes, traits.coloured), (2, 1));
    }

    #[test]
    fn grey_is_grey_in_spite_of_jpeg() {
        let value = |x: usize, y: usize| (x * y % 200) as u8;
        let nearly = picture(20, 20, |x, y| [value(x, y), value(x, y) + 3, value(x, y)]);
        assert!(Traits::of(&nearly).is_grey());
        assert!(!Traits::of(&picture(20, 20, |x, y| [value(x, y), 100, 0])).is_grey());
    }

    #[test]
    fn pictures_that_look_alike_have_like_hashes_and_others_have_not() {
        let wave = |phase: usize| picture(60, 48, move |x, y| [((x * (y / 7 + 2) + phase) % 200) as u8; 3]);
        let bright = picture(60, 48, |x, y| [((x * (y / 7 + 2)) % 200) as u8 + 20; 3]);
        let likeness = |p: &Picture| Traits::of(p).likeness;
        assert!((likeness(&wave(0)) ^ likeness(&bright)).count_ones() <= 2);
        assert!((likeness(&wave(0)) ^ likeness(&wave(100))).count_ones() > 12);
    }

    #[test]
    fn tiny_pictures_have_traits_too() {
        for (width, height) in [(1, 1), (3, 2), (9, 8), (10, 9)] {
            assert_eq!(Traits::of(&picture(width, height, |_, _| [7; 3])).pixels, (width * height) as u64);
        }
    }
}
