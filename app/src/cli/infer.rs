//! `octet infer`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use octet_engine::analyse::{softmax, top};
use octet_engine::pictures::{Entry, load_one};
use octet_engine::predict::{self, Answer, ChipPreprocessing, Predictor, Values, read_npy};
use serde_json::json;

use super::UsageError;
use super::args::{InferArgs, PreprocessKind};
use super::output::{print_json, print_line};

/// What the model is asked with.
enum Question {
    /// NCHW floats of a picture.
    Picture(Vec<f32>),
    Tensor(Values),
    /// A picture file, through the chip's own pre-processing.
    Chip(Box<ChipPreprocessing>, PathBuf),
}

pub(super) fn run(args: &InferArgs) -> anyhow::Result<()> {
    if args.threads == 0 || args.repeat == Some(0) {
        return Err(UsageError("--threads and --repeat start at 1".to_owned()).into());
    }
    let target = args.target.as_deref().map(super::target).transpose()?;
    let predictor = Predictor::open(&args.model, target.map(|t| t.target))?;
    let question = question(&predictor, args)?;
    let mut workspace = predictor.workspace();
    let ask = |workspace: &mut predict::Workspace| match &question {
        Question::Picture(nchw) => predictor.predict(workspace, nchw),
        Question::Tensor(tensor) => predictor.predict_tensor(workspace, tensor),
        Question::Chip(chip, file) => chip.predict(&predictor, workspace, file),
    };
    let answer = ask(&mut workspace)?;
    let ms_median = match args.repeat {
        Some(repeat) => Some(median_ms(repeat, args.threads, &predictor, &ask)?),
        None => None,
    };
    if let Some(folder) = &args.dump {
        let input = match &question {
            Question::Tensor(tensor) => predict::DumpInput::Tensor(tensor),
            Question::Picture(nchw) => predict::DumpInput::Picture(nchw),
            Question::Chip(..) => {
                return Err(UsageError("--dump goes with --preprocess model".to_owned()).into());
            }
        };
        predict::dump(&predictor, input, folder)?;
    }
    show(args, &predictor, &answer, ms_median)
}

fn question(predictor: &Predictor, args: &InferArgs) -> anyhow::Result<Question> {
    if let Some(file) = &args.tensor {
        let (tensor, shape) = read_npy(file)?;
        predictor.check_shape(&shape)?;
        return Ok(Question::Tensor(tensor));
    }
    let Some(file) = &args.image else {
        return Err(UsageError("give --image or --tensor".to_owned()).into());
    };
    let preprocessing = predictor.preprocessing(&args.preprocessing.settings())?;
    if args.preprocess == PreprocessKind::Chip {
        return Ok(Question::Chip(
            Box::new(ChipPreprocessing::new(predictor, &preprocessing)?),
            file.clone(),
        ));
    }
    let name = file.display().to_string();
    let entry = Entry { file: name, path: file.clone(), class: None };
    let picture =
        load_one(&entry, &preprocessing).map_err(|s| anyhow::anyhow!("`{}`: {}", s.file, s.reason))?;
    Ok(Question::Picture(picture.to_nchw(&preprocessing)))
}

type Ask<'a> = dyn Fn(&mut predict::Workspace) -> Result<Answer, predict::PredictError> + Sync + 'a;

/// Median over all runs of all threads.
fn median_ms(repeat: usize, threads: usize, predictor: &Predictor, ask: &Ask<'_>) -> anyhow::Result<f64> {
    let mut times: Vec<f64> = Vec::new();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || -> Result<Vec<f64>, predict::PredictError> {
                    let mut workspace = predictor.workspace();
                    let mut times = Vec::with_capacity(repeat);
                    for _ in 0..repeat {
                        let started = Instant::now();
                        ask(&mut workspace)?;
                        times.push(started.elapsed().as_secs_f64() * 1000.0);
                    }
                    Ok(times)
                })
            })
            .collect();
        for handle in handles {
            let result = handle.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
            times.extend(result?);
        }
        Ok(())
    })?;
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().context("no run was timed")
}

fn show(
    args: &InferArgs,
    predictor: &Predictor,
    answer: &Answer,
    ms_median: Option<f64>,
) -> anyhow::Result<()> {
    let names = match &args.names {
        Some(path) => class_names(path)?,
        None => Vec::new(),
    };
    let probabilities = match predictor.gives_probabilities() {
        true => answer.scores.clone(),
        false => softmax(&answer.scores),
    };
    let best = top(&answer.scores, args.top);
    let label = |index: usize| names.get(index).map(String::as_str);
    let target = predictor.target();
    if args.json {
        let mut object = json!({
            "model": args.model,
            "target": target.map(|(t, _)| t.as_str()),
            "output": {
                "name": predictor.output_name(),
                "exponent": answer.exponent,
                "values": answer.values.to_json(),
            },
            "top": best.iter().map(|&i| json!({"index": i, "label": label(i), "score": probabilities[i]}))
                .collect::<Vec<_>>(),
        });
        if let Some(ms) = ms_median {
            object["ms_median"] = json!(ms);
        }
        return print_json(&object);
    }
    if let Some((target, why)) = target {
        print_line(&format!("target {} ({why})", target.as_str()));
    }
    for index in best {
        let name = label(index).unwrap_or("");
        print_line(&format!("{index:>5}  {:6.2} %  {name}", probabilities[index] * 100.0));
    }
    if let Some(ms) = ms_median {
        print_line(&format!("{ms:.3} ms median"));
    }
    Ok(())
}

/// One name a line.
fn class_names(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read names from {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}
