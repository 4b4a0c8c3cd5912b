//! `octet firmware classify`: pictures on the board, and the desktop's answers beside its own.

use std::time::Duration;

use octet_engine::deploy::{Classification, ClassifyRequest, PreparedBy, RankedClass, Step, classify};

use super::args::PreprocessKind;
use super::firmware::{port, read, step};
use super::firmware_args::ClassifyArgs;
use super::output::print_line;

/// Columns of a class on the left.
const WIDTH: usize = 34;

pub(super) fn run(args: &ClassifyArgs) -> anyhow::Result<()> {
    let project = read(Step::Classify, &args.project)?;
    let request = ClassifyRequest {
        pictures: args.pictures.clone(),
        prepared_by: match args.preprocess {
            PreprocessKind::Model => PreparedBy::Desktop,
            PreprocessKind::Chip => PreparedBy::Board,
        },
        top: usize::from(args.top),
        port: port(Step::Classify, &args.port)?,
        baud: args.baud,
        no_reset: args.port.no_reset,
        patience: Duration::from_secs(args.patience),
    };
    step(Step::Classify, args.json, &project, |reporter| classify(&project, &request, reporter).map(drop))
}

/// Prints one picture's answers side by side.
pub(super) fn print(classification: &Classification) {
    lines(classification).iter().for_each(|line| print_line(line));
}

fn lines(c: &Classification) -> Vec<String> {
    let name = c.picture.display().to_string().replace(char::is_control, "?");
    let mut lines = vec![name, format!("  {:<WIDTH$}  desktop", "board")];
    for rank in 0..c.board.len().max(c.desktop.len()) {
        let column = |classes: &[RankedClass]| classes.get(rank).map_or_else(String::new, ranked);
        lines.push(format!("  {:<WIDTH$}  {}", column(&c.board), column(&c.desktop)).trim_end().to_owned());
    }
    let ms = |micros: u64| micros as f64 / 1000.0;
    lines.push(format!(
        "  on the board {:.1} ms: pre-processing {:.1}, network {:.1}, answers {:.1}",
        ms(c.preprocess_us.saturating_add(c.network_us).saturating_add(c.postprocess_us)),
        ms(c.preprocess_us),
        ms(c.network_us),
        ms(c.postprocess_us)
    ));
    lines.push(match (c.is_equal(), &c.first_difference) {
        (true, _) => format!("  equal: all {} values", c.values),
        (false, Some(difference)) => format!(
            "  DIFFERS: {} of {} values; first in tensor `{}`",
            c.differing, c.values, difference.name
        ),
        (false, None) => format!("  DIFFERS: {} of {} values", c.differing, c.values),
    });
    lines
}

/// Probability and name, cut to its column.
fn ranked(class: &RankedClass) -> String {
    let name = class.name.clone().unwrap_or_else(|| format!("class {}", class.index));
    let name: String = name.chars().take(WIDTH - 10).collect();
    format!("{:>6.2} %  {name}", f64::from(class.score) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_side_by_side() {
        let class =
            |index, name: Option<&str>, score| RankedClass { index, name: name.map(str::to_owned), score };
        let mut classification = Classification {
            picture: "a\u{1b}/dog.jpg".into(),
            prepared_by: PreparedBy::Board,
            sent_bytes: 76_800,
            board: vec![
                class(3, Some("golden retriever, a dog whose name is long"), 0.9213),
                class(4, None, 0.05),
            ],
            desktop: vec![class(3, Some("golden retriever"), 0.9213)],
            preprocess_us: 1_200,
            network_us: 121_900,
            postprocess_us: 300,
            values: 19,
            differing: 0,
            first_difference: None,
        };
        let shown = lines(&classification).join("\n");
        assert_eq!(
            shown,
            "a?/dog.jpg\n  \
               board                               desktop\n   \
                92.13 %  golden retriever, a dog    92.13 %  golden retriever\n    \
                 5.00 %  class 4\n  \
               on the board 123.4 ms: pre-processing 1.2, network 121.9, answers 0.3\n  \
               equal: all 19 values"
        );
        classification.differing = 2;
        assert!(lines(&classification).join("\n").ends_with("DIFFERS: 2 of 19 values"));
    }
}
