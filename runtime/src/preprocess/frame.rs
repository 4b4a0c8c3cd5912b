//! Pictures as cameras and the app give them.

/// The longest side of a picture, so that products of coordinates stay below 32 bits.
pub const MAX_SIDE: usize = (1 << 15) - 1;

/// How a pixel stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue; a byte each.
    Rgb888,
    /// Blue, green, red; a byte each.
    Bgr888,
    /// 16 bits, from the highest: 5 red, 6 green, 5 blue; low byte first.
    Rgb565Le,
    /// The same, high byte first, as most cameras send it.
    Rgb565Be,
    /// One byte.
    Grey8,
    /// `Y0 U Y1 V` for two pixels, BT.601 with the full range of 0..255.
    Yuyv,
}

impl PixelFormat {
    /// All of them.
    pub const ALL: [PixelFormat; 6] = [
        PixelFormat::Rgb888,
        PixelFormat::Bgr888,
        PixelFormat::Rgb565Le,
        PixelFormat::Rgb565Be,
        PixelFormat::Grey8,
        PixelFormat::Yuyv,
    ];

    /// The name in commands and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            PixelFormat::Rgb888 => "rgb888",
            PixelFormat::Bgr888 => "bgr888",
            PixelFormat::Rgb565Le => "rgb565le",
            PixelFormat::Rgb565Be => "rgb565be",
            PixelFormat::Grey8 => "grey8",
            PixelFormat::Yuyv => "yuyv",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        PixelFormat::ALL.into_iter().find(|f| f.as_str() == name)
    }

    /// Bytes of one pixel.
    pub const fn bytes(self) -> usize {
        match self {
            PixelFormat::Rgb888 | PixelFormat::Bgr888 => 3,
            PixelFormat::Rgb565Le | PixelFormat::Rgb565Be | PixelFormat::Yuyv => 2,
            PixelFormat::Grey8 => 1,
        }
    }
}

/// Why bytes are no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A side is zero or above [`MAX_SIDE`].
    #[error("a picture of {width} x {height} pixels: each side must be 1 to {MAX_SIDE}")]
    Side {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// Two pixels share their colour in YUYV.
    #[error("a YUYV picture of width {width}: the width must be even")]
    OddWidth {
        /// Pixels.
        width: usize,
    },
    /// The buffer has another length than the sides say.
    #[error("the picture has {available} bytes; its size and format need {needed}")]
    Bytes {
        /// Bytes that width, height and format need.
        needed: usize,
        /// Bytes given.
        available: usize,
    },
}

/// A picture of packed lines, the top one first.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'p> {
    pixels: &'p [u8],
    width: usize,
    height: usize,
    format: PixelFormat,
}

impl<'p> Frame<'p> {
    /// Checks that `pixels` are exactly `width` x `height` pixels.
    ///
    /// # Errors
    /// When a side is out of range, a YUYV width is odd, or the length is another one.
    pub fn new(
        pixels: &'p [u8],
        width: usize,
        height: usize,
        format: PixelFormat,
    ) -> Result<Self, FrameError> {
        let needed = Self::bytes_of(width, height, format)?;
        if pixels.len() != needed {
            return Err(FrameError::Bytes { needed, available: pixels.len() });
        }
        Ok(Self { pixels, width, height, format })
    }

    /// How many bytes such a picture has.
    ///
    /// # Errors
    /// When a side is out of range, or a YUYV width is odd.
    pub fn bytes_of(width: usize, height: usize, format: PixelFormat) -> Result<usize, FrameError> {
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(FrameError::Side { width, height });
        }
        if format == PixelFormat::Yuyv && !width.is_multiple_of(2) {
            return Err(FrameError::OddWidth { width });
        }
        // Below 2^30 pixels of 3 bytes: fits into 32 bits.
        Ok(width * height * format.bytes())
    }

    /// Pixels per line.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How the pixels stand in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Red, green and blue of a pixel; black outside of the picture.
    #[inline]
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let at = (y * self.width + x) * self.format.bytes();
        self.read(at, x).unwrap_or_default()
    }

    #[inline]
    fn read(&self, at: usize, x: usize) -> Option<[u8; 3]> {
        Some(match self.format {
            PixelFormat::Rgb888 => *self.pixels.get(at..)?.first_chunk()?,
            PixelFormat::Bgr888 => {
                let &[b, g, r] = self.pixels.get(at..)?.first_chunk()?;
                [r, g, b]
            }
            PixelFormat::Rgb565Le => rgb565(u16::from_le_bytes(*self.pixels.get(at..)?.first_chunk()?)),
            PixelFormat::Rgb565Be => rgb565(u16::from_be_bytes(*self.pixels.get(at..)?.first_chunk()?)),
            PixelFormat::Grey8 => [*self.pixels.get(at)?; 3],
            PixelFormat::Yuyv => {
                let pair = at - x % 2 * 2;
                let &[y0, u, y1, v] = self.pixels.get(pair..)?.first_chunk()?;
                yuv(if x.is_multiple_of(2) { y0 } else { y1 }, u, v)
            }
        })
    }
}

/// Widens 5 and 6 bits to 8 so that all bits set stay all bits set.
fn rgb565(pixel: u16) -> [u8; 3] {
    let five = |bits: u16| (bits << 3 | bits >> 2) as u8;
    let green = pixel >> 5 & 0x3f;
    [five(pixel >> 11), (green << 2 | green >> 4) as u8, five(pixel & 0x1f)]
}

/// BT.601 with the full range (JFIF 1.02, "conversion to and from RGB"), in 16 fractional bits.
fn yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (i32::from(y) << 16, i32::from(u) - 128, i32::from(v) - 128);
    let byte = |sum: i32| ((sum + 0x8000) >> 16).clamp(0, 255) as u8;
    [byte(y + 91881 * v), byte(y - 22554 * u - 46802 * v), byte(y + 116_130 * u)]
}
