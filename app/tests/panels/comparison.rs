//! Two runs with evaluation pictures side by side: what the paired tests say of them.

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT;
use octet::window::actions::{Action, RunsAction};
use octet_engine::report::Prediction;
use octet_engine::run::write_predictions;

use crate::runs::{path, with_runs};
use crate::support::window::Window;

/// The right class of every picture, and a wrong one.
const RIGHT: usize = 3;
const WRONG: usize = 1;

/// Answers to so many pictures: whether the float network and the quantized one are right, by the picture's number.
fn answers(
    pictures: usize,
    float: impl Fn(usize) -> bool,
    quantized: impl Fn(usize) -> bool,
) -> Vec<Prediction> {
    let class = |is_right: bool| if is_right { RIGHT } else { WRONG };
    let answer = |i: usize| Prediction {
        file: format!("{i}.jpg"),
        sha256: format!("{i:064x}"),
        label: Some(RIGHT),
        float: class(float(i)),
        quantized: class(quantized(i)),
    };
    (0..pictures).map(answer).collect()
}

/// Two runs with these answers, compared: the first is A, what the other one is held against.
fn compared(all: [Vec<Prediction>; 2]) -> (Window, tempfile::TempDir) {
    let counts = all.each_ref().map(Vec::len);
    let (mut window, data) = with_runs(&["eins", "zwei"], |i, report| {
        report.evaluation.as_mut().unwrap().images = counts[i];
    });
    for (i, answers) in all.into_iter().enumerate() {
        write_predictions(&path(&window, i), answers).unwrap();
    }
    window.press(Role::Button, "Pin eins as reference");
    window.press(Role::CheckBox, "Compare zwei");
    window.press(Role::Button, "Compare 2 runs");
    window.until("it is compared", |s| s.runs.comparison.as_ref().is_some_and(|c| c.result.is_some()));
    (window, data)
}

/// The texts of the paired tests, as they are read from top to bottom.
fn verdicts(window: &Window) -> Vec<String> {
    let root = window.harness.root();
    let labels = root.children_recursive().filter_map(|node| {
        let node = node.accesskit_node();
        (node.role() == Role::Label).then(|| node.value().or_else(|| node.label())).flatten()
    });
    let mut behind = labels.skip_while(|text| !text.contains("McNemar"));
    let heading = behind.next();
    assert_eq!(heading.as_deref(), Some("Picture by picture against A (exact McNemar test)"));
    behind.take_while(|text| text != "Layers").collect()
}

#[test]
fn a_difference_that_means_something_stands_beside_one_that_does_not() {
    // 20 pictures are right in the second run alone: p is 2 / 2^20. On 10 of them it leaves a float network that is
    // wrong, on the others the first run leaves one that is right: as many this way as that way, and p is 1.
    let float = |i: usize| i >= 10;
    let (mut window, _data) = compared([answers(100, float, |i| i >= 20), answers(100, float, |_| true)]);
    assert_eq!(
        verdicts(&window),
        [
            "B",
            "top-1",
            "better (p < 0.001)",
            "of 100 pictures, 20 only in B and 0 only in A",
            "B",
            "agreement with float",
            "no difference that 100 pictures can show (p = 1)",
            "of 100 pictures, 10 only in B and 10 only in A",
        ]
    );
    assert!(!window.has("kept no answers per picture"));
    window.harness.check_accessibility();

    // The other way round, the same test says the opposite.
    window.press(Role::Button, "Close the comparison (Esc)");
    window.perform(Action::Runs(RunsAction::Pin(Some(1))));
    window.press(Role::CheckBox, "Compare eins");
    window.press(Role::Button, "Compare 2 runs");
    window.until("it is compared", |s| s.runs.comparison.as_ref().is_some_and(|c| c.result.is_some()));
    let texts = verdicts(&window);
    assert_eq!(texts[2..4], ["worse (p < 0.001)", "of 100 pictures, 0 only in B and 20 only in A"]);
}

#[test]
fn a_few_pictures_show_no_difference_whatever_the_accuracy_looks_like() {
    // 4 of 6 against 1 of 6: 3 differ, p is 2 / 2^3.
    let right = |_: usize| true;
    let (window, _data) = compared([answers(6, right, |i| i < 1), answers(6, right, |i| i < 4)]);
    let texts = verdicts(&window);
    // The float network is right on all of them, so that both questions are the same.
    for words in [&texts[2..4], &texts[6..8]] {
        assert_eq!(words[0], "no difference that 6 pictures can show (p = 0.25)");
        assert_eq!(words[1], "of 6 pictures, 3 only in B and 0 only in A");
    }
}

#[test]
fn a_verdict_goes_by_its_p_and_tells_it() {
    let right = |_: usize| true;
    let of = |b: std::ops::Range<usize>| {
        let (window, _data) =
            compared([answers(40, right, |i| i < 30), answers(40, right, |i| b.contains(&i))]);
        verdicts(&window)[2].clone()
    };
    // 6 pictures this way and none that way: p is 2 / 2^6. 7 against 1: 2 · 9 / 2^8.
    assert_eq!(of(0..36), "better (p = 0.031)");
    assert_eq!(of(1..37), "no difference that 40 pictures can show (p = 0.070)");
    let (window, _data) = compared([answers(1, right, |_| true), answers(1, right, |_| false)]);
    assert_eq!(verdicts(&window)[2], "no difference that 1 picture can show (p = 1)");
}
