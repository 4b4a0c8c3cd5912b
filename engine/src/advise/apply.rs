//! A remedy as a change of the request that is to run next.

use crate::job::QuantizeRequest;
use crate::report::{PictureRole, Remedy};

/// Changes a request as the remedy says; what the remedy does not name stays. False, and nothing changed, where
/// somebody has to choose pictures first.
pub fn apply(remedy: &Remedy, request: &mut QuantizeRequest) -> bool {
    match remedy {
        Remedy::Pipeline { strategies } => request.strategies.clone_from(strategies),
        Remedy::Preprocessing { settings } => {
            request.preprocessing.extend(settings.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        Remedy::Pictures { role: PictureRole::Calibration, leave_out, .. } if !leave_out.is_empty() => {
            let new = leave_out.iter().filter(|file| !request.leave_out.contains(file)).cloned();
            let new: Vec<String> = new.collect();
            request.leave_out.extend(new);
        }
        Remedy::Pictures { .. } => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::job::StrategyRequest;

    fn request() -> QuantizeRequest {
        QuantizeRequest {
            model: "m.onnx".into(),
            images: vec!["calib".into()],
            eval: None,
            labels: None,
            strategies: vec![StrategyRequest { id: "dev.octet.int8".to_owned(), settings: BTreeMap::new() }],
            target: "esp32s3".to_owned(),
            out: "run".into(),
            graphwise_pictures: 32,
            layerwise_pictures: 16,
            layerwise_outputs: false,
            keep_clip: false,
            preprocessing: [("bgr".to_owned(), "true".to_owned()), ("mean".to_owned(), "0".to_owned())]
                .into(),
            threads: 0,
            reuse: false,
            leave_out: Vec::new(),
            edits: Default::default(),
        }
    }

    #[test]
    fn a_remedy_changes_what_it_names_and_nothing_else() {
        let mut changed = request();
        let strategies =
            vec![StrategyRequest { id: "dev.octet.other".to_owned(), settings: BTreeMap::new() }];
        assert!(apply(&Remedy::Pipeline { strategies: strategies.clone() }, &mut changed));
        assert_eq!(changed, QuantizeRequest { strategies, ..request() });

        let mut changed = request();
        let settings = [("mean".to_owned(), "0.5".to_owned())].into();
        assert!(apply(&Remedy::Preprocessing { settings }, &mut changed));
        assert_eq!(
            (changed.preprocessing["mean"].as_str(), changed.preprocessing["bgr"].as_str()),
            ("0.5", "true")
        );
    }

    #[test]
    fn pictures_to_leave_out_are_added_to_those_that_are() {
        let mut changed = QuantizeRequest { leave_out: vec!["a.jpg".to_owned()], ..request() };
        let leave_out = vec!["a.jpg".to_owned(), "b.jpg".to_owned()];
        let remedy =
            Remedy::Pictures { role: PictureRole::Calibration, at_least: 0, leave_out: leave_out.clone() };
        assert!(apply(&remedy, &mut changed));
        assert_eq!(changed, QuantizeRequest { leave_out, ..request() });
    }

    #[test]
    fn pictures_are_for_somebody_to_choose() {
        let mut changed = request();
        let remedy = Remedy::Pictures { role: PictureRole::Calibration, at_least: 32, leave_out: Vec::new() };
        assert!(!apply(&remedy, &mut changed));
        assert_eq!(changed, request());
    }
}
