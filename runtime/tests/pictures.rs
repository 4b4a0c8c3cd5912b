//! From a camera's picture to the network's input, and from its output to answers.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use octet_runtime::postprocess::{Answer, Labels, Scores};
use octet_runtime::preprocess::{
    Channels, Fit, Frame, FrameError, MAX_SIDE, PixelFormat, Placement, Preparation, Resize, SizeError,
    Table, bilinear, nearest, resize_nearest,
};
use octet_runtime::{DType, Rounding};
use proptest::prelude::*;

/// The integer is the byte itself less 128, whatever the channel.
fn plain() -> Table {
    Table::new([128.0 / 255.0; 3], [1.0 / 255.0; 3], 0, DType::I8, Rounding::HalfEven)
}

fn imagenet(dtype: DType) -> Table {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let exponent = if dtype == DType::I16 { -13 } else { -5 };
    Table::new(mean, std, exponent, dtype, Rounding::HalfUp)
}

/// Bytes that repeat late.
fn pixels(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 56) as u8
    };
    (0..count).map(|_| next(&mut state)).collect()
}

fn write(preparation: &Preparation, frame: &Frame<'_>, size: [usize; 3]) -> Vec<i8> {
    let mut out = vec![0; size.iter().product()];
    preparation.write(frame, &mut out, DType::I8, size).unwrap();
    out.into_iter().map(|b| b as i8).collect()
}

#[test]
fn every_format_gives_its_colours() {
    let read = |format, bytes: &[u8], width| {
        let frame = Frame::new(bytes, width, 1, format).unwrap();
        (0..width).map(|x| frame.rgb(x, 0)).collect::<Vec<_>>()
    };
    assert_eq!(read(PixelFormat::Rgb888, &[1, 2, 3, 4, 5, 6], 2), [[1, 2, 3], [4, 5, 6]]);
    assert_eq!(read(PixelFormat::Bgr888, &[1, 2, 3, 4, 5, 6], 2), [[3, 2, 1], [6, 5, 4]]);
    assert_eq!(read(PixelFormat::Grey8, &[7, 250], 2), [[7; 3], [250; 3]]);
    // Red is 0xf800, green 0x07e0, blue 0x001f.
    let low_first = [0x00, 0xf8, 0xe0, 0x07, 0x1f, 0x00, 0xff, 0xff];
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3]];
    assert_eq!(read(PixelFormat::Rgb565Le, &low_first, 4), colours);
    let high_first: Vec<u8> = low_first.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    assert_eq!(read(PixelFormat::Rgb565Be, &high_first, 4), colours);
    assert_eq!(read(PixelFormat::Rgb565Le, &[0x10, 0x84], 1), [[132, 130, 132]]);
    // Without colour, luma is grey; the second pixel shares the first one's colour.
    assert_eq!(read(PixelFormat::Yuyv, &[10, 128, 200, 128], 2), [[10; 3], [200; 3]]);
    assert_eq!(read(PixelFormat::Yuyv, &[76, 85, 76, 255], 2), [[254, 0, 0]; 2]);
}

#[test]
fn wrong_sizes_are_named() {
    let new = |bytes: usize, width, height, format| Frame::new(&vec![0; bytes], width, height, format).err();
    assert_eq!(new(0, 0, 4, PixelFormat::Grey8), Some(FrameError::Side { width: 0, height: 4 }));
    let wide = FrameError::Side { width: MAX_SIDE + 1, height: 1 };
    assert_eq!(new(MAX_SIDE + 1, MAX_SIDE + 1, 1, PixelFormat::Grey8), Some(wide));
    assert_eq!(new(6, 3, 1, PixelFormat::Yuyv), Some(FrameError::OddWidth { width: 3 }));
    assert_eq!(new(11, 2, 2, PixelFormat::Rgb888), Some(FrameError::Bytes { needed: 12, available: 11 }));
    assert!(new(12, usize::MAX, usize::MAX, PixelFormat::Rgb888).is_some());
    assert_eq!(new(12, 2, 2, PixelFormat::Rgb888), None);

    let picture = [0; 12];
    let frame = Frame::new(&picture, 2, 2, PixelFormat::Rgb888).unwrap();
    let preparation = Preparation::new(plain());
    let mut out = [0; 12];
    let error = |what, needed, available| Err(SizeError { what, needed, available });
    let into = |out: &mut [u8], dtype, size| preparation.write(&frame, out, dtype, size);
    assert_eq!(into(&mut out[1..], DType::I8, [2, 2, 3]), error("the network input", 12, 11));
    assert_eq!(into(&mut out, DType::I16, [2, 2, 3]), error("the network input", 24, 12));
    assert!(into(&mut out, DType::I8, [2, 3, 2]).is_err());
    assert!(into(&mut out, DType::F32, [1, 1, 3]).is_err());
    assert!(into(&mut [], DType::I8, [0, 2, 3]).is_err());
    assert!(into(&mut out, DType::I8, [usize::MAX, usize::MAX, 3]).is_err());
    assert!(preparation.write_in_place(&mut out, DType::I8, [12, 1, 1]).is_err());
    assert_eq!(into(&mut out, DType::I8, [2, 2, 3]), Ok(()));
}

#[test]
fn grey_and_blue_first_go_to_the_right_tables() {
    let picture = [10, 60, 200];
    let frame = Frame::new(&picture, 1, 1, PixelFormat::Rgb888).unwrap();
    let table = imagenet(DType::I8);
    let with = |channels, count| {
        let preparation = Preparation { channels, ..Preparation::new(table.clone()) };
        write(&preparation, &frame, [1, 1, count]).into_iter().map(i16::from).collect::<Vec<_>>()
    };
    let rgb = [table.get(0, 10), table.get(1, 60), table.get(2, 200)];
    assert_eq!(with(Channels::Rgb, 3), rgb);
    assert_eq!(with(Channels::Bgr, 3), [rgb[2], rgb[1], rgb[0]]);
    // 0.299 * 10 + 0.587 * 60 + 0.114 * 200 = 61.01
    assert_eq!(with(Channels::Grey, 3), [table.get(0, 61), table.get(1, 61), table.get(2, 61)]);
    assert_eq!(with(Channels::Rgb, 1), [table.get(0, 61)]);
}

#[test]
fn a_letterbox_keeps_the_proportion_and_fills_the_rest() {
    let picture = [255; 4 * 2];
    let frame = Frame::new(&picture, 4, 2, PixelFormat::Grey8).unwrap();
    let fit = Fit::Letterbox;
    let preparation = Preparation { fit, fill: [128, 129, 130], ..Preparation::new(plain()) };
    let out = write(&preparation, &frame, [4, 4, 3]);
    let line = |colour: [i8; 3]| colour.repeat(4);
    let (edge, inside) = (line([0, 1, 2]), line([127; 3]));
    assert_eq!(out, [edge.clone(), inside.clone(), inside, edge].concat());
}

#[test]
fn a_crop_of_875_thousandths_is_256_before_224() {
    let place = Placement::new(Fit::Crop(875), [320, 256], [224, 224]);
    let source = place.source;
    assert_eq!((source.x, source.y, source.width, source.height), (48, 16, 224, 224));
    let destination = place.destination;
    assert_eq!((destination.x, destination.y, destination.width, destination.height), (0, 0, 224, 224));
}

#[test]
fn bilinear_halves_by_averages() {
    let picture = [10, 20, 30, 40, 50, 60, 70, 80];
    let frame = Frame::new(&picture, 4, 2, PixelFormat::Grey8).unwrap();
    let preparation = Preparation { resize: Resize::Bilinear, ..Preparation::new(plain()) };
    let out = write(&preparation, &frame, [1, 2, 1]);
    assert_eq!(out, [-93, -73]);
}

#[test]
fn labels_are_lines() {
    let labels = Labels::new("cat\r\n dog \n\nfox");
    let found: Vec<_> = (0..5).map(|i| labels.get(i)).collect();
    assert_eq!(found, [Some("cat"), Some("dog"), None, Some("fox"), None]);
}

#[test]
fn outputs_that_are_probabilities_stay_as_they_are() {
    let bytes: Vec<u8> = [0.25f32, 0.7, f32::NAN, 0.05].iter().flat_map(|f| f.to_le_bytes()).collect();
    let scores = Scores::new(&bytes, DType::F32, None, true).unwrap();
    let mut answers = [Answer::default(); 3];
    assert_eq!(scores.best(0.1, &mut answers), 2);
    assert_eq!(answers[..2], [Answer { index: 1, score: 0.7 }, Answer { index: 0, score: 0.25 }]);
    // An int8 softmax at 2^-7.
    let scores = Scores::new(&[0, 64, 64], DType::I8, Some(-7), true).unwrap();
    assert_eq!(scores.best(0.0, &mut answers[..1]), 1);
    assert_eq!(answers[0], Answer { index: 1, score: 0.5 });
    assert_eq!(scores.best(0.0, &mut []), 0);
    assert!(Scores::new(&[], DType::I8, None, false).is_none());
    assert!(Scores::new(&[0; 3], DType::I16, None, false).is_none());
    assert!(Scores::new(&[0; 8], DType::I64, None, false).is_none());
}

fn any_format() -> impl Strategy<Value = PixelFormat> {
    prop::sample::select(PixelFormat::ALL.to_vec())
}

fn any_fit() -> impl Strategy<Value = Fit> {
    prop_oneof![Just(Fit::Stretch), Just(Fit::Letterbox), any::<u16>().prop_map(Fit::Crop)]
}

proptest! {
    #[test]
    fn the_default_is_esp_dls_resize(
        w in 1usize..40, h in 1usize..40, dw in 1usize..40, dh in 1usize..40, seed: u64, wide: bool,
    ) {
        let (dtype, picture) = (if wide { DType::I16 } else { DType::I8 }, pixels(w * h * 3, seed));
        let mut want = vec![0i16; dw * dh * 3];
        resize_nearest(&picture, [h, w], &mut want, [dh, dw], &imagenet(dtype), |q| q).unwrap();
        let mut out = vec![0; want.len() * dtype.bytes()];
        let frame = Frame::new(&picture, w, h, PixelFormat::Rgb888).unwrap();
        Preparation::new(imagenet(dtype)).write(&frame, &mut out, dtype, [dh, dw, 3]).unwrap();
        let is: Vec<i16> = match dtype {
            DType::I16 => out.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect(),
            _ => out.iter().map(|&b| i16::from(b as i8)).collect(),
        };
        prop_assert_eq!(is, want);
    }

    #[test]
    fn in_place_gives_the_same(w in 1usize..30, h in 1usize..30, seed: u64, wide: bool, bgr: bool, bilinear: bool) {
        let dtype = if wide { DType::I16 } else { DType::I8 };
        let preparation = Preparation {
            channels: if bgr { Channels::Bgr } else { Channels::Rgb },
            resize: if bilinear { Resize::Bilinear } else { Resize::Nearest },
            fit: if seed.is_multiple_of(2) { Fit::Letterbox } else { Fit::Crop(1000) },
            ..Preparation::new(imagenet(dtype))
        };
        let picture = pixels(w * h * 3, seed);
        let mut want = vec![0; picture.len() * dtype.bytes()];
        let frame = Frame::new(&picture, w, h, PixelFormat::Rgb888).unwrap();
        preparation.write(&frame, &mut want, dtype, [h, w, 3]).unwrap();
        let mut buffer = vec![0; want.len() - picture.len()];
        buffer.extend(&picture);
        preparation.write_in_place(&mut buffer, dtype, [h, w, 3]).unwrap();
        prop_assert_eq!(buffer, want);
    }

    #[test]
    fn no_size_and_no_setting_fails(
        format in any_format(), fit in any_fit(), w in 1usize..60, h in 1usize..60, dw in 1usize..60, dh in 1usize..60,
        bilinear: bool, grey: bool, fill: [u8; 3], seed: u64,
    ) {
        let w = if format == PixelFormat::Yuyv { w * 2 } else { w };
        let picture = pixels(Frame::bytes_of(w, h, format).unwrap(), seed);
        let frame = Frame::new(&picture, w, h, format).unwrap();
        let resize = if bilinear { Resize::Bilinear } else { Resize::Nearest };
        let preparation = Preparation { fit, fill, resize, ..Preparation::new(plain()) };
        let channels = if grey { 1 } else { 3 };
        let out = write(&preparation, &frame, [dh, dw, channels]);
        prop_assert_eq!(out.len(), dw * dh * channels);
        let place = Placement::new(fit, [w, h], [dw, dh]);
        for (part, [width, height]) in [(place.source, [w, h]), (place.destination, [dw, dh])] {
            prop_assert!(part.width >= 1 && part.height >= 1);
            prop_assert!(part.x + part.width <= width && part.y + part.height <= height);
        }
    }

    #[test]
    fn one_colour_stays_that_colour(value: u8, w in 1usize..50, h in 1usize..50, dw in 1usize..50, dh in 1usize..50) {
        let picture = vec![value; w * h];
        let frame = Frame::new(&picture, w, h, PixelFormat::Grey8).unwrap();
        let preparation = Preparation { resize: Resize::Bilinear, ..Preparation::new(plain()) };
        let out = write(&preparation, &frame, [dh, dw, 1]);
        prop_assert!(out.iter().all(|&q| i16::from(q) == i16::from(value) - 128));
    }

    #[test]
    fn bilinear_is_near_the_real_one(w in 1usize..40, h in 1usize..40, dw in 1usize..40, dh in 1usize..40, seed: u64) {
        let picture = pixels(w * h, seed);
        let frame = Frame::new(&picture, w, h, PixelFormat::Grey8).unwrap();
        let preparation = Preparation { resize: Resize::Bilinear, ..Preparation::new(plain()) };
        let out = write(&preparation, &frame, [dh, dw, 1]);
        let centre = |i: usize, source: usize, destination: usize| {
            let at = (i as f64 + 0.5) * source as f64 / destination as f64 - 0.5;
            let at = at.clamp(0.0, source as f64 - 1.0);
            (at as usize, (at as usize + 1).min(source - 1), at.fract())
        };
        for (i, &q) in out.iter().enumerate() {
            let ((top, bottom, fy), (left, right, fx)) = (centre(i / dw, h, dh), centre(i % dw, w, dw));
            let pixel = |y: usize, x: usize| f64::from(picture[y * w + x]);
            let upper = pixel(top, left) * (1.0 - fx) + pixel(top, right) * fx;
            let lower = pixel(bottom, left) * (1.0 - fx) + pixel(bottom, right) * fx;
            let exact = upper * (1.0 - fy) + lower * fy;
            // Each weight is short by less than 1/256, and the result is rounded.
            prop_assert!((f64::from(q) + 128.0 - exact).abs() <= 2.5, "{q} {exact}");
        }
    }

    #[test]
    fn taps_stay_inside(index: usize, source in 1..=MAX_SIDE, destination in 1..=MAX_SIDE) {
        let index = index % destination;
        let tap = bilinear(index, source, destination);
        prop_assert!(tap.first < source && tap.second < source && tap.second - tap.first <= 1 && tap.weight < 256);
        prop_assert!(nearest(index, source, destination) < source);
        let exact = ((2 * index as i64 + 1) * source as i64 * 128).div_euclid(destination as i64) - 128;
        prop_assert_eq!(tap.first as i64 * 256 + i64::from(tap.weight), exact.clamp(0, source as i64 * 256));
    }

    #[test]
    fn yuv_is_the_formula(bytes: [u8; 4]) {
        let frame = Frame::new(&bytes, 2, 1, PixelFormat::Yuyv).unwrap();
        let (u, v) = (f64::from(bytes[1]) - 128.0, f64::from(bytes[3]) - 128.0);
        for (x, y) in [(0, f64::from(bytes[0])), (1, f64::from(bytes[2]))] {
            let exact = [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u];
            for (is, exact) in frame.rgb(x, 0).into_iter().zip(exact) {
                prop_assert!((f64::from(is) - exact.clamp(0.0, 255.0)).abs() <= 0.51);
            }
        }
    }

    #[test]
    fn the_best_are_those_of_a_sort(values in prop::collection::vec(-20i8..20, 1..60), top in 0usize..12, exponent in -6i32..3) {
        let bytes: Vec<u8> = values.iter().map(|&v| v as u8).collect();
        let scores = Scores::new(&bytes, DType::I8, Some(exponent), false).unwrap();
        let mut answers = vec![Answer::default(); top];
        let count = scores.best(0.0, &mut answers);
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by_key(|&i| (-i16::from(values[i]), i));
        order.truncate(top);
        let indices: Vec<usize> = answers[..count].iter().map(|a| a.index as usize).collect();
        prop_assert_eq!(&indices, &order);
        let scale = f64::from(exponent).exp2();
        let total: f64 = values.iter().map(|&v| (f64::from(v) * scale).exp()).sum();
        for answer in &answers[..count] {
            let exact = (f64::from(values[answer.index as usize]) * scale).exp() / total;
            prop_assert!((f64::from(answer.score) - exact).abs() < 1e-5);
        }
        let threshold = answers.first().map_or(0.0, |a| a.score);
        let kept = scores.best(threshold, &mut answers);
        prop_assert!(answers[..kept].iter().all(|a| a.score >= threshold));
    }
}
