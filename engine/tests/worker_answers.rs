//! What a worker says that is no answer ends the job with an error that shows it, and its processes end too. The
//! workers here are shell scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use octet_engine::job::{Event, QuantizeRequest, Workers, start};

/// A worker that runs this script once it was asked; `$N` is its nonce.
fn worker(script: &str) -> Workers {
    let script = format!("read -r ask; N=$OCTET_WORKER_NONCE; {script}");
    Workers::new(PathBuf::from("/bin/sh"), vec!["-c".to_owned(), script])
}

fn request(out: &Path) -> QuantizeRequest {
    serde_json::from_value(serde_json::json!({
        "model": "model.onnx", "images": ["pictures"], "eval": null, "labels": null, "strategies": [],
        "target": "esp32p4", "out": out, "graphwise_pictures": 1, "layerwise_pictures": 0,
        "layerwise_outputs": false, "keep_clip": false, "preprocessing": {}, "threads": 0,
    }))
    .unwrap()
}

/// Everything that a job with such a worker tells.
fn events(workers: &Workers) -> Vec<Event> {
    let out = tempfile::tempdir().unwrap();
    start(workers, request(out.path()), Vec::new()).events.iter().collect()
}

/// The log lines and the error at the end.
fn told(script: &str) -> (Vec<String>, String) {
    let mut events = events(&worker(script));
    let Some(Event::Error { message }) = events.pop() else { panic!("{events:?}") };
    let log = |event| match event {
        Event::Log { message, .. } => Some(message),
        _ => None,
    };
    (events.into_iter().filter_map(log).collect(), message)
}

/// A script that says this and then lives on with a process of its own, whose number it prints before.
fn and_lives_on(say: &str) -> String {
    format!("sleep 600 & echo child $!; {say}; wait")
}

fn is_gone(log: &[String]) {
    let id = log.iter().find_map(|line| line.strip_prefix("child ")).unwrap();
    let state = PathBuf::from(format!("/proc/{id}/stat"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "the worker's process {id} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_message_that_cannot_be_read_ends_the_job_and_is_shown() {
    let cases = [
        (r#"printf '%sno json at all\n' "$N""#, "no json at all"),
        (r#"printf '%s{"tell":"half\n' "$N""#, r#"{"tell":"half"#),
        (r#"printf '%s{"tell":"unheard_of"}\n' "$N""#, "unheard_of"),
        (r#"printf '%s{"tell":"event","event":"point","curve":"c","x":null,"y":1}\n' "$N""#, r#""x":null"#),
        (r#"printf '%s{"tell":"plugin","name":"\377\376"}\n' "$N""#, "\u{FFFD}"),
        (r#"printf '%s\n' "$N""#, "cannot be read"),
        (r#"printf 'text in front %s{}\n' "$N""#, "missing field `tell`"),
    ];
    for (say, shown) in cases {
        let (log, error) = told(&and_lives_on(say));
        assert!(error.contains("cannot be read") && error.contains(shown), "{say}: {error}");
        assert!(error.contains("was ended") && error.contains("Start the job again"), "{error}");
        is_gone(&log);
    }
}

#[test]
fn an_unreadable_message_names_the_plugin_that_ran_and_is_shown_only_in_part() {
    let say = r#"printf '%s{"tell":"plugin","name":"org.example.odd"}\n' "$N"; printf '%s' "$N"; head -c 100000 /dev/zero | tr '\0' 'x'; echo"#;
    let (log, error) = told(&and_lives_on(say));
    assert!(error.contains("org.example.odd") && error.contains("xxx...") && error.len() < 1000, "{error}");
    is_gone(&log);
}

#[test]
fn a_message_that_begins_and_stands_still_ends_the_job() {
    let (log, error) = told(&and_lives_on(r#"printf '%s{"tell":' "$N""#));
    assert!(error.contains("began a message") && error.contains("was ended"), "{error}");
    is_gone(&log);
}

#[test]
fn a_message_without_end_ends_the_job() {
    let say = r#"printf '%s' "$N"; tr '\0' 'x' < /dev/zero"#;
    let (log, error) = told(&and_lives_on(say));
    assert!(error.contains("more than 64 MiB") && error.contains("was ended"), "{error}");
    is_gone(&log);
}

#[test]
fn a_death_in_the_middle_of_a_message_is_a_death_and_shows_the_message() {
    let (_, error) = told(r#"echo last words >&2; printf '%s{"tell":"quan' "$N"; kill -SEGV $$"#);
    assert!(error.contains("segmentation fault") && error.contains(r#"`{"tell":"quan`"#), "{error}");
    assert!(error.contains("last words") && !error.contains("cannot be read"), "{error}");
}

#[test]
fn an_answer_to_another_question_ends_the_job() {
    let description = r#"{"id":"a.b","name":"b","version":"1","vendor":"","description":"","targets":[],"abi":[1,0],"schema":{}}"#;
    let (_, error) = told(&and_lives_on(&format!(
        r#"printf '%s{{"tell":"described","description":{description}}}\n' "$N""#
    )));
    assert!(error.contains("description of a plugin") && error.contains("start the job again"), "{error}");
}

#[test]
fn what_a_worker_prints_besides_is_shown_line_by_line_and_cut() {
    let fatal = r#"printf '%s{"tell":"fatal","message":"the end"}\n' "$N""#;
    let noise = r#"printf 'a library says \377 hello\n'; printf '{"tell":"fatal","message":"no nonce"}\n'; head -c 3000000 /dev/zero | tr '\0' 'y'; echo"#;
    let (log, error) = told(&format!("{noise}; {fatal}"));
    assert_eq!(error, "the end");
    assert!(log.iter().any(|line| line == "a library says \u{FFFD} hello"), "{log:?}");
    assert!(log.iter().any(|line| line.contains("no nonce")));
    let long = log.iter().find(|line| line.starts_with("yyy")).unwrap();
    assert!(long.len() < 5000 && long.ends_with("..."), "{}", long.len());
}

#[test]
fn a_worker_that_does_not_read_can_be_cancelled() {
    let out = tempfile::tempdir().unwrap();
    // Longer than a pipe holds.
    let images = vec![PathBuf::from("p".repeat(1 << 20))];
    let request = QuantizeRequest { images, ..request(out.path()) };
    let workers = Workers::new(PathBuf::from("/bin/sleep"), vec!["600".to_owned()]);
    let job = start(&workers, request, Vec::new());
    job.cancel.cancel();
    let last = job.events.iter().last();
    assert!(matches!(&last, Some(Event::Error { message }) if message.contains("cancelled")), "{last:?}");
}

#[test]
fn a_description_that_cannot_be_read_is_an_error_too() {
    let error = worker(r#"printf '%snothing\n' "$N"; sleep 600"#).describe(Path::new("lib.so")).unwrap_err();
    assert!(error.to_string().contains("`nothing`"), "{error}");
}
