//! Which part of a picture goes to which part of the network's input.

/// What of a picture the network sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it, whatever the proportion, as ESP-DL does.
    #[default]
    Stretch,
    /// The middle in the network's proportion: of the largest such part so many thousandths of each side (1 to
    /// 1000; more counts as 1000). 875 is torchvision's "shorter side 256, crop 224".
    Crop(u16),
    /// All of it in its own proportion, in the middle; what is left over is filled.
    Letterbox,
}

/// A part of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left column.
    pub x: usize,
    /// Top line.
    pub y: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Lines, at least 1.
    pub height: usize,
}

impl Rect {
    fn whole([width, height]: [usize; 2]) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    fn centred([width, height]: [usize; 2], [outer_width, outer_height]: [usize; 2]) -> Self {
        let (x, y) = (outer_width.saturating_sub(width) / 2, outer_height.saturating_sub(height) / 2);
        Self { x, y, width, height }
    }
}

/// Which part of the picture goes where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Part of the picture that is read.
    pub source: Rect,
    /// Part of the network's input that it covers.
    pub destination: Rect,
}

impl Placement {
    /// For a picture and an input of these sizes `[width, height]`, all at least 1.
    pub fn new(fit: Fit, source: [usize; 2], destination: [usize; 2]) -> Self {
        let all = Self { source: Rect::whole(source), destination: Rect::whole(destination) };
        match fit {
            Fit::Stretch => all,
            Fit::Crop(permille) => {
                let permille = u64::from(permille.clamp(1, 1000));
                let part = largest(destination, source).map(|side| scaled(side, permille, 1000));
                Self { source: Rect::centred(part, source), ..all }
            }
            Fit::Letterbox => {
                Self { destination: Rect::centred(largest(source, destination), destination), ..all }
            }
        }
    }
}

/// The largest size inside of `outer` with the proportion of `of`.
fn largest(of: [usize; 2], outer: [usize; 2]) -> [usize; 2] {
    let [w, h] = of.map(|side| side as u64);
    let [outer_w, outer_h] = outer.map(|side| side as u64);
    if outer_w * h >= outer_h * w {
        [scaled(outer[1], w, h).min(outer[0]), outer[1]]
    } else {
        [outer[0], scaled(outer[0], h, w).min(outer[1])]
    }
}

/// `side * numerator / denominator`, rounded half up, at least 1.
fn scaled(side: usize, numerator: u64, denominator: u64) -> usize {
    let denominator = denominator.max(1);
    ((side as u64 * numerator + denominator / 2) / denominator).max(1) as usize
}
