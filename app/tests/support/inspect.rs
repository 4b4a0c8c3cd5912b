//! Answers of a scripted engine about operations and pictures.

use std::ops::Range;
use std::path::{Path, PathBuf};

use octet::window::backend::InspectBackend;
use octet::window::state::{Place, Problem};
use octet_engine::pictures::Rgb;
use octet_engine::probe::{
    ActivationFigures, ChannelFigures, DepthPoint, FeatureMap, FeatureMaps, Grid, Histogram, Parting,
    PartingRule, Scatter, Score, THRESHOLD, TriedPicture, WeightFigures,
};

use super::backend::Scripted;

fn histogram() -> Histogram {
    Histogram {
        exponent: -4,
        first: -8,
        counts: (1..=16).map(|i| i * i).collect(),
        zeros: 40,
        not_finite: 0,
        range: Some([-0.5, 0.5]),
    }
}

fn broken(what: &Path) -> Option<Problem> {
    let is_broken = what.to_string_lossy().contains("broken");
    is_broken.then(|| Problem::new(Place::Run, "This picture cannot be used", "`broken.jpg`: it has no end"))
}

impl InspectBackend for Scripted {
    fn weights(&self, _: &Path, operation: &str, channel: Option<usize>) -> Result<WeightFigures, Problem> {
        self.asked.lock().unwrap().push(format!("weights {operation} {channel:?}"));
        let figures = |c: usize| ChannelFigures {
            min: -0.5,
            quarter: -0.1,
            median: 0.0,
            three_quarters: 0.1,
            max: 0.4,
            grid: Grid::new(8, -7 - (c % 2) as i32),
            clipped: 0.0,
            nsr: 0.001,
        };
        Ok(WeightFigures {
            operation: operation.to_owned(),
            tensor: format!("{operation}.weight"),
            // A wide layer is drawn as bands, a narrow one as boxes.
            channels: (0..if operation == "n0" { 32 } else { 96 }).map(figures).collect(),
            exponents: vec![(-8, 16), (-7, 16)],
            per_channel: true,
            channel,
            histogram: histogram(),
            clipped: 0.01,
            nsr: 0.0012,
            corrected: false,
        })
    }

    fn activations(&self, run: &Path, operation: &str) -> Result<ActivationFigures, Problem> {
        if let Some(problem) = broken(run) {
            return Err(problem);
        }
        self.asked.lock().unwrap().push(format!("activations {operation}"));
        Ok(ActivationFigures {
            tensor: operation.to_owned(),
            histogram: histogram(),
            grid: Some(Grid::new(8, -9)),
            clipped: 0.031,
            pictures: 16,
            of: 32,
        })
    }

    fn run_pictures(&self, _: &Path) -> Result<Vec<PathBuf>, Problem> {
        Ok(vec!["/pictures/größe.jpg".into(), "/pictures/zwei.jpg".into()])
    }

    fn scatter(&self, run: &Path, operation: &str, picture: Option<&Path>) -> Result<Scatter, Problem> {
        self.asked.lock().unwrap().push(format!("scatter {operation} {picture:?}"));
        if let Some(problem) = broken(run).or_else(|| picture.and_then(broken)) {
            return Err(problem);
        }
        Ok(Scatter {
            tensor: operation.to_owned(),
            points: (0..50).map(|i| [i as f32 * 0.01, (i / 2) as f32 * 0.02]).collect(),
            elements: 1000,
            nsr: 0.0123,
            largest_error: 0.01,
            grid: Some(Grid::new(8, -8)),
        })
    }

    fn maps(
        &self,
        run: &Path,
        operation: &str,
        picture: Option<&Path>,
        channels: Range<usize>,
    ) -> Result<FeatureMaps, Problem> {
        if let Some(problem) = broken(run).or_else(|| picture.and_then(broken)) {
            return Err(problem);
        }
        let map = |channel| FeatureMap {
            channel,
            float: (0..12).map(|i| i * 20).collect(),
            quantized: (0..12).map(|i| i * 20 + 1).collect(),
            difference: vec![129; 12],
            nsr: 0.01,
        };
        Ok(FeatureMaps {
            tensor: operation.to_owned(),
            height: 3,
            width: 4,
            channels: 40,
            low: -1.0,
            high: 6.0,
            largest_difference: 0.02,
            maps: channels.filter(|c| *c < 40).map(map).collect(),
        })
    }

    fn try_picture(&self, _: &Path, picture: &Path) -> Result<TriedPicture, Problem> {
        self.asked.lock().unwrap().push(format!("try {}", picture.display()));
        if let Some(problem) = broken(picture) {
            return Err(problem);
        }
        let score = |class: usize, probability| Score {
            class,
            label: (class < 4).then(|| format!("Hündin {class}")),
            probability,
        };
        let scores =
            |first| vec![score(first, 0.7), score(3, 0.2), score(7, 0.05), score(8, 0.03), score(9, 0.02)];
        let point = |i: usize| DepthPoint {
            name: if i == 0 { "input".to_owned() } else { format!("n{}", i - 1) },
            is_input: i == 0,
            nsr: 0.002 * (i as f64),
        };
        let parting = |place: usize, rule| Parting {
            place,
            name: format!("n{}", place - 1),
            nsr: 0.002 * place as f64,
            rise: 0.002,
            rule,
        };
        Ok(TriedPicture {
            picture: Rgb { width: 4, height: 2, pixels: vec![90; 24] },
            float: scores(0),
            quantized: scores(1),
            labels_from: Some("labels.txt".to_owned()),
            agrees: false,
            depth: (0..60).map(point).collect(),
            output_nsr: 0.11,
            threshold: THRESHOLD,
            parting: Some(parting(26, PartingRule::Threshold)),
            largest_rise: Some(parting(1, PartingRule::LargestRise)),
        })
    }
}
