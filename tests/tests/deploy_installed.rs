//! Octet as it is installed, from the archive, with no repository beside it: what it writes for a chip is complete.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use octet_tests::{Emulator, octet, root};

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// The program out of the archive that `tools/package` makes.
fn unpacked(folder: &Path) -> PathBuf {
    let built = octet();
    let profile = built.parent().unwrap();
    let mut package = Command::new("sh");
    package.args(["tools/package", folder.to_str().unwrap()]).current_dir(root());
    package.env("OCTET_PACKAGE_PROFILE", profile.file_name().unwrap());
    let packed = succeeds(package.env("CARGO_TARGET_DIR", profile.parent().unwrap()));
    let archive = String::from_utf8(packed.stdout).unwrap();
    succeeds(Command::new("tar").args(["-xzf", archive.trim(), "-C"]).arg(folder));
    PathBuf::from(archive.trim().trim_end_matches(".tar.gz")).join("bin/octet")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_firmware_of_the_embedded_model_builds_for_both_kinds_of_risc_v() {
    if Emulator::script("run").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = unpacked(folder.path());
    let run = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(words).current_dir(folder.path()).env("OCTET_DATA_DIR", folder.path().join("data"));
        succeeds(command.env_remove("OCTET_PLUGIN_PATH").env_remove("DISPLAY"));
    };
    // The embedded model, as somebody has it who knows nothing of the repository.
    let demo = root().join("app/assets/demo");
    std::fs::copy(demo.join("mobilenetv2_dogs19_160.onnx"), folder.path().join("model.onnx")).unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    for picture in files(&demo.join("pictures")).iter().take(4) {
        std::fs::copy(picture, folder.path().join("pictures").join(picture.file_name().unwrap())).unwrap();
    }
    for (chip, processor) in [("esp32p4", "riscv32imafc"), ("esp32c6", "riscv32imc")] {
        let quick = ["--strategy", "int8", "--graphwise-pictures", "1", "--layerwise-pictures", "0"];
        let what = ["quantize", "model.onnx", "--images", "pictures", "--target", chip, "--out", chip];
        run(&[&what[..], &quick].concat());
        run(&["firmware", "new", chip]);
        let project = folder.path().join(chip).join("firmware");
        let repository = root().to_string_lossy().into_owned();
        for file in files(&project) {
            let text = std::fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(&repository), "{} names the repository", file.display());
            let is_manifest = file.file_name().is_some_and(|name| name == "Cargo.toml");
            assert!(!is_manifest || !text.contains("workspace = true"), "{}: {text}", file.display());
        }

        // As the component's CMakeLists.txt calls cargo, but with Debian's compiler, which needs the core library's sources.
        let component = project.join("components/octet_runtime");
        let lock = std::fs::read(component.join("Cargo.lock")).unwrap();
        let target = root().join("target/firmware-static");
        let triple = format!("{processor}-unknown-none-elf");
        let mut build = Command::new("/usr/bin/cargo");
        build.current_dir(&component).args([
            "rustc",
            "--release",
            "--locked",
            "--offline",
            "-Zbuild-std=core",
        ]);
        build.args([
            "--target",
            &triple,
            "--features",
            "panic-handler",
            "--lib",
            "--crate-type",
            "staticlib",
        ]);
        let of_cargo = std::env::vars()
            .map(|(name, _)| name)
            .filter(|name| (name.starts_with("CARGO") && name != "CARGO_HOME") || name.starts_with("RUST"));
        of_cargo.for_each(|name| drop(build.env_remove(name)));
        build.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &target);
        succeeds(&mut build);
        assert_eq!(std::fs::read(component.join("Cargo.lock")).unwrap(), lock, "cargo changed the lock file");
        let library = target.join(&triple).join("release/liboctet_firmware.a");
        let symbols = succeeds(Command::new("nm").args(["-g", "--defined-only"]).arg(&library));
        let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
        for name in ["octet_workspace_bytes", "octet_arena_bytes", "octet_run", "octet_abi_version"] {
            assert!(symbols.contains(&format!(" T {name}\n")), "{name} is not in {symbols}");
        }
    }
}
