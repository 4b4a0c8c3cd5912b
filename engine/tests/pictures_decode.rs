//! Pictures in every encoding that people drop on the window show the same scene; broken ones are skipped.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::atomic::AtomicBool;

use common::repository;
use octet_engine::job::Cancel;
use octet_engine::pictures::{Listing, Preprocessing, Rgb, decode, load};
use octet_engine::session::{PictureStore, list_folders};

fn fixture(name: &str) -> Result<Rgb, String> {
    decode(&std::fs::read(repository("tests/fixtures/pictures").join(name)).unwrap())
}

/// Centres of the blocks in the corners (README.md of the fixtures).
const CORNERS: [((usize, usize), [u8; 3]); 4] =
    [((8, 6), [220, 40, 30]), ((55, 6), [40, 190, 60]), ((8, 41), [40, 70, 220]), ((55, 41), [235, 215, 50])];

fn assert_scene(name: &str, picture: &Rgb, tolerance: u8) {
    assert_eq!((picture.width, picture.height), (64, 48), "{name}");
    for ((x, y), expected) in CORNERS {
        let at = (y * 64 + x) * 3;
        let found = &picture.pixels[at..at + 3];
        let worst = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(worst <= tolerance, "{name}: {found:?} at {x}, {y}, expected {expected:?}");
    }
}

#[test]
fn lossless_encodings_are_equal_pixel_by_pixel() {
    let scene = fixture("scene.png").unwrap();
    assert_scene("scene.png", &scene, 0);
    for name in ["scene.bmp", "lossless.webp", "rgb16.png", "png_named.jpg"] {
        assert!(fixture(name).unwrap() == scene, "{name}");
    }
}

#[test]
fn lossy_encodings_are_close() {
    for (name, tolerance) in [
        ("scene.jpg", 3),
        ("progressive.jpg", 3),
        ("lossy.webp", 3),
        ("cmyk_adobe.jpg", 3),
        ("palette.png", 22),
    ] {
        assert_scene(name, &fixture(name).unwrap(), tolerance);
    }
}

#[test]
fn every_exif_orientation_is_turned_upright() {
    for orientation in 1..=8 {
        let name = format!("exif_{orientation}.jpg");
        assert_scene(&name, &fixture(&name).unwrap(), 3);
    }
}

#[test]
fn grey_becomes_three_equal_channels() {
    for name in ["grey.png", "grey.jpg"] {
        let picture = fixture(name).unwrap();
        for (((x, y), _), expected) in CORNERS.iter().zip([93_u8, 130, 78, 202]) {
            let at = (y * 64 + x) * 3;
            assert!(picture.pixels[at..at + 3].iter().all(|v| v.abs_diff(expected) <= 1), "{name}");
        }
    }
}

#[test]
fn transparency_shows_white() {
    let picture = fixture("alpha.png").unwrap();
    assert_eq!(picture.pixels[(24 * 64 + 63) * 3..][..3], [255; 3]);
    assert_eq!(picture.pixels[(6 * 64 + 8) * 3..][..3], [220, 40, 30]);
}

#[test]
fn broken_pictures_are_refused_with_a_reason() {
    for (name, part) in [
        ("empty.jpg", "empty"),
        ("text.jpg", "no JPEG"),
        ("truncated.jpg", "damaged"),
        ("huge_header.png", "60000 x 60000"),
    ] {
        let reason = fixture(name).unwrap_err();
        assert!(reason.contains(part), "{name}: {reason}");
    }
}

#[test]
fn a_folder_loads_with_its_broken_files_listed() {
    let folder = repository("tests/fixtures/pictures");
    let listing = Listing::of_folder(&folder, None).unwrap();
    let preprocessing = Preprocessing::torchvision(3, 96, 96);
    let loaded = load(&listing.entries, &preprocessing, &AtomicBool::new(false), |_| {});
    let skipped: Vec<_> = loaded.skipped.iter().map(|s| s.file.as_str()).collect();
    assert_eq!(skipped, ["empty.jpg", "huge_header.png", "text.jpg", "truncated.jpg"]);
    assert_eq!(loaded.pictures.len() + skipped.len(), listing.entries.len());
    for picture in &loaded.pictures {
        assert_eq!(picture.rgb.pixels.len(), 96 * 96 * 3);
        assert_eq!(picture.to_nchw(&preprocessing).len(), 3 * 96 * 96);
    }
    // The same scene under two names has two hashes, the same file one.
    let named = |n: &str| loaded.pictures.iter().find(|p| p.file == n).unwrap();
    assert_eq!(named("png_named.jpg").sha256, named("scene.png").sha256);
    assert_ne!(named("scene.bmp").sha256, named("scene.png").sha256);
}

#[test]
fn a_cancelled_load_stops() {
    let listing = Listing::of_folder(&repository("tests/fixtures/pictures"), None).unwrap();
    let preprocessing = Preprocessing::torchvision(3, 96, 96);
    let loaded = load(&listing.entries, &preprocessing, &AtomicBool::new(true), |_| {});
    assert!(loaded.pictures.is_empty() && loaded.skipped.is_empty());
}

#[test]
fn what_is_analysed_is_of_all_classes_where_folders_are_sorted_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let scene = repository("tests/fixtures/pictures/scene.png");
    for (class, name) in [("cat", "a"), ("cat", "b"), ("dog", "c"), ("dog", "d")] {
        let place = folder.path().join("classes").join(class);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::create_dir_all(folder.path().join("flat")).unwrap();
        std::fs::copy(&scene, place.join(format!("{name}.png"))).unwrap();
        std::fs::copy(&scene, folder.path().join("flat").join(format!("{name}.png"))).unwrap();
    }
    let sample = |name: &str, count: usize| {
        let listing = list_folders(&[folder.path().join(name)]).unwrap();
        let preprocessing = Preprocessing::torchvision(3, 32, 32);
        PictureStore::load(&listing, preprocessing, &Cancel::default(), &|_| {}).sample(count)
    };
    assert_eq!(sample("classes", 2), [0, 2]);
    assert_eq!(sample("classes", 9), [0, 1, 2, 3]);
    // The order of a flat folder is the user's.
    assert_eq!(sample("flat", 2), [0, 1]);
}
