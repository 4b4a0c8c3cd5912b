//! What a training may say on its standard output, besides plain text: see `docs/qat.md`.

/// A line of the training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// `octet-progress FRACTION WORDS...`
    Progress { fraction: f32, words: String },
    /// `octet-point CURVE X Y`
    Point { curve: String, x: f64, y: f64 },
    /// Anything else.
    Text(String),
}

/// Longest name of a curve, in bytes.
const MAX_CURVE_BYTES: usize = 40;

impl Message {
    /// Reads a line. What looks like a message and is none stays text, so that its author sees it in the log.
    pub(crate) fn parse(line: &str) -> Message {
        let parsed = match line.split_once(char::is_whitespace) {
            Some(("octet-progress", rest)) => progress(rest),
            Some(("octet-point", rest)) => point(rest),
            _ => None,
        };
        parsed.unwrap_or_else(|| Message::Text(line.to_owned()))
    }
}

fn progress(rest: &str) -> Option<Message> {
    let rest = rest.trim_start();
    let (number, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let fraction: f32 = number.parse().ok()?;
    let words = words.trim().to_owned();
    (0.0..=1.0).contains(&fraction).then_some(Message::Progress { fraction, words })
}

fn point(rest: &str) -> Option<Message> {
    let mut parts = rest.split_whitespace();
    let (curve, x, y) = (parts.next()?, parts.next()?, parts.next()?);
    let (x, y): (f64, f64) = (x.parse().ok()?, y.parse().ok()?);
    let usable = parts.next().is_none() && x.is_finite() && y.is_finite() && curve.len() <= MAX_CURVE_BYTES;
    usable.then(|| Message::Point { curve: curve.to_owned(), x, y })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_points_are_understood() {
        let progress = |fraction, words: &str| Message::Progress { fraction, words: words.to_owned() };
        assert_eq!(Message::parse("octet-progress 0.42 step 42 of 100"), progress(0.42, "step 42 of 100"));
        assert_eq!(Message::parse("octet-progress 1"), progress(1.0, ""));
        let point = Message::Point { curve: "train".to_owned(), x: 12.0, y: 0.034 };
        assert_eq!(Message::parse("octet-point train 12 0.034"), point);
    }

    #[test]
    fn what_is_no_message_stays_text() {
        for line in [
            "",
            "octet-progress",
            "octet-progress x",
            "octet-progress 1.5 too far",
            "octet-progress nan",
            "octet-progress -0.1",
            "octet-point train 12",
            "octet-point train 12 inf",
            "octet-point train 12 1 2",
            "octet-progressive 0.5",
            "epoch 3: 0.5",
        ] {
            assert_eq!(Message::parse(line), Message::Text(line.to_owned()));
        }
        let long = format!("octet-point {} 1 2", "c".repeat(MAX_CURVE_BYTES + 1));
        assert_eq!(Message::parse(&long), Message::Text(long.clone()));
    }
}
