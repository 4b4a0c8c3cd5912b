//! Where plugins are found, and which of them may be loaded.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use octet_engine::host::{
    Origin, PluginDescription, SearchFolder, SearchPath, TrustError, TrustStore, discover,
};

/// Describes a library without loading it: its id is its file's stem.
fn describe(path: &Path) -> Result<PluginDescription, String> {
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    if stem.contains("broken") {
        return Err(format!("plugin is broken: {}", path.display()));
    }
    Ok(PluginDescription {
        id: format!("org.example.{}", stem.trim_start_matches("lib").trim_end_matches("-copy")),
        name: stem,
        version: "1".to_owned(),
        vendor: String::new(),
        description: String::new(),
        targets: Vec::new(),
        abi: (1, 0),
        schema: serde_json::json!({}),
    })
}

/// A file that begins like a library.
fn library(folder: &Path, name: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(format!("lib{name}{}", std::env::consts::DLL_SUFFIX));
    std::fs::write(&path, format!("\x7FELF{name}")).unwrap();
    path
}

fn search(folder: &Path, origin: Origin) -> SearchPath {
    SearchPath { folders: vec![SearchFolder { path: folder.to_owned(), origin }] }
}

#[test]
fn an_untrusted_library_is_never_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = library(folder.path(), "one");
    let trust = TrustStore::open(folder.path()).unwrap();
    for origin in [Origin::Environment, Origin::User, Origin::Application] {
        let found = discover(&search(folder.path(), origin), &trust, |_| -> Result<_, String> {
            panic!("an untrusted library was about to be loaded")
        });
        // The application's own folder takes only what is called octet_.
        if origin == Origin::Application {
            assert!(found.refused.is_empty());
            continue;
        }
        assert!(found.loaded.is_empty());
        assert_eq!(found.refused[0].path, path);
        assert!(found.refused[0].reason.starts_with("not trusted; run `octet plugin trust "));
        assert!(found.refused[0].untrusted_sha256.is_some());
    }
}

#[test]
fn a_folder_that_only_claims_to_be_the_applications_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), "octet_one");
    let trust = TrustStore::open(folder.path()).unwrap();
    let found = discover(&search(folder.path(), Origin::Application), &trust, describe);
    assert!(found.loaded.is_empty());
    assert!(found.refused[0].reason.starts_with("not trusted"));
}

#[test]
fn a_strategy_that_is_missing_points_at_the_file_that_may_be_it_and_at_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, other) = (library(folder.path(), "octet_my_way"), library(folder.path(), "other"));
    let trust = TrustStore::open(&folder.path().join("data")).unwrap();
    let found = discover(&search(folder.path(), Origin::User), &trust, describe);
    let told = |id: &str| found.find(id).unwrap_err();
    for id in ["my-way", "org.example.my-way"] {
        let error = told(id);
        assert!(error.contains("octet plugin trust") && error.contains(mine.to_str().unwrap()), "{error}");
        assert!(!error.contains(other.to_str().unwrap()), "{error}");
    }
    let error = told("itn8");
    assert!(error.contains("octet plugin list") && !error.contains("octet plugin trust"), "{error}");
}

#[test]
fn trust_lasts_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let plugins = folder.path().join("plugins");
    let path = library(&plugins, "one");
    TrustStore::open(&data).unwrap().trust(&path).unwrap();

    let trust = TrustStore::open(&data).unwrap();
    let found = discover(&search(&plugins, Origin::User), &trust, describe);
    assert_eq!(found.loaded.len(), 1);
    assert_eq!(found.find("one").unwrap().path, path);
    assert!(trust.contains(&found.loaded[0].sha256));

    std::fs::write(&path, "\x7FELF and more").unwrap();
    let found = discover(&search(&plugins, Origin::User), &trust, describe);
    assert!(found.loaded.is_empty());
    assert!(found.refused[0].reason.starts_with("not trusted"));
}

#[test]
fn trust_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = library(folder.path(), "one");
    let mut trust = TrustStore::open(folder.path()).unwrap();
    let sha256 = trust.trust(&path).unwrap();
    assert!(trust.distrust(&sha256).unwrap());
    assert!(!trust.distrust(&sha256).unwrap());
    assert!(!TrustStore::open(folder.path()).unwrap().contains(&sha256));
}

#[test]
fn a_damaged_list_trusts_nobody_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["{", "{\"version\":9,\"plugins\":{}}"] {
        std::fs::write(folder.path().join("trusted-plugins.json"), text).unwrap();
        let error = TrustStore::open(folder.path()).unwrap_err();
        assert!(matches!(error, TrustError::Damaged { .. }));
        assert!(error.to_string().contains("delete it"), "{error}");
    }
}

#[test]
fn refused_files_have_a_reason_and_others_still_load() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let mut trust = TrustStore::open(folder.path()).unwrap();
    for name in ["broken", "one", "one-copy", "two"] {
        trust.trust(&library(&plugins, name)).unwrap();
    }
    let text = plugins.join(format!("libtext{}", std::env::consts::DLL_SUFFIX));
    std::fs::write(&text, "text").unwrap();
    std::fs::write(plugins.join("readme.txt"), "no plugin").unwrap();

    let found = discover(&search(&plugins, Origin::User), &trust, describe);
    let ids: Vec<&str> = found.loaded.iter().map(|f| f.description.id.as_str()).collect();
    assert_eq!(ids, ["org.example.one", "org.example.two"]);
    let reasons: Vec<&str> = found.refused.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].starts_with("plugin is broken"));
    assert!(reasons[1].starts_with("the same id `org.example.one` was found before in "));
    assert!(reasons[2].starts_with("not a dynamic library"));
}

#[test]
fn a_missing_folder_matters_only_when_the_user_named_it() {
    let folder = tempfile::tempdir().unwrap();
    let trust = TrustStore::open(folder.path()).unwrap();
    let missing = folder.path().join("missing");
    assert!(discover(&search(&missing, Origin::User), &trust, describe).refused.is_empty());
    let found = discover(&search(&missing, Origin::Environment), &trust, describe);
    assert!(found.refused[0].reason.contains("OCTET_PLUGIN_PATH"));
}

#[test]
fn the_last_part_of_an_id_suffices_when_unique() {
    let folder = tempfile::tempdir().unwrap();
    let mut trust = TrustStore::open(folder.path()).unwrap();
    for name in ["int8", "int8.mixed", "other.mixed"] {
        trust.trust(&library(folder.path(), name)).unwrap();
    }
    let found = discover(&search(folder.path(), Origin::Environment), &trust, describe);
    assert_eq!(found.find("int8").unwrap().description.id, "org.example.int8");
    assert!(found.find("mixed").unwrap_err().contains("several"));
    assert!(found.find("nowhere").unwrap_err().contains("org.example.int8.mixed, org.example.int8, org"));
}
