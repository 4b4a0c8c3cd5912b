//! Every rule speaks where it should, and only there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::advise;
use super::*;
use crate::report::{
    AccumulatorFacts, Accuracy, AnalysedPictures, EvaluationFacts, FinalFacts, InputFacts, ModelFacts,
    PictureFacts, Report, SCHEMA_VERSION, StrategyFacts,
};

fn layer(name: &str) -> LayerFacts {
    LayerFacts {
        name: name.to_owned(),
        op: "Conv".to_owned(),
        bits: 8,
        weight_exponents: vec![-7],
        output_exponent: -4,
        graphwise_nsr: Some(0.03),
        layerwise_nsr: Some(0.005),
        layerwise_with_output_nsr: None,
        layerwise_output_only_nsr: None,
        macs: 1,
        weight_bytes: 1,
        clipped: Some(0.01),
        beyond_range: Some(0.01),
        weight_range_ratio: Some(10.0),
        coarse_channels: Some(0),
        latency_us: None,
    }
}

// By value, so that `json!` can stand in the call.
#[allow(clippy::needless_pass_by_value)]
fn strategy(id: &str, requested: Value, defaults: Value) -> StrategyFacts {
    let requested: BTreeMap<String, Value> = requested.as_object().unwrap().clone().into_iter().collect();
    let mut settings = defaults.as_object().unwrap().clone();
    settings.extend(requested.clone());
    StrategyFacts {
        id: id.to_owned(),
        version: "1".to_owned(),
        sha256: String::new(),
        settings: settings.into(),
        requested,
        secs: 0.0,
        curves: Vec::new(),
    }
}

fn int8(requested: Value) -> StrategyFacts {
    strategy(INT8, requested, json!({"observer": "mse-pot", "clip_weight": 0.5, "input_observer": "auto"}))
}

fn equalization() -> StrategyFacts {
    strategy(EQUALIZATION, json!({}), json!({"mode": "classic"}))
}

fn mixed(requested: Value) -> StrategyFacts {
    strategy(MIXED_PRECISION, requested, json!({"layers": "", "search": "auto"}))
}

fn accuracy(top1: f64) -> Accuracy {
    let interval = [top1 - 0.05, top1 + 0.05];
    Accuracy { top1, top5: 0.9, top1_interval95: interval, top5_interval95: interval }
}

/// A run that nothing is to be said of.
fn quiet(target: &str) -> Report {
    Report {
        schema: SCHEMA_VERSION,
        model: ModelFacts {
            path: "m.onnx".to_owned(),
            sha256: "ab".to_owned(),
            name: "m".to_owned(),
            macs: 1,
            parameters: 1,
        },
        target: target.to_owned(),
        strategy: vec![int8(json!({}))],
        edits: Default::default(),
        calibration: PictureFacts { used: vec!["a.jpg".to_owned(); 32], ..PictureFacts::default() },
        preprocessing: BTreeMap::new(),
        preprocessing_settings: [("mean".to_owned(), "0.485,0.456,0.406".to_owned())].into(),
        input: InputFacts {
            name: "input".to_owned(),
            shape_nhwc: vec![1, 8, 8, 3],
            bits: 8,
            output_exponent: -6,
            graphwise_nsr: Some(0.001),
            layerwise_nsr: Some(0.001),
            clipped: Some(0.01),
            beyond_range: Some(0.01),
        },
        layers: vec![layer("first"), layer("second"), layer("third")],
        r#final: FinalFacts { graphwise_nsr: Some(0.04), agreement: Some(0.95) },
        evaluation: Some(EvaluationFacts {
            images: 256,
            skipped: Vec::new(),
            float: Some(accuracy(0.80)),
            quantized: Some(accuracy(0.78)),
            agreement: 0.95,
            agreement_interval95: [0.9, 0.97],
            output_nsr: 0.05,
            calibration_overlap: 0,
        }),
        memory: Default::default(),
        analysed: None,
        memory_map: None,
        latency: Default::default(),
        accumulators: Vec::new(),
        warnings: Vec::new(),
        advice: Vec::new(),
        timings_secs: BTreeMap::new(),
        versions: BTreeMap::new(),
    }
}

/// What is said of a quiet run on the S3 once it was changed.
fn said(change: impl FnOnce(&mut Report)) -> Vec<Finding> {
    said_on("esp32s3", change)
}

fn said_on(target: &str, change: impl FnOnce(&mut Report)) -> Vec<Finding> {
    let mut report = quiet(target);
    change(&mut report);
    advise(&report, None)
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.rule.as_str()).collect()
}

/// The only finding.
fn only(findings: Vec<Finding>, id: &str) -> Finding {
    assert_eq!(ids(&findings), [id], "{findings:#?}");
    findings.into_iter().next().unwrap()
}

fn evaluation(report: &mut Report) -> &mut EvaluationFacts {
    report.evaluation.as_mut().unwrap()
}

#[test]
fn rules_have_ids_of_their_own_and_are_documented() {
    let own: std::collections::BTreeSet<&str> = RULES.iter().map(|r| r.id).collect();
    assert_eq!(own.len(), RULES.len());
    let page = include_str!("../../../../docs/advice.md");
    let all = own.into_iter().chain(crate::pictures::lint::RULES.iter().map(|r| r.id));
    for id in all {
        assert!(page.contains(&format!("| `{id}` |")), "docs/advice.md lacks {id}");
    }
}

/// Messages of the worker are tagged, which some types survive in plain JSON but not there.
#[test]
fn a_report_with_findings_survives_in_a_tagged_message() {
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(tag = "tell")]
    enum Message {
        Told { report: Box<Report> },
    }
    let mut report = quiet("esp32s3");
    report.calibration.classes = vec![crate::report::ClassFacts { class: 7, pictures: 2 }];
    report.calibration.findings = evaluation_overlap(3).into_iter().collect();
    report.strategy.push(mixed(json!({"layers": "a", "max_extra_time_ms": 0.5})));
    report.layers[0].layerwise_nsr = Some(0.2);
    report.advice = advise(&report, None);
    assert_eq!(report.advice.len(), 2);
    let text = serde_json::to_string(&Message::Told { report: Box::new(report.clone()) }).unwrap();
    let Message::Told { report: read } = serde_json::from_str(&text).unwrap();
    assert_eq!(*read, report);
}

#[test]
fn nothing_is_said_of_a_good_run() {
    assert_eq!(ids(&said(|_| {})), [""; 0]);
    assert_eq!(ids(&said_on("esp32p4", |_| {})), [""; 0]);
    assert_eq!(ids(&said(|r| r.evaluation = None)), [""; 0]);
}

#[test]
fn every_brace_is_filled() {
    let mut report = quiet("esp32p4");
    report.strategy.insert(0, equalization());
    report.r#final.graphwise_nsr = Some(0.3);
    report.layers[0].layerwise_nsr = Some(0.3);
    report.layers[1].beyond_range = Some(0.3);
    report.input.beyond_range = Some(0.3);
    *evaluation(&mut report) = EvaluationFacts {
        images: 30,
        float: Some(accuracy(0.05)),
        calibration_overlap: 1,
        ..evaluation(&mut report.clone()).clone()
    };
    let findings = advise(&report, Some(&quiet("esp32p4")));
    assert!(findings.len() >= 8, "{:?}", ids(&findings));
    for finding in findings {
        assert!(!finding.text.contains(['{', '}']), "{}", finding.text);
    }
}

#[test]
fn the_most_urgent_comes_first() {
    let findings = said(|r| {
        r.input.beyond_range = Some(0.1);
        evaluation(r).images = 30;
        evaluation(r).calibration_overlap = 2;
    });
    assert_eq!(ids(&findings), ["evaluation-overlap", "input-saturates", "few-evaluation-pictures"]);
}

#[test]
fn what_was_found_of_the_pictures_is_told_once() {
    let finding = evaluation_overlap(3).unwrap();
    let findings = said(|r| {
        r.calibration.findings.push(finding.clone());
        evaluation(r).calibration_overlap = 3;
    });
    assert_eq!(findings, [finding]);
}

#[test]
fn calibration_pictures_among_the_evaluation_pictures_are_told() {
    let finding = only(said(|r| evaluation(r).calibration_overlap = 3), "evaluation-overlap");
    assert!(finding.text.contains("calibration pictures too: 3;"), "{}", finding.text);
    assert_eq!(finding.arguments, "--eval DIR");
    assert_eq!(evaluation_overlap(0), None);
}

#[test]
fn a_float_network_that_guesses_is_told() {
    let guesses = |r: &mut Report| {
        evaluation(r).float = Some(accuracy(0.05));
        evaluation(r).quantized = Some(accuracy(0.05));
    };
    let finding = only(said(guesses), "float-network-guesses");
    assert!(finding.text.contains("right on only 5.0 %"));
    assert_eq!(finding.arguments, "--mean 0.5 --std 0.5");
    let keras = said(|r| {
        guesses(r);
        r.preprocessing_settings = [("mean".to_owned(), "0.5,0.5,0.5".to_owned())].into();
    });
    assert!(keras[0].arguments.contains("0.485"));
    // Chance.
    assert_eq!(
        ids(&said(|r| {
            guesses(r);
            evaluation(r).images = 19;
        })),
        ["few-evaluation-pictures"]
    );
}

#[test]
fn noisy_scores_are_told_with_what_is_not_tried_yet() {
    let noisy = |r: &mut Report| {
        r.r#final.graphwise_nsr = Some(0.272);
        evaluation(r).output_nsr = 0.3;
    };
    let finding = only(said(noisy), "final-noise");
    assert!(finding.text.contains("is 27.2 % on"));
    assert_eq!(finding.arguments, "--strategy equalization,int8");
    let equalized = said(|r| {
        noisy(r);
        r.strategy.insert(0, equalization());
    });
    assert_eq!(only(equalized, "final-noise").arguments, "--strategy equalization,int8,mixed-precision");
    let with_kl = said(|r| {
        noisy(r);
        r.strategy = vec![int8(json!({"observer": "kl"}))];
    });
    assert_eq!(only(with_kl, "final-noise").arguments, "--strategy int8 --set int8.observer=mse-pot");
    assert_eq!(only(said_on("esp32p4", noisy), "final-noise").arguments, "--strategy equalization,int8");
    let all = said_on("esp32p4", |r| {
        noisy(r);
        let balance = json!({"mode": "balance"});
        r.strategy.insert(0, strategy(EQUALIZATION, json!({}), balance));
        r.strategy.push(mixed(json!({})));
    });
    assert_eq!(only(all, "final-noise").arguments, "--images DIR");
    assert_eq!(ids(&said(|r| r.r#final.graphwise_nsr = Some(0.1))), [""; 0]);
}

#[test]
fn equalization_is_left_out_where_channels_have_exponents_of_their_own() {
    let equalized = |r: &mut Report| {
        r.strategy = vec![equalization(), int8(json!({"clip_weight": 0.25}))];
        r.r#final.graphwise_nsr = Some(0.083);
    };
    let finding = only(said_on("esp32p4", equalized), "equalization-hurts");
    assert!(
        finding.text.starts_with("with equalization the scores' noise:signal is 8.3 %:"),
        "{}",
        finding.text
    );
    assert_eq!(finding.arguments, "--strategy int8 --set int8.clip_weight=0.25");
    assert_eq!(ids(&said_on("esp32s3", equalized)), [""; 0]);
    assert_eq!(
        ids(&said_on("esp32p4", |r| {
            equalized(r);
            r.r#final.graphwise_nsr = Some(0.03);
        })),
        [""; 0]
    );
    let off = |r: &mut Report| {
        equalized(r);
        r.strategy[0].settings = json!({"mode": "off"});
    };
    assert_eq!(ids(&said_on("esp32p4", off)), [""; 0]);
}

#[test]
fn a_reference_without_equalization_decides_whether_it_hurts() {
    let mut report = quiet("esp32p4");
    report.strategy.insert(0, equalization());
    let mut reference = quiet("esp32p4");
    reference.r#final.graphwise_nsr = Some(0.035);
    let findings = advise(&report, Some(&reference));
    assert_eq!(ids(&findings), ["equalization-hurts", "worse-than-reference"]);
    assert!(findings[0].text.contains("4.0 %, without it 3.5 %"), "{}", findings[0].text);
    reference.r#final.graphwise_nsr = Some(0.2);
    report.r#final.graphwise_nsr = Some(0.08);
    assert_eq!(ids(&advise(&report, Some(&reference))), [""; 0]);
}

#[test]
fn a_better_reference_is_told_unless_it_is_of_something_else() {
    let report = quiet("esp32s3");
    let mut reference = quiet("esp32s3");
    reference.strategy = vec![int8(json!({"observer": "kl"}))];
    reference.r#final.graphwise_nsr = Some(0.03);
    let findings = advise(&report, Some(&reference));
    let finding = only(findings, "worse-than-reference");
    assert_eq!(finding.arguments, "--strategy int8 --set int8.observer=kl");
    for change in [
        (|r| r.r#final.graphwise_nsr = Some(0.039)) as fn(&mut Report),
        |r| r.strategy = vec![int8(json!({}))],
        |r| r.target = "esp32c3".to_owned(),
        |r| r.model.sha256 = "cd".to_owned(),
    ] {
        let mut other = reference.clone();
        change(&mut other);
        assert_eq!(ids(&advise(&report, Some(&other))), [""; 0]);
    }
}

#[test]
fn classes_that_change_are_told_where_the_noise_is_no_problem() {
    let changed = |r: &mut Report| {
        r.r#final.agreement = Some(0.84);
        r.calibration.used = (0..20).map(|i| format!("{i}.jpg")).collect();
    };
    let finding = only(said(changed), "changed-classes");
    assert!(finding.text.starts_with("only 84"), "{}", finding.text);
    assert_eq!(finding.arguments, "--strategy equalization,int8");
    for change in [
        (|r| r.r#final.agreement = Some(0.9)) as fn(&mut Report),
        |r| r.calibration.used.truncate(19),
        |r| r.analysed = Some(AnalysedPictures { graphwise: 5, layerwise: 5 }),
        |r| r.r#final.agreement = None,
    ] {
        let quiet = said(|r| {
            changed(r);
            change(r);
        });
        assert!(quiet.iter().all(|f| f.rule != "changed-classes"), "{quiet:?}");
    }
}

#[test]
fn channels_of_other_ranges_are_told_where_they_share_an_exponent() {
    let wide = |r: &mut Report| {
        r.layers[1].weight_range_ratio = Some(412.0);
        r.layers[1].coarse_channels = Some(7);
        r.layers[1].layerwise_nsr = Some(0.02);
    };
    let finding = only(said(wide), "weight-ranges");
    assert_eq!(finding.subject.as_deref(), Some("second"));
    assert!(
        finding.text.contains("`second`") && finding.text.contains("differ 412-fold"),
        "{}",
        finding.text
    );
    assert!(finding.text.contains("7 of them keep"), "{}", finding.text);
    let empty = only(
        said(|r| {
            wide(r);
            r.layers[1].weight_range_ratio = Some(3e17);
        }),
        "weight-ranges",
    );
    assert!(empty.text.contains("differ more than 10000-fold"), "{}", empty.text);
    assert_eq!(finding.arguments, "--strategy equalization,int8");
    for change in [
        (|r| r.layers[1].weight_range_ratio = Some(49.0)) as fn(&mut Report),
        |r| r.layers[1].coarse_channels = Some(0),
        |r| r.layers[1].weight_exponents = vec![-7, -12],
        |r| r.layers[1].bits = 16,
        |r| r.strategy.insert(0, equalization()),
        |r| r.layers[1].layerwise_nsr = Some(0.019),
        |r| r.layers[1].layerwise_nsr = None,
    ] {
        let silent = said(|r| {
            wide(r);
            change(r);
        });
        assert_eq!(ids(&silent), [""; 0]);
    }
    let unmeasured = said(|r| {
        wide(r);
        r.layers[1].layerwise_nsr = None;
        r.r#final.graphwise_nsr = Some(0.2);
    });
    assert_eq!(ids(&unmeasured), ["final-noise", "weight-ranges"]);
}

#[test]
fn layers_that_hurt_are_put_in_16_bits() {
    let hurt = |r: &mut Report| {
        r.layers[2].layerwise_nsr = Some(0.157);
        r.layers[0].layerwise_nsr = Some(0.06);
    };
    let finding = only(said(hurt), "layers-that-hurt");
    assert_eq!(finding.subject.as_deref(), Some("third"));
    assert!(finding.text.contains("makes 15.7 % noise:signal in the scores (1 other likewise)"));
    assert_eq!(finding.arguments, "--strategy int8,mixed-precision --set mixed-precision.layers=third,first");
    assert_eq!(
        ids(&said(|r| {
            hurt(r);
            r.layers[0].bits = 16;
            r.layers[2].bits = 16;
        })),
        [""; 0]
    );
    assert_eq!(ids(&said(|r| r.layers[0].layerwise_nsr = Some(0.049))), [""; 0]);
    // Where the whole is noisy, less is worth work.
    let noisy = said(|r| {
        r.r#final.graphwise_nsr = Some(0.2);
        r.layers[0].layerwise_nsr = Some(0.011);
    });
    assert_eq!(ids(&noisy), ["final-noise", "layers-that-hurt"]);
}

#[test]
fn layers_join_those_that_are_named_and_a_search_goes_on() {
    let with = |settings: Value| {
        let findings = said(|r| {
            r.layers[2].layerwise_nsr = Some(0.157);
            r.strategy.push(mixed(settings));
        });
        only(findings, "layers-that-hurt").arguments
    };
    let arguments =
        |rest: &str| format!("--strategy int8,mixed-precision --set mixed-precision.layers={rest}");
    assert_eq!(with(json!({"layers": "first"})), arguments("first,third"));
    assert_eq!(with(json!({})), arguments("third --set mixed-precision.search=on"));
    assert_eq!(with(json!({"search": "off"})), arguments("third --set mixed-precision.search=off"));
}

#[test]
fn lost_accuracy_is_told_when_it_is_not_chance() {
    let drop = |to: f64| move |r: &mut Report| evaluation(r).quantized = Some(accuracy(to));
    let finding = only(said(drop(0.7)), "accuracy-drop");
    assert!(finding.text.contains("costs 10.0 points of top-1: 80.0 % becomes 70.0 %"), "{}", finding.text);
    assert_eq!(ids(&said(drop(0.76))), [""; 0]);
    let noisy = said(|r| {
        drop(0.7)(r);
        r.r#final.graphwise_nsr = Some(0.2);
    });
    assert_eq!(ids(&noisy), ["final-noise"]);
}

#[test]
fn an_input_that_saturates_is_told() {
    let finding = only(said(|r| r.input.beyond_range = Some(0.074)), "input-saturates");
    assert!(finding.text.contains("7.4 % of the values of the input `input` saturate at exponent -6"));
    assert_eq!(finding.arguments, "--strategy int8 --set int8.input_observer=minmax");
    let foreign = said(|r| {
        r.input.beyond_range = Some(0.074);
        r.strategy = vec![strategy("org.other", json!({}), json!({}))];
    });
    assert_eq!(only(foreign, "input-saturates").arguments, "--strategy int8");
    assert_eq!(ids(&said(|r| r.input.beyond_range = Some(0.02))), [""; 0]);
    assert_eq!(ids(&said(|r| r.input.beyond_range = None)), [""; 0]);
}

#[test]
fn clipped_activations_are_told_with_another_observer() {
    let with = |settings: Value| {
        said(|r| {
            r.layers[1].beyond_range = Some(0.03);
            r.strategy = vec![int8(settings)];
        })
    };
    let finding = only(with(json!({})), "clipping");
    assert!(finding.text.contains("clips 3.0 % of the values of `second`"), "{}", finding.text);
    assert_eq!(finding.arguments, "--strategy int8 --set int8.clip_weight=1.0");
    assert_eq!(
        with(json!({"clip_weight": 1}))[0].arguments,
        "--strategy int8 --set int8.clip_weight=1 --set int8.observer=minmax"
    );
    assert_eq!(with(json!({"observer": "kl"}))[0].arguments, "--strategy int8 --set int8.observer=mse-pot");
    assert_eq!(ids(&with(json!({"observer": "minmax"}))), [""; 0]);
    assert_eq!(ids(&said(|r| r.layers[1].beyond_range = Some(0.029))), [""; 0]);
    let harmless = said(|r| {
        r.layers[1].beyond_range = Some(0.03);
        r.layers[1].graphwise_nsr = Some(0.01);
    });
    assert_eq!(ids(&harmless), [""; 0]);
}

#[test]
fn sums_that_leave_the_accumulator_are_told() {
    let facts = |name: &str, values| AccumulatorFacts {
        name: name.to_owned(),
        limit_bits: 20,
        channels: 5,
        pictures: 4,
        values,
    };
    let finding = only(said(|r| r.accumulators = vec![facts("a", 3), facts("b", 9)]), "accumulator");
    assert_eq!(finding.subject.as_deref(), Some("b"));
    assert!(
        finding.text.contains("20-bit accumulator of esp32s3 in 5 channels on 4 pictures"),
        "{}",
        finding.text
    );
    assert_eq!(finding.arguments, "--strategy int8,mixed-precision --set mixed-precision.layers=a,b");
}

#[test]
fn noise_that_only_unseen_pictures_have_is_told() {
    let finding = only(said(|r| evaluation(r).output_nsr = 0.081), "unseen-noise");
    assert!(finding.text.contains("8.1 % on pictures") && finding.text.contains("32 pictures are too few"));
    assert_eq!(ids(&said(|r| evaluation(r).output_nsr = 0.079)), [""; 0]);
    let quiet = said(|r| {
        r.r#final.graphwise_nsr = Some(0.001);
        evaluation(r).output_nsr = 0.02;
    });
    assert_eq!(ids(&quiet), [""; 0]);
    let equalized = said(|r| {
        evaluation(r).output_nsr = 0.081;
        r.strategy.insert(0, equalization());
    });
    assert_eq!(ids(&equalized), [""; 0]);
}

#[test]
fn few_evaluation_pictures_are_a_hint() {
    let finding = only(said(|r| evaluation(r).images = 99), "few-evaluation-pictures");
    assert_eq!(finding.severity, Severity::Hint);
    assert!(
        finding.text.contains("99 evaluation pictures: top-1 lies anywhere between 73.0 % and 83.0 %"),
        "{}",
        finding.text
    );
    let unlabelled = said(|r| {
        evaluation(r).images = 99;
        evaluation(r).quantized = None;
    });
    assert!(unlabelled[0].text.contains("agreement lies anywhere between 90.0 % and 97.0 %"));
}

#[test]
fn a_report_without_figures_is_no_reason_to_speak() {
    let findings = said(|r| {
        r.r#final.graphwise_nsr = None;
        r.layers.clear();
        r.strategy.clear();
        r.evaluation = None;
    });
    assert_eq!(ids(&findings), [""; 0]);
}
