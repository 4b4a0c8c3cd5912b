//! Which runs may be compared picture by picture, and what to tell where they may not.

use super::Run;
use super::paired::Common;
use crate::report::{Part, Words, phrase};
use crate::run::FLOAT_MODEL;

/// The pictures that both runs answered; `None` with a note why there is nothing to test.
pub(super) fn comparable<'a>(
    base_label: &str,
    base: &'a Run,
    label: &str,
    run: &'a Run,
    notes: &mut Vec<Words>,
) -> Option<Common<'a>> {
    let mut note = |note: Words| {
        // The reference's shortcomings are told once, not with every other run.
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    let one = || ("one", Part::from(base_label));
    let other = || ("other", Part::from(label));
    let (model, base_model) = (&run.report.model, &base.report.model);
    let same_model = model.sha256 == base_model.sha256;
    if !same_model {
        let names = if model.name == base_model.name {
            let name = ("name", model.name.as_str().into());
            phrase("both are called `%{name}`, but their files differ", [name])
        } else {
            let names = [("one", base_model.name.as_str().into()), ("other", model.name.as_str().into())];
            phrase("`%{one}` and `%{other}`", names)
        };
        note(phrase(
            "%{one} and %{other} are runs of different models (%{names}): layers are matched by name where names are \
             the same, and the answers are not tested",
            [one(), other(), ("names", names.into())],
        ));
    }
    if run.report.preprocessing != base.report.preprocessing {
        note(phrase("%{one} and %{other} were made with different pre-processing", [one(), other()]));
    }
    if run.report.calibration.used != base.report.calibration.used {
        note(phrase(
            "%{one} and %{other} were calibrated on different pictures: their figures of layers are of those",
            [one(), other()],
        ));
    } else {
        counts(base_label, base, label, run).into_iter().for_each(&mut note);
    }
    for (label, run) in [(base_label, base), (label, run)] {
        if run.changed_float {
            note(phrase(
                "%{run}'s strategies changed the float network: its figures of layers and of the scores on calibration \
                 pictures are against that one (%{file} in its folder), and only those on evaluation pictures are against \
                 the model itself",
                [("run", label.into()), ("file", FLOAT_MODEL.into())],
            ));
        }
    }
    for (label, run) in [(base_label, base), (label, run)] {
        let of_run = [("run", label.into())];
        note(match (&run.report.evaluation, &run.predictions) {
            (None, _) => phrase(
                "%{run} was not evaluated: quantize again with evaluation pictures (--eval) to test it against other runs",
                of_run,
            ),
            (Some(_), None) => phrase(
                "%{run} was evaluated by a program that kept no answers per picture: quantize again with evaluation pictures (--eval) to test \
                 it against other runs",
                of_run,
            ),
            (Some(_), Some(_)) => continue,
        });
    }
    let (Some(base_answers), Some(answers)) = (&base.predictions, &run.predictions) else { return None };
    if !same_model {
        return None;
    }
    let common = Common::new(base_answers, answers);
    let (count, most) = (common.pairs.len(), base_answers.len().max(answers.len()));
    if count == 0 {
        note(phrase(
            "%{one} and %{other} were evaluated on different pictures: evaluate both on the same folder for a test",
            [one(), other()],
        ));
        return None;
    }
    if count < most {
        let (n, m) = (("n", base_answers.len().into()), ("m", answers.len().into()));
        note(phrase(
            "%{one} has %{n} evaluation pictures and %{other} %{m}; the test is on the %{count} that both have (same name, \
             same content)",
            [one(), other(), n, m, ("count", count.into())],
        ));
    }
    if common.labels_differ > 0 {
        note(phrase(
            "%{one} and %{other} name different classes as the right ones of %{n} pictures, which the test of top-1 \
             leaves out: use one file of labels",
            [one(), other(), ("n", common.labels_differ.into())],
        ));
    }
    if common.float_differs > 0 {
        note(phrase(
            "the float networks of %{one} and %{other} answer %{n} pictures differently: agreement is with each run's own",
            [one(), other(), ("n", common.float_differs.into())],
        ));
    }
    Some(common)
}

/// Errors of layers that were measured on different numbers of the same pictures.
fn counts(base_label: &str, base: &Run, label: &str, run: &Run) -> Vec<Words> {
    let (Some(base), Some(run)) = (base.report.analysed, run.report.analysed) else { return Vec::new() };
    // Zero: that error was not measured, so that no figure is compared.
    let differ = |base: usize, run: usize| base != run && base.min(run) > 0;
    let values = |base: usize, run: usize| {
        [("one", base_label.into()), ("other", label.into()), ("n", base.into()), ("m", run.into())]
    };
    let mut notes = Vec::new();
    if differ(base.graphwise, run.graphwise) {
        notes.push(phrase(
            "the graphwise errors of %{one} are of %{n} pictures and those of %{other} of %{m}, so that part of what they differ by may come from that: \
             take the same number for both (--graphwise-pictures)",
            values(base.graphwise, run.graphwise),
        ));
    }
    if differ(base.layerwise, run.layerwise) {
        notes.push(phrase(
            "the layerwise errors of %{one} are of %{n} pictures and those of %{other} of %{m}, so that part of what they differ by may come from that: \
             take the same number for both (--layerwise-pictures)",
            values(base.layerwise, run.layerwise),
        ));
    }
    notes
}
