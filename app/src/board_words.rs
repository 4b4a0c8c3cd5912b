//! What a board says, in words: for the command line's console and the window's.

use octet_engine::deploy::{BoardEvent, ConsoleLine};
use serde_json::Value;

/// A line of the console: events in words, everything else as it is.
pub fn line_text(line: &ConsoleLine) -> String {
    let lost = if line.lost > 0 { format!("({} lines were lost) ", line.lost) } else { String::new() };
    match &line.message {
        Some(event) => format!("{lost}{}", event_text(event)),
        None if line.damaged => format!("(damaged) {}", line.text),
        None => line.text.clone(),
    }
}

fn event_text(event: &BoardEvent) -> String {
    let text = |key: &str| event.text(key).unwrap_or("-").to_owned();
    let number = |key: &str| event.number(key).unwrap_or(0);
    match event.event.as_str() {
        "hello" => format!(
            "hello: {} on {}, model {} of {} bytes, {} layers, {} KiB for activations",
            text("firmware"),
            text("target"),
            text("model_crc32"),
            number("model_bytes"),
            number("layers"),
            number("arena_bytes") >> 10
        ),
        "layer" => format!(
            "layer {:>3}  {:>9} us  {:<18} {}",
            number("index"),
            number("micros"),
            text("op"),
            text("name")
        ),
        "tensor" => format!("tensor {:>3}  {}  {}", number("index"), text("crc32"), text("name")),
        "result" => result_text(event),
        "test" => {
            let passed = event.fields.get("passed").and_then(Value::as_bool).unwrap_or(false);
            format!("self-test {}", if passed { "passed" } else { "FAILED" })
        }
        "error" => format!("error: {}", text("message")),
        other => format!("{other}: {}", event.fields),
    }
}

fn result_text(event: &BoardEvent) -> String {
    let top = event.fields.get("top").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let answers: Vec<String> = top
        .iter()
        .map(|answer| {
            let index = answer.get("index").and_then(Value::as_u64).unwrap_or(0);
            let name =
                answer.get("label").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
            let score = answer.get("score").and_then(Value::as_f64).unwrap_or(0.0);
            format!("{name} {:.1} %", score * 100.0)
        })
        .collect();
    let micros = event.fields.get("micros").and_then(|m| m.get("network")).and_then(Value::as_u64);
    let took = micros.map_or_else(String::new, |us| format!(" in {:.1} ms", us as f64 / 1000.0));
    let name = event.text("name").unwrap_or("network");
    format!("{name}{took}: {}", answers.join(", "))
}
