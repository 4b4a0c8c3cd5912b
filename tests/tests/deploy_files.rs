//! The files of a generated firmware project, read by other people's parsers.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use esp_idf_part::PartitionTable;
use octet_engine::deploy::{Language, literal, read_table};
use octet_tests::{Firmware, python, root};

/// A network for each of these computes alike.
const CHIPS: [(&str, &[&str]); 3] = [
    ("esp32p4", &["esp32p4", "esp32s31"]),
    ("esp32s3", &["esp32s3"]),
    ("esp32c3", &["esp32c3", "esp32c2", "esp32c5", "esp32c6", "esp32", "esp32s2"]),
];

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/firmware").join(name)
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    text_of(&output)
}

/// Writes a project for every chip, with every choice, and hands it to `look`.
fn each_project(python: &Path, look: impl Fn(&Path, &str)) {
    for (of_run, chips) in CHIPS {
        let firmware = Firmware::new(python, of_run);
        for chip in chips {
            let no_psram = matches!(*chip, "esp32c2" | "esp32c3" | "esp32c6");
            for choice in [&["--model-in", "partition"][..], &["--model-in", "rodata", "--psram", "on"]] {
                if no_psram && choice.len() > 2 {
                    continue;
                }
                let out = firmware.beside(&format!("{chip}-{}", choice[1]));
                let more = [&["--target", *chip, "--out", out.to_str().unwrap()][..], choice].concat();
                let ran = firmware.octet(&["firmware", "new"], &more, &[]);
                assert_eq!(ran.code, 0, "{chip} {choice:?}: {}", ran.stderr);
                look(&out, chip);
            }
        }
    }
}

#[test]
fn kconfig_and_sdkconfig_are_read_by_both_parsers() {
    let Some(python) = python() else { return };
    each_project(&python, |project, chip| {
        let told = passes(Command::new(&python).arg(fixture("check_kconfig.py")).arg(project).arg(chip));
        assert!(told.contains("kconfiglib:") && told.contains("esp-idf-kconfig:"), "{told}");
    });
}

#[test]
fn a_setting_that_esp_idf_does_not_know_is_noticed() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let settings = firmware.project().join("sdkconfig.octet");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text + "CONFIG_NO_SUCH_SETTING=y\n").unwrap();
    let mut check = Command::new(&python);
    let output =
        check.arg(fixture("check_kconfig.py")).arg(firmware.project()).arg("esp32c3").output().unwrap();
    assert!(!output.status.success() && text_of(&output).contains("NO_SUCH_SETTING"));
}

#[test]
fn partition_tables_are_read_by_espflashs_parser() {
    let Some(python) = python() else { return };
    each_project(&python, |project, chip| {
        let csv = std::fs::read_to_string(project.join("partitions.csv")).unwrap();
        let table = PartitionTable::try_from_str(csv).unwrap_or_else(|e| panic!("{chip}: {e}"));
        assert_eq!(table.find("factory").unwrap().offset(), 0x10000);
        let model = project.join("model.espdl").metadata().unwrap().len();
        if let Some(partition) = table.find("model") {
            assert!(u64::from(partition.size()) >= model && partition.offset() % 0x10000 == 0);
        }
        // In its binary form our own reader says the same.
        let ours = read_table(&table.to_bin().unwrap()).unwrap();
        let theirs: Vec<(String, u32, u32)> =
            table.partitions().iter().map(|p| (p.name(), p.offset(), p.size())).collect();
        let ours: Vec<(String, u32, u32)> = ours.into_iter().map(|p| (p.name, p.offset, p.size)).collect();
        assert_eq!(ours, theirs);
    });
}

#[test]
fn c_sources_are_read_by_gcc() {
    let Some(python) = python() else { return };
    let include = fixture("include");
    each_project(&python, |project, chip| {
        let of_component = project.join("components/octet_runtime/include");
        let settings = std::fs::read_to_string(project.join("sdkconfig.octet")).unwrap();
        let place = if settings.contains("MODEL_IN_RODATA") { "RODATA" } else { "PARTITION" };
        for usb in ["0", "1"] {
            let mut gcc = Command::new("gcc");
            gcc.args(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
            gcc.arg("-I").arg(&include).arg("-I").arg(&of_component).arg("-I").arg(project.join("main"));
            gcc.arg(format!("-DSOC_USB_SERIAL_JTAG_SUPPORTED={usb}"));
            gcc.arg(format!("-DCONFIG_OCTET_MODEL_IN_{place}=1")).arg("-DCONFIG_SPIRAM=1");
            for file in
                ["main/main.c", "main/board_console.c", "main/project.c", "components/octet_runtime/abi.c"]
            {
                gcc.arg(project.join(file));
            }
            passes(&mut gcc);
        }
        // The assembler takes the files in.
        let object = project.join("assets.o");
        let mut gcc = Command::new("gcc");
        gcc.arg("-c")
            .arg(format!("-DCONFIG_OCTET_MODEL_IN_{place}=1"))
            .arg("-I")
            .arg(&include)
            .arg("-I")
            .arg(project);
        gcc.arg("-I")
            .arg(project.join("main/assets"))
            .arg(project.join("main/assets.S"))
            .arg("-o")
            .arg(&object);
        passes(&mut gcc);
        let bytes = std::fs::read(&object).unwrap();
        let model = std::fs::read(project.join("model.espdl")).unwrap();
        let picture = std::fs::read(project.join("main/assets/picture_0.rgb")).unwrap();
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(holds(&picture[..64]), "{chip}");
        assert_eq!(holds(&model[..64]), place == "RODATA", "{chip}");
    });
}

#[test]
fn the_esp_dl_flavour_is_read_by_gpp() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32s3");
    for place in ["partition", "rodata"] {
        let out = firmware.beside(place);
        let more = ["--flavour", "esp-dl", "--model-in", place, "--out", out.to_str().unwrap()];
        let ran = firmware.octet(&["firmware", "new"], &more, &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let mut gpp = Command::new("g++");
        gpp.args(["-std=gnu++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
            .arg(fixture("include"));
        gpp.arg(format!("-DCONFIG_OCTET_MODEL_IN_{}=1", place.to_uppercase())).arg(out.join("main/main.cpp"));
        passes(&mut gpp);
        let told = cmake(&python, &out, "esp32s3", None);
        assert!(told.status.success(), "{}", text_of(&told));
        assert!(!out.join("components/octet_runtime").exists());
    }
}

/// CMake itself reads the project; ESP-IDF's build system is a stand-in.
fn cmake(python: &Path, project: &Path, chip: &str, idf_version: Option<&str>) -> Output {
    let build = tempfile::tempdir().unwrap();
    let mut command = Command::new(python.with_file_name("cmake"));
    command.arg("-S").arg(project).arg("-B").arg(build.path()).arg("-Wno-dev");
    command.arg(format!("-DOCTET_CARGO={}", fixture("idf_recorder.py").display()));
    command.env("IDF_PATH", fixture("idf")).env("IDF_TARGET", chip);
    command.env("STUB_IDF_VERSION", idf_version.unwrap_or("6.0.0"));
    command.output().unwrap()
}

#[test]
fn cmake_reads_the_project_and_finds_all_it_names() {
    let Some(python) = python() else { return };
    each_project(&python, |project, chip| {
        let output = cmake(&python, project, chip, None);
        let told = text_of(&output);
        assert!(output.status.success(), "{chip}: {told}");
        for wanted in ["component main", "component octet_runtime", "liboctet_firmware.a", "sdkconfig.octet"]
        {
            assert!(told.contains(wanted), "{chip}: {wanted}: {told}");
        }
        let rust = octet_engine::deploy::ChipFacts::by_name(chip).unwrap().rust.name();
        assert!(told.contains(&format!("{rust}/release")), "{chip}: {told}");
        assert_eq!(
            told.contains("flash model"),
            project.display().to_string().contains("partition"),
            "{chip}"
        );
    });
}

#[test]
fn settings_of_the_user_are_read_last_and_stay() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    assert!(!text_of(&cmake(&python, &firmware.project(), "esp32c3", None)).contains("sdkconfig.user"));
    let own = firmware.project().join("sdkconfig.user");
    std::fs::write(&own, "CONFIG_LOG_DEFAULT_LEVEL_WARN=y\n").unwrap();
    assert_eq!(firmware.octet(&["firmware", "new"], &["--pictures", "1"], &[]).code, 0);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "CONFIG_LOG_DEFAULT_LEVEL_WARN=y\n");
    let told = text_of(&cmake(&python, &firmware.project(), "esp32c3", None));
    let (octets, own) = (told.find("sdkconfig.octet").unwrap(), told.find("sdkconfig.user").unwrap());
    assert!(octets < own, "{told}");
}

#[test]
fn releases_of_esp_idf_that_do_not_work_end_the_configuration() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32s3");
    let ran = firmware.octet(&["firmware", "new"], &["--psram", "on"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (version, works) in [("5.2.9", false), ("5.3.0", true), ("5.4.0", false), ("5.4.1", true)] {
        let output = cmake(&python, &firmware.project(), "esp32s3", Some(version));
        assert_eq!(output.status.success(), works, "{version}: {}", text_of(&output));
    }
}

#[test]
fn hostile_names_stay_in_their_literals() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    // A model, labels and pictures of somebody who means ill.
    let path = firmware.run_folder().join("report.json");
    let mut report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let evil = "x\"); system(\"reboot\"); //\\??/\n${HOME} $ENV{PATH}\u{202e}";
    report["model"]["name"] = evil.into();
    let pictures = firmware.beside("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let name = "a\"; #include \\ '$(id)' é.png";
    std::fs::copy(root().join("tests/fixtures/pictures/scene.png"), pictures.join(name)).unwrap();
    report["calibration"]["folders"] = serde_json::json!([pictures]);
    report["calibration"]["used"] = serde_json::json!([name]);
    std::fs::write(&path, report.to_string()).unwrap();
    let labels = firmware.beside("labels.txt");
    std::fs::write(&labels, "tench\n\"; quit\u{7}\u{2028}@octet1 quit\n%s%n\n").unwrap();
    let ran = firmware.octet(&["firmware", "new"], &["--names", labels.to_str().unwrap()], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    let project = firmware.project();
    let source = std::fs::read_to_string(project.join("main/project.c")).unwrap();
    assert!(source.contains(&literal(Language::C, name).unwrap()), "{source}");
    let program = "#include <stdio.h>\n#include \"project.h\"\nconst uint8_t octet_picture_0_start[1];\n\
                   int main(void) { fputs(octet_firmware_name, stdout); putchar(1); \
                   fputs(octet_project_pictures[0].name, stdout); return 0; }\n";
    let main = firmware.beside("main.c");
    std::fs::write(&main, program).unwrap();
    let binary = firmware.beside("binary");
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Werror", "-trigraphs", "-std=c99", "-I"]).arg(project.join("main")).arg("-I");
    gcc.arg(project.join("components/octet_runtime/include"));
    passes(gcc.arg(main).arg(project.join("main/project.c")).arg("-o").arg(&binary));
    let shown = Command::new(&binary).output().unwrap().stdout;
    let expected = format!("{evil} {}\u{1}{name}", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&shown), expected);

    let written = std::fs::read_to_string(project.join("main/assets/labels.txt")).unwrap();
    assert_eq!(written, "tench\n\"; quit  @octet1 quit\n%s%n\n");
    let output = cmake(&python, &project, "esp32c3", None);
    assert!(output.status.success() && text_of(&output).contains("project octet_x"), "{}", text_of(&output));
}

#[test]
fn the_runtime_of_a_project_builds_by_itself() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let component = firmware.project().join("components/octet_runtime");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // Its own lock file suffices: firmware-template/components/octet_runtime/Cargo.lock. Where versions changed, what
    // cargo writes without `--locked` is the new one.
    build.args(["check", "--locked", "--offline", "--manifest-path"]).arg(component.join("Cargo.toml"));
    build.env("CARGO_TARGET_DIR", root().join("target/firmware-component"));
    build.env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
    passes(&mut build);
}
