//! The archive that `tools/package` makes: it works from wherever it is unpacked.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use octet_tests::octet;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn an_unpacked_archive_finds_its_plugins_and_tells_the_desktop_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let built = octet();
    let profile = built.parent().unwrap();
    let packed = Command::new("sh")
        .args(["tools/package", dir.path().to_str().unwrap()])
        .current_dir(root())
        .env("OCTET_PACKAGE_PROFILE", profile.file_name().unwrap())
        .env("CARGO_TARGET_DIR", profile.parent().unwrap())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let archive = String::from_utf8(packed.stdout).unwrap();
    let elsewhere = dir.path().join("else where");
    std::fs::create_dir(&elsewhere).unwrap();
    let unpacked = Command::new("tar").args(["-xzf", archive.trim(), "-C"]).arg(&elsewhere).status().unwrap();
    assert!(unpacked.success());
    let folder = std::fs::read_dir(&elsewhere).unwrap().next().unwrap().unwrap().path();

    let list = Command::new(folder.join("bin/octet"))
        .args(["plugin", "list", "--json"])
        .current_dir(dir.path())
        .env_remove("OCTET_PLUGIN_PATH")
        .env("OCTET_DATA_DIR", dir.path().join("data"))
        .output()
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let mut ids: Vec<&str> =
        list["loaded"].as_array().unwrap().iter().filter_map(|p| p["id"].as_str()).collect();
    ids.sort_unstable();
    let expected =
        ["equalization", "finetune", "int8", "mixed-precision", "qat-hook"].map(|n| format!("dev.octet.{n}"));
    assert_eq!(ids, expected, "{list}");

    // The desktop's side, in a home of its own.
    let prefix = dir.path().join("pre fix");
    let installed = |arguments: &[&str]| {
        let out =
            Command::new("sh").arg(folder.join("install.sh")).args(arguments).env("PREFIX", &prefix).output();
        assert!(out.unwrap().status.success());
    };
    installed(&[]);
    let entry = std::fs::read_to_string(prefix.join("share/applications/octet.desktop")).unwrap();
    let program = prefix.join("lib/octet/octet");
    assert!(program.is_file() && entry.contains(&format!("Exec=\"{}\" %f", program.display())), "{entry}");
    assert!(entry.contains("MimeType=application/x-octet-project;"));
    let mime = std::fs::read_to_string(prefix.join("share/mime/packages/octet-mime.xml")).unwrap();
    assert!(mime.contains("*.octet") && mime.contains("*.onnx"));
    assert!(prefix.join("share/icons/hicolor/scalable/apps/octet.svg").is_file());
    installed(&["--remove"]);
    assert!(!program.exists() && !prefix.join("bin/octet").exists());
}
