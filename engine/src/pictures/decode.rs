//! From a file's bytes to RGB: JPEG (also grey, CMYK and Adobe's inverted CMYK), PNG, WebP and BMP of any depth.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::Rgb;

/// Pictures of more pixels are refused before they are decoded: a small file can claim to be a huge picture.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Bytes that a decoder may allocate: 100 megapixels of RGB with 16 bits.
const MAX_ALLOC: u64 = MAX_PIXELS * 6;
/// Above this a picture is a large one.
const LARGE_PIXELS: u64 = 25_000_000;
static ONE_LARGE: Mutex<()> = Mutex::new(());

/// Decodes a picture, turned upright as its EXIF orientation says. Transparent pixels are put on white; 16-bit
/// channels are rounded to 8; grey becomes three equal channels.
///
/// # Errors
/// Why it cannot be used, without the file's name.
pub fn decode(bytes: &[u8]) -> Result<Rgb, String> {
    // Decoders are fed foreign files; a panic in one of them is that file's problem.
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes)))
        .unwrap_or_else(|_| Err("its decoder panicked; the file is damaged".to_owned()))
}

fn decode_unguarded(bytes: &[u8]) -> Result<Rgb, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let format = reader.format().ok_or("it is no JPEG, PNG, WebP or BMP picture")?;
    if format == image::ImageFormat::Jpeg && is_truncated_jpeg(bytes) {
        return Err("it is damaged: the file ends before the picture does".to_owned());
    }
    let describe = |e: ImageError| match e {
        ImageError::Limits(e) => format!("it is too large: {e}"),
        ImageError::Unsupported(e) => format!("its kind of {} is not supported: {e}", name(format)),
        e => format!("it is damaged: {e}"),
    };
    let mut decoder = reader.into_decoder().map_err(describe)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "it has {width} x {height} pixels, more than {} million",
            MAX_PIXELS / 1_000_000
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("it has {width} x {height} pixels"));
    }
    // Large ones are decoded one after the other, so that many cores do not need the memory of many at once.
    let large = u64::from(width) * u64::from(height) > LARGE_PIXELS;
    let _turn = large.then(|| ONE_LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    decoder.set_limits(limits).map_err(describe)?;
    let orientation = decoder.orientation().map_err(describe)?;
    let jpeg = if format == image::ImageFormat::Jpeg { jpeg_rgb(bytes)? } else { None };
    let mut picture = match jpeg {
        Some(rgb) => DynamicImage::ImageRgb8(rgb),
        None => DynamicImage::from_decoder(decoder).map_err(describe)?,
    };
    picture.apply_orientation(orientation);
    let rgb = if picture.color().has_alpha() { on_white(&picture) } else { picture.into_rgb8() };
    let (width, height) = rgb.dimensions();
    Ok(Rgb { width: width as usize, height: height as usize, pixels: rgb.into_raw() })
}

/// Decodes grey and colour JPEGs with libjpeg's own arithmetic, which Pillow and torchvision train and calibrate with;
/// other decoders differ by a few steps, enough to choose other exponents. `None` for CMYK.
fn jpeg_rgb(bytes: &[u8]) -> Result<Option<image::RgbImage>, String> {
    use mozjpeg::{ColorSpace, Decompress};
    let damaged = |e: std::io::Error| format!("it is damaged: {e}");
    let decoder = Decompress::new_mem(bytes).map_err(damaged)?;
    if matches!(decoder.color_space(), ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK) {
        return Ok(None);
    }
    let mut decoding = decoder.rgb().map_err(damaged)?;
    let sides = [decoding.width(), decoding.height()].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let pixels: Vec<u8> = decoding.read_scanlines().map_err(damaged)?;
    decoding.finish().map_err(damaged)?;
    let whole = image::RgbImage::from_raw(sides[0], sides[1], pixels);
    whole.map(Some).ok_or_else(|| "it is damaged: rows are missing".to_owned())
}

/// The decoder fills what is missing with grey. A whole JPEG ends its last scan (SOS, ff da) with EOI (ff d9), whatever
/// follows, such as the film of a moving photograph. Segments are jumped over by their length, since a preview inside one
/// has markers of its own; in the data of a scan an ff is followed by 00 or counts restarts.
fn is_truncated_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut has_scan = false;
    while let Some(at) =
        rest.array_windows().position(|&[a, b]| a == 0xff && !matches!(b, 0 | 0xff | 0xd0..=0xd7))
    {
        let marker = rest.get(at + 1).copied().unwrap_or_default();
        rest = rest.get(at + 2..).unwrap_or_default();
        match marker {
            0xd9 => return !has_scan,
            // Without a length.
            0xd8 | 0x01 => continue,
            0xda => has_scan = true,
            _ => {}
        }
        let Some(&[high, low]) = rest.first_chunk() else { return true };
        rest = rest.get(usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default();
    }
    true
}

fn name(format: image::ImageFormat) -> &'static str {
    format.extensions_str().first().copied().unwrap_or("picture")
}

/// `alpha * colour + (1 - alpha) * white` in the file's own gamma, rounded.
fn on_white(picture: &DynamicImage) -> image::RgbImage {
    let rgba = picture.to_rgba8();
    let mut rgb = image::RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        to.0 = [r, g, b].map(|c| u8::try_from((c * a + 255 * (255 - a) + 127) / 255).unwrap_or(255));
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgba, RgbaImage};

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn transparent_pixels_are_put_on_white() {
        let mut picture = RgbaImage::new(3, 1);
        picture.put_pixel(0, 0, Rgba([10, 20, 30, 255]));
        picture.put_pixel(1, 0, Rgba([10, 20, 30, 0]));
        picture.put_pixel(2, 0, Rgba([0, 0, 0, 128]));
        let rgb = decode(&png(&picture.into())).unwrap();
        assert_eq!(rgb.pixels, [10, 20, 30, 255, 255, 255, 127, 127, 127]);
    }

    #[test]
    fn a_jpeg_is_whole_whatever_follows_it_and_broken_wherever_it_is_cut() {
        let picture = DynamicImage::ImageRgb8(image::RgbImage::from_fn(40, 40, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 6) as u8, (x * y) as u8])
        }));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        let whole = bytes.into_inner();
        let rgb = decode(&whole).unwrap();
        for film in [&[0xff, 0xda, 0, 8][..], &[0xff, 0xd9, 0xff, 0xda], &[0; 100]] {
            assert_eq!(decode(&[&whole, film].concat()).unwrap(), rgb);
        }
        for cut in 1..whole.len() {
            assert!(decode(&whole[..cut]).is_err(), "{cut} of {}", whole.len());
        }
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        let picture = image::ImageBuffer::from_pixel(1, 1, image::Luma([0x00ff_u16]));
        let rgb = decode(&png(&DynamicImage::ImageLuma16(picture))).unwrap();
        assert_eq!(rgb.pixels, [1; 3]);
    }

    #[test]
    fn files_that_are_no_pictures_are_errors() {
        for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM\0\0\0\0"] {
            assert!(decode(bytes).is_err());
        }
    }

    #[test]
    fn a_truncated_png_is_an_error() {
        let whole = png(&DynamicImage::new_rgb8(64, 64));
        assert!(decode(&whole[..whole.len() / 2]).is_err());
    }
}
