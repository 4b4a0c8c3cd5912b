//! `octet plugin new`: what it writes builds, is found once it is trusted, and runs; names that could do harm are refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use octet_engine::host::{SettingKind, setting_fields};
use octet_tests::{Workshop, run_octet};
use serde_json::Value;

/// Writes a project, follows its README, trusts the library, lists it and quantizes with it.
fn from_nothing_to_a_run(language: &str, target: &str) {
    let name = format!("My-{language}-3");
    let id = format!("org.example.my-{language}-3");
    let workshop = Workshop::new(&format!("scaffold-{language}"));
    let new = workshop.run(&format!("octet plugin new {name} --lang {language} --dir 'a folder'"));
    assert_eq!(new.code, 0, "{}", new.stderr);
    let plugins = workshop.home().join(".local/share/octet/plugins");
    assert!(new.stdout.contains(plugins.to_str().unwrap()), "{}", new.stdout);

    let project = workshop.work().join("a folder").join(&name);
    let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
    let commands = readme.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(commands.lines().count(), 2, "{commands}");
    let enter = format!("cd 'a folder/{name}'\n");
    let ran = workshop.run(&format!("{enter}{commands}"));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);

    let list = || -> Value {
        let ran = workshop.run("octet plugin list --json");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let entry = |list: &Value, kind: &str| -> Option<Value> {
        let entries = list[kind].as_array().unwrap();
        entries.iter().find(|e| e["path"].as_str().unwrap().starts_with(plugins.to_str().unwrap())).cloned()
    };
    let refused = entry(&list(), "refused").unwrap();
    assert!(refused["reason"].as_str().unwrap().contains("octet plugin trust"), "{refused}");
    let library = refused["path"].as_str().unwrap().to_owned();
    let ran = workshop.run(&format!("octet plugin trust '{library}'"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = entry(&list(), "loaded").unwrap();
    assert_eq!((&found["id"], &found["name"]), (&Value::from(id.as_str()), &Value::from(name.as_str())));

    let fields = setting_fields(&found["schema"]).unwrap();
    let [field] = &fields[..] else { panic!("{fields:?}") };
    assert_eq!(field.key, "shift");
    assert_eq!(field.kind, SettingKind::Integer { min: Some(-4), max: Some(4) });
    assert!(!field.description.is_empty());

    let arguments = "model.onnx --images pictures --graphwise-pictures 1 --layerwise-pictures 0";
    let strategy = format!("--target {target} --strategy my-{language}-3 --set shift=-1 --out run");
    let ran = workshop.run(&format!("octet quantize {arguments} {strategy}"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = std::fs::read(workshop.work().join("run/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["strategy"][0]["id"], id.as_str());
    assert_eq!(report["strategy"][0]["settings"]["shift"], -1);
    assert!(report["final"]["graphwise_nsr"].as_f64().unwrap().is_finite());
}

#[test]
fn a_project_in_rust_builds_and_runs() {
    from_nothing_to_a_run("rust", "esp32p4");
}

#[test]
fn a_project_in_c_builds_and_runs() {
    from_nothing_to_a_run("c", "esp32s3");
}

#[test]
fn names_that_are_no_names_are_refused_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("inside");
    let dir = dir.to_str().unwrap();
    let long = "x".repeat(65);
    let names = [
        "",
        ".",
        "..",
        "a/b",
        "../a",
        "/a",
        "a b",
        "a_b",
        "a\"b",
        "a'b",
        "a\\b",
        "a\nb",
        "$(a)",
        "ä",
        "plugin-api",
        "-a",
        &long,
    ];
    for name in names {
        for language in ["rust", "c"] {
            let ran = run_octet(&["plugin", "new", "--lang", language, "--dir", dir, "--", name], &[]);
            assert_eq!(ran.code, 2, "{name:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("name"), "{name:?}: {}", ran.stderr);
        }
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn a_language_must_be_named_and_known() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for more in [&["--lang", "cobol"][..], &[]] {
        let arguments = [&["plugin", "new", "good", "--dir", dir][..], more].concat();
        let ran = run_octet(&arguments, &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("--lang"), "{}", ran.stderr);
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn what_is_there_already_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("file"), "text").unwrap();
    for name in ["empty", "file"] {
        let ran = run_octet(&["plugin", "new", name, "--lang", "c", "--dir", dir], &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(name) && ran.stderr.contains("already"), "{}", ran.stderr);
    }
    assert!(std::fs::read_dir(folder.path().join("empty")).unwrap().next().is_none());
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "text");
}

#[test]
fn a_data_folder_that_fits_no_command_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let data = folder.path().join("two\nlines");
    let environment = [("OCTET_DATA_DIR", data.to_str().unwrap())];
    let ran = run_octet(&["plugin", "new", "good", "--lang", "c", "--dir", dir], &environment);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("OCTET_DATA_DIR"), "{}", ran.stderr);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
