//! Two runs' answers to the same pictures.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::mcnemar::{holm, mcnemar_exact};
use crate::report::Prediction;

/// Chance of a false alarm that a verdict accepts.
const SIGNIFICANCE: f64 = 0.05;

/// A run against the reference on the pictures that both have answered, by the exact McNemar test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedTests {
    /// Pictures that both runs answered: the same file name and the same content.
    pub pictures: usize,
    /// "The first class is the right one"; `None` without labels.
    pub top1: Option<PairedTest>,
    /// "The first class is that of the float network."
    pub agreement: Option<PairedTest>,
}

/// One yes-or-no question about every picture, asked of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedTest {
    /// Pictures of which the question could be asked.
    pub pictures: usize,
    /// Yes for both.
    pub both: usize,
    /// Yes for the reference alone.
    pub only_reference: usize,
    /// Yes for the run alone.
    pub only_run: usize,
    /// Yes for neither.
    pub neither: usize,
    /// The run's fraction of yes minus the reference's.
    pub difference: f64,
    /// Two-sided p, 0..=1; see [`mcnemar_exact`].
    pub p: f64,
    /// The same after Holm's correction for all runs that are compared with this reference; the verdict goes by it.
    pub p_holm: f64,
    /// How many tests the correction is for.
    pub comparisons: usize,
    /// What follows at 5 %.
    pub verdict: Verdict,
    /// The verdict in words, for people.
    pub words: String,
}

/// What a paired test says of the run against the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than by chance.
    Better,
    /// Worse than by chance.
    Worse,
    /// As far apart as chance may put two equal networks.
    NoDifference,
}

/// The answers of two runs to the pictures that both have.
pub(super) struct Common<'a> {
    /// The reference's and the run's, in the reference's order.
    pub(super) pairs: Vec<(&'a Prediction, &'a Prediction)>,
    /// Pictures whose class is another one in the other run.
    pub(super) labels_differ: usize,
    /// Pictures on which the float networks answer differently.
    pub(super) float_differs: usize,
}

impl<'a> Common<'a> {
    /// Matches by file name and content. A picture that is listed twice counts once.
    pub(super) fn new(reference: &'a [Prediction], run: &'a [Prediction]) -> Self {
        let key = |p: &'a Prediction| (p.file.as_str(), p.sha256.as_str());
        let mut of_run: HashMap<_, &Prediction> = HashMap::new();
        for prediction in run {
            of_run.entry(key(prediction)).or_insert(prediction);
        }
        let mut seen = HashSet::new();
        let fresh = reference.iter().filter(|&p| seen.insert(key(p)));
        let pairs: Vec<_> = fresh.filter_map(|p| Some((p, *of_run.get(&key(p))?))).collect();
        let count =
            |what: fn(&Prediction, &Prediction) -> bool| pairs.iter().filter(|(a, b)| what(a, b)).count();
        let labels_differ = count(|a, b| a.label != b.label);
        let float_differs = count(|a, b| a.float != b.float);
        Common { pairs, labels_differ, float_differs }
    }

    /// Asks both questions; a picture on whose class the runs do not agree is none of the first.
    pub(super) fn tests(&self) -> PairedTests {
        let labelled = self.pairs.iter().filter(|(a, b)| a.label.is_some() && a.label == b.label);
        let right = |p: &Prediction| Some(p.quantized) == p.label;
        let agrees = |p: &Prediction| p.quantized == p.float;
        PairedTests {
            pictures: self.pairs.len(),
            top1: PairedTest::new(labelled.map(|(a, b)| (right(a), right(b)))),
            agreement: PairedTest::new(self.pairs.iter().map(|(a, b)| (agrees(a), agrees(b)))),
        }
    }
}

impl PairedTest {
    /// A test of (reference, run) answers; `None` without any. Not corrected yet.
    fn new(answers: impl Iterator<Item = (bool, bool)>) -> Option<Self> {
        let (mut both, mut only_reference, mut only_run, mut neither) = (0, 0, 0, 0);
        for answer in answers {
            *match answer {
                (true, true) => &mut both,
                (true, false) => &mut only_reference,
                (false, true) => &mut only_run,
                (false, false) => &mut neither,
            } += 1;
        }
        let pictures = both + only_reference + only_run + neither;
        let p = mcnemar_exact(only_reference, only_run);
        let test = PairedTest {
            pictures,
            both,
            only_reference,
            only_run,
            neither,
            difference: (only_run as f64 - only_reference as f64) / pictures.max(1) as f64,
            p,
            p_holm: p,
            comparisons: 1,
            verdict: Verdict::NoDifference,
            words: String::new(),
        };
        (pictures > 0).then_some(test)
    }

    fn judge(&mut self, p_holm: f64, comparisons: usize) {
        (self.p_holm, self.comparisons) = (p_holm, comparisons);
        self.verdict = if p_holm >= SIGNIFICANCE {
            Verdict::NoDifference
        } else if self.only_run > self.only_reference {
            Verdict::Better
        } else {
            Verdict::Worse
        };
        let p = p_in_words(p_holm);
        self.words = match self.verdict {
            Verdict::Better => format!("better ({p})"),
            Verdict::Worse => format!("worse ({p})"),
            Verdict::NoDifference => {
                let n = self.pictures;
                format!("no difference that {n} picture{} can show ({p})", if n == 1 { "" } else { "s" })
            }
        };
    }
}

/// Corrects the tests of one question for their number, and gives each its verdict.
pub(super) fn judge_all(tests: &mut [&mut PairedTest]) {
    let p: Vec<f64> = tests.iter().map(|t| t.p).collect();
    for (test, p_holm) in tests.iter_mut().zip(holm(&p)) {
        test.judge(p_holm, p.len());
    }
}

/// `p = 0.041`; two digits are all that a p is good for. What lies below 5 % is not rounded up to it.
pub fn p_in_words(p: f64) -> String {
    match p {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p if p < SIGNIFICANCE => format!("p = {:.3}", p.min(0.049)),
        p if p < 0.0995 => format!("p = {p:.3}"),
        p if p < 0.995 => format!("p = {p:.2}"),
        _ => "p = 1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prediction(file: &str, sha256: &str, label: Option<usize>, quantized: usize) -> Prediction {
        Prediction { file: file.to_owned(), sha256: sha256.to_owned(), label, float: 1, quantized }
    }

    fn judged(reference: &[Prediction], run: &[Prediction]) -> PairedTests {
        let mut tests = Common::new(reference, run).tests();
        judge_all(&mut tests.top1.iter_mut().collect::<Vec<_>>());
        judge_all(&mut tests.agreement.iter_mut().collect::<Vec<_>>());
        tests
    }

    #[test]
    fn only_pictures_with_the_same_name_and_content_are_compared() {
        let a = [
            prediction("1", "x", Some(1), 1),
            prediction("2", "y", Some(1), 1),
            prediction("3", "z", None, 1),
        ];
        let b = [
            prediction("2", "y", Some(1), 0),
            prediction("1", "other", Some(1), 0),
            prediction("3", "z", None, 1),
        ];
        let tests = judged(&a, &b);
        assert_eq!(tests.pictures, 2);
        let top1 = tests.top1.unwrap();
        assert_eq!((top1.pictures, top1.only_reference), (1, 1), "the third has no class");
        assert_eq!(top1.words, "no difference that 1 picture can show (p = 1)");
        assert_eq!(tests.agreement.unwrap().pictures, 2);
    }

    #[test]
    fn a_picture_that_is_listed_twice_counts_once() {
        let a = [prediction("1", "x", None, 1), prediction("1", "x", None, 1)];
        assert_eq!(Common::new(&a, &a).pairs.len(), 1);
    }

    #[test]
    fn a_picture_with_two_classes_is_not_asked_for_the_right_one() {
        let (a, b) = ([prediction("1", "x", Some(1), 1)], [prediction("1", "x", Some(2), 1)]);
        let common = Common::new(&a, &b);
        assert_eq!(common.labels_differ, 1);
        assert_eq!(common.tests().top1, None);
    }

    #[test]
    fn a_clear_majority_is_better_and_the_other_way_round_worse() {
        let files: Vec<String> = (0..40).map(|i| i.to_string()).collect();
        let of = |right: std::ops::Range<usize>| -> Vec<Prediction> {
            files
                .iter()
                .enumerate()
                .map(|(i, f)| prediction(f, "", Some(1), right.contains(&i).into()))
                .collect()
        };
        let (good, bad) = (of(0..30), of(0..20));
        assert_eq!(judged(&bad, &good).top1.unwrap().words, "better (p = 0.002)");
        assert_eq!(judged(&good, &bad).top1.unwrap().words, "worse (p = 0.002)");
        let same = judged(&good, &good).top1.unwrap();
        assert_eq!(same.words, "no difference that 40 pictures can show (p = 1)");
    }

    #[test]
    fn a_rounded_p_stays_on_its_side_of_the_limit() {
        assert_eq!(p_in_words(0.0499), "p = 0.049");
        assert_eq!(p_in_words(0.0501), "p = 0.050");
        assert_eq!(p_in_words(0.4142), "p = 0.41");
        assert_eq!(p_in_words(0.0009), "p < 0.001");
    }

    proptest! {
        #[test]
        fn exchanging_the_runs_turns_the_verdict_round(
            answers in prop::collection::vec((any::<bool>(), any::<bool>()), 1..200)
        ) {
            let judged = |answers: &mut dyn Iterator<Item = (bool, bool)>| {
                let mut test = PairedTest::new(answers).unwrap();
                judge_all(&mut [&mut test]);
                test
            };
            let there = judged(&mut answers.iter().copied());
            let back = judged(&mut answers.iter().map(|&(a, b)| (b, a)));
            prop_assert_eq!(there.p, back.p);
            prop_assert_eq!(there.difference, -back.difference);
            let turned = match there.verdict {
                Verdict::Better => Verdict::Worse,
                Verdict::Worse => Verdict::Better,
                Verdict::NoDifference => Verdict::NoDifference,
            };
            prop_assert_eq!(back.verdict, turned);
        }
    }
}
