//! Every rule speaks where it should, and only there.

use super::super::{PictureSet, RULES, lint};
use super::*;
use crate::pictures::{Picture, Preprocessing, Rgb};

/// A picture of its own: squares of 4 pixels whose brightness follows from the seed and their place.
fn picture(seed: usize) -> Traits {
    let at = |i: usize| {
        let (x, y) = (i % 32 / 4, i / 32 / 4);
        // splitmix64
        let mixed = ((seed * 64 + y * 8 + x + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let v = ((mixed >> 40) % 200) as u8;
        [v + 20, v / 2 + 20, 90]
    };
    of(seed, &(0..32 * 32).flat_map(at).collect::<Vec<_>>())
}

fn of(seed: usize, pixels: &[u8]) -> Traits {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&(seed as u64).to_le_bytes());
    let rgb = Rgb { width: 32, height: 32, pixels: pixels.to_vec() };
    Traits::of(&Picture { file: format!("{seed}.jpg"), rgb, sha256, class: None })
}

fn flat(seed: usize, value: u8) -> Traits {
    of(seed, &vec![value; 32 * 32 * 3])
}

fn good() -> Vec<Traits> {
    (0..40).map(picture).collect()
}

fn with_classes(classes: impl Fn(usize) -> usize) -> Vec<Traits> {
    let classed = good().into_iter().enumerate();
    classed.map(|(i, t)| Traits { class: Some(classes(i)), ..t }).collect()
}

fn found(pictures: &[Traits]) -> Vec<Finding> {
    found_with(pictures, &Preprocessing::torchvision(3, 32, 32), 4)
}

fn found_with(pictures: &[Traits], preprocessing: &Preprocessing, classes: usize) -> Vec<Finding> {
    lint(&PictureSet { pictures, preprocessing, classes })
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.rule.as_str()).collect()
}

fn left_out(finding: &Finding) -> &[String] {
    match &finding.remedy {
        Remedy::Pictures { leave_out, .. } => leave_out,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_have_ids_of_their_own() {
    let ids: std::collections::BTreeSet<&str> = RULES.iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), RULES.len());
}

#[test]
fn good_pictures_are_not_spoken_of() {
    assert_eq!(ids(&found(&good())), [""; 0]);
    assert_eq!(ids(&found(&with_classes(|i| i % 4))), [""; 0]);
}

#[test]
fn few_pictures_are_told() {
    let pictures = good();
    assert_eq!(ids(&found(&pictures[..15])), ["few-pictures"]);
    assert_eq!(ids(&found(&pictures[..16])), [""; 0]);
    assert!(found(&pictures[..1])[0].text.starts_with("only 1 picture to calibrate on"));
}

#[test]
fn copies_are_told_and_can_be_left_out() {
    let mut pictures = good();
    pictures.push(Traits { file: "copy.jpg".to_owned(), ..pictures[3].clone() });
    let findings = found(&pictures);
    assert_eq!(ids(&findings), ["duplicate-pictures"]);
    assert!(findings[0].text.starts_with("1 calibration picture is a copy, e.g. `copy.jpg` of `3.jpg`"));
    assert_eq!(left_out(&findings[0]), ["copy.jpg"]);
}

#[test]
fn pictures_that_look_alike_are_told_when_they_are_many() {
    let mut pictures = good();
    for i in 0..4 {
        let other = Traits {
            sha256: [200 + i; 32],
            file: format!("again{i}.jpg"),
            ..pictures[usize::from(i)].clone()
        };
        assert_eq!(ids(&found(&pictures)), if i < 3 { vec![] } else { vec!["similar-pictures"] });
        pictures.push(other);
    }
    let findings = found(&pictures);
    assert_eq!(ids(&findings), ["similar-pictures"]);
    assert_eq!(left_out(&findings[0]).len(), 4);
}

#[test]
fn black_and_plain_pictures_are_told() {
    for value in [0, 2, 130] {
        let mut pictures = good();
        pictures.push(flat(99, value));
        let findings = found(&pictures);
        assert_eq!(ids(&findings), ["flat-pictures"], "{value}");
        assert_eq!(left_out(&findings[0]), ["99.jpg"]);
    }
}

#[test]
fn grey_pictures_are_told_where_the_network_takes_colours() {
    let grey: Vec<Traits> = good().into_iter().map(|t| Traits { coloured: 0, ..t }).collect();
    assert_eq!(ids(&found(&grey)), ["grey-pictures"]);
    let one = [&grey[..39], &good()[39..]].concat();
    assert_eq!(ids(&found(&one)), [""; 0]);
    assert_eq!(ids(&found_with(&grey, &Preprocessing::torchvision(1, 32, 32), 4)), [""; 0]);
    let asked = Preprocessing { grey: true, ..Preprocessing::torchvision(3, 32, 32) };
    assert_eq!(ids(&found_with(&grey, &asked, 4)), [""; 0]);
}

#[test]
fn one_class_that_outweighs_the_others_is_told() {
    let findings = found(&with_classes(|i| if i < 30 { 1 } else { i % 4 }));
    assert_eq!(ids(&findings), ["one-class"]);
    assert!(findings[0].text.starts_with("32 of 40 calibration pictures are of class 1"));
    // Two classes may well be 2 to 1.
    let two = with_classes(|i| usize::from(i % 3 == 0));
    assert_eq!(ids(&found_with(&two, &Preprocessing::torchvision(3, 32, 32), 2)), [""; 0]);
    // Where a class is unknown nothing is said.
    let mut unknown = with_classes(|_| 1);
    unknown[0].class = None;
    assert_eq!(ids(&found(&unknown)), [""; 0]);
}

#[test]
fn classes_without_a_picture_are_told_where_there_are_pictures_enough() {
    let findings = found(&with_classes(|i| i % 3));
    assert_eq!(ids(&findings), ["missing-classes"]);
    assert!(findings[0].text.starts_with("class 3 is without"));
    assert_eq!(ids(&found_with(&with_classes(|i| i), &Preprocessing::torchvision(3, 32, 32), 1000)), [""; 0]);
}

#[test]
fn values_at_both_ends_are_told() {
    let ends: Vec<Traits> = good().into_iter().map(|t| Traits { extremes: t.pixels * 2, ..t }).collect();
    let findings = found(&ends);
    assert_eq!(ids(&findings), ["extreme-pixels"]);
    assert!(findings[0].text.starts_with("67 %"));
    let fewer: Vec<Traits> = ends.into_iter().map(|t| Traits { extremes: t.pixels, ..t }).collect();
    assert_eq!(ids(&found(&fewer)), [""; 0]);
}

#[test]
fn units_that_cannot_be_are_told() {
    let with = |mean: f32, std: f32| {
        let preprocessing =
            Preprocessing { mean: [mean; 3], std: [std; 3], ..Preprocessing::torchvision(3, 32, 32) };
        found_with(&good(), &preprocessing, 4)
    };
    for (mean, std) in [(0.45, 0.22), (0.5, 0.5), (0.0, 1.0), (0.0, 1.0 / 255.0), (0.4, 1.0 / 255.0)] {
        assert_eq!(ids(&with(mean, std)), [""; 0], "{mean} {std}");
    }
    for (mean, std) in [(1.5, 1.0), (-0.5, 0.2), (0.45 / 255.0, 0.22 / 255.0)] {
        let findings = with(mean, std);
        assert_eq!(ids(&findings), ["input-units"], "{mean} {std}");
        assert_eq!(findings[0].arguments, "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225");
    }
}
