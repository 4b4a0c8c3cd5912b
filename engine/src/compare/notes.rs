//! Which runs may be compared picture by picture, and what to tell where they may not.

use super::Run;
use super::paired::Common;
use crate::run::FLOAT_MODEL;

/// The pictures that both runs answered; `None` with a note why there is nothing to test.
pub(super) fn comparable<'a>(
    base_label: &str,
    base: &'a Run,
    label: &str,
    run: &'a Run,
    notes: &mut Vec<String>,
) -> Option<Common<'a>> {
    let mut note = |text: String| {
        // The reference's shortcomings are told once, not with every other run.
        if !notes.contains(&text) {
            notes.push(text);
        }
    };
    let (model, base_model) = (&run.report.model, &base.report.model);
    let same_model = model.sha256 == base_model.sha256;
    if !same_model {
        let names = if model.name == base_model.name {
            format!("both are called `{}`, but their files differ", model.name)
        } else {
            format!("`{}` and `{}`", base_model.name, model.name)
        };
        note(format!(
            "{base_label} and {label} are runs of different models ({names}): layers are matched by name where names \
             are the same, and the answers are not tested"
        ));
    }
    if run.report.preprocessing != base.report.preprocessing {
        note(format!("{base_label} and {label} were made with different pre-processing"));
    }
    if run.report.calibration.used != base.report.calibration.used {
        note(format!(
            "{base_label} and {label} were calibrated on different pictures: their figures of layers are of those"
        ));
    }
    for (label, run) in [(base_label, base), (label, run)] {
        if run.changed_float {
            note(format!(
                "{label}'s strategies changed the float network: its figures of layers and of the scores on calibration \
                 pictures are against that one ({FLOAT_MODEL} in its folder), and only those on evaluation pictures are \
                 against the model itself"
            ));
        }
    }
    for (label, run) in [(base_label, base), (label, run)] {
        let reason = match (&run.report.evaluation, &run.predictions) {
            (None, _) => "was not evaluated",
            (Some(_), None) => "was evaluated by a program that kept no answers per picture",
            (Some(_), Some(_)) => continue,
        };
        note(format!("{label} {reason}: quantize again with --eval to test it against other runs"));
    }
    let (Some(base_answers), Some(answers)) = (&base.predictions, &run.predictions) else { return None };
    if !same_model {
        return None;
    }
    let common = Common::new(base_answers, answers);
    let (count, most) = (common.pairs.len(), base_answers.len().max(answers.len()));
    if count == 0 {
        note(format!(
            "{base_label} and {label} were evaluated on different pictures: evaluate both on the same folder for a test"
        ));
        return None;
    }
    if count < most {
        note(format!(
            "{base_label} has {} evaluation pictures and {label} {}; the test is on the {count} that both have (same \
             name, same content)",
            base_answers.len(),
            answers.len()
        ));
    }
    if common.labels_differ > 0 {
        note(format!(
            "{base_label} and {label} name different classes as the right ones of {} pictures, which the test of top-1 \
             leaves out: use one file of labels",
            common.labels_differ
        ));
    }
    if common.float_differs > 0 {
        note(format!(
            "the float networks of {base_label} and {label} answer {} pictures differently: agreement is with each \
             run's own",
            common.float_differs
        ));
    }
    Some(common)
}
