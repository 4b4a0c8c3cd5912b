//! A firmware project with a stand-in for `idf.py`, and a board in its boot loader on a pseudo-terminal
//! (`tests/fixtures/firmware`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Ran, panic_with, root, run_octet, say};

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/firmware").join(name)
}

/// A run folder of a small network, and a machine that has ESP-IDF.
#[derive(Debug)]
pub struct Firmware {
    folder: tempfile::TempDir,
    python: PathBuf,
}

impl Firmware {
    /// Quantizes a small network for the chip.
    pub fn new(python: &Path, target: &str) -> Firmware {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic_with(&e.to_string()));
        let firmware = Firmware { folder, python: python.to_owned() };
        let model = root().join("tests/fixtures/models/torchvision_opset11.onnx");
        let pictures = root().join("tests/fixtures/pictures");
        let run = firmware.run_folder();
        let arguments = ["--strategy", "int8", "--graphwise-pictures", "1", "--layerwise-pictures", "0"];
        let (model, pictures, run) = (text(&model), text(&pictures), text(&run));
        let mut all = vec!["quantize", &model, "--images", &pictures, "--target", target, "--out", &run];
        all.extend(arguments);
        let ran = run_octet(&all, &[]);
        if ran.code != 0 {
            panic_with(&format!("{}{}", ran.stdout, ran.stderr));
        }
        firmware.write_idf();
        firmware
    }

    /// The run folder.
    pub fn run_folder(&self) -> PathBuf {
        self.folder.path().join("a run")
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.run_folder().join("firmware")
    }

    /// A file beside the run folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `octet` with the run folder behind the first words, on a machine with the stand-in for ESP-IDF.
    pub fn octet(&self, words: &[&str], more: &[&str], environment: &[(&str, &str)]) -> Ran {
        let run = text(&self.run_folder());
        let arguments: Vec<&str> =
            words.iter().copied().chain([run.as_str()]).chain(more.iter().copied()).collect();
        let own = self.environment();
        let mut all: Vec<(&str, &str)> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
        all.extend(environment);
        run_octet(&arguments, &all)
    }

    /// The variables of a machine with the stand-in for ESP-IDF.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let bin = self.beside("bin");
        let before = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&before)));
        let path = path.unwrap_or_else(|e| panic_with(&e.to_string())).to_string_lossy().into_owned();
        vec![
            ("PATH", path),
            ("IDF_PATH", text(&self.beside("idf"))),
            ("OCTET_RECORD", text(&self.beside("record"))),
            ("HOME", text(&self.beside("home"))),
        ]
    }

    /// Writes the project and builds it.
    pub fn build(&self) {
        for words in [["firmware", "new"], ["firmware", "build"]] {
            let ran = self.octet(&words, &[], &[]);
            if ran.code != 0 {
                panic_with(&format!("{words:?}: {}{}", ran.stdout, ran.stderr));
            }
        }
    }

    /// Sends Ctrl-C to the `octet firmware WORD` that works on this run folder.
    pub fn interrupt(&self, word: &str) {
        let (words, run) = (format!("octet\0firmware\0{word}"), text(&self.run_folder()));
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(line) = std::fs::read(process.path().join("cmdline")) else { continue };
            let line = String::from_utf8_lossy(&line);
            if line.contains(&words) && line.contains(&run) {
                let id = process.file_name().to_string_lossy().into_owned();
                let sent = Command::new("kill").args(["-INT", &id]).status();
                assert!(sent.is_ok_and(|status| status.success()), "{id} cannot be told");
            }
        }
    }

    /// How `idf.py` was called, one JSON object a line.
    pub fn record(&self) -> String {
        std::fs::read_to_string(self.beside("record")).unwrap_or_default()
    }

    fn write_idf(&self) {
        let written = || -> std::io::Result<()> {
            let (bin, idf) = (self.beside("bin"), self.beside("idf"));
            std::fs::create_dir_all(&bin)?;
            std::fs::create_dir_all(idf.join("tools/cmake"))?;
            std::fs::write(idf.join("tools/idf.py"), "")?;
            let version = "set(IDF_VERSION_MAJOR 5)\nset(IDF_VERSION_MINOR 5)\nset(IDF_VERSION_PATCH 1)\n";
            std::fs::write(idf.join("tools/cmake/version.cmake"), version)?;
            let script = format!(
                "#!/bin/sh\nexec '{}' '{}' \"$@\"\n",
                self.python.display(),
                fixture("idf_recorder.py").display()
            );
            std::fs::write(bin.join("idf.py"), script)?;
            #[cfg(unix)]
            std::fs::set_permissions(
                bin.join("idf.py"),
                std::os::unix::fs::PermissionsExt::from_mode(0o755),
            )?;
            Ok(())
        };
        written().unwrap_or_else(|e| panic_with(&e.to_string()));
    }
}

/// A board whose flash can be looked at.
#[derive(Debug)]
pub struct MockBoard {
    child: Child,
    port: String,
    flash: PathBuf,
    _folder: tempfile::TempDir,
}

impl MockBoard {
    /// Plugs one in. `more` are arguments of `mock_board.py`.
    pub fn new(python: &Path, chip: &str, more: &[&str]) -> MockBoard {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic_with(&e.to_string()));
        let flash = folder.path().join("flash.bin");
        let mut command = Command::new(python);
        command.arg(fixture("mock_board.py")).args(["--chip", chip, "--flash"]).arg(&flash).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic_with(&e.to_string()));
        let mut port = String::new();
        if let Some(output) = child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut port);
            read.unwrap_or_else(|e| panic_with(&e.to_string()));
        }
        MockBoard { child, port: port.trim().to_owned(), flash, _folder: folder }
    }

    /// Its port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Unplugs it and returns what is in its flash.
    pub fn flash(mut self) -> Vec<u8> {
        drop(self.child.stdin.take());
        let ended = self.child.wait();
        ended.unwrap_or_else(|e| panic_with(&e.to_string()));
        std::fs::read(&self.flash).unwrap_or_else(|e| panic_with(&e.to_string()))
    }
}

impl Drop for MockBoard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A board in QEMU whose console is a pseudo-terminal (`tests/qemu/serve`).
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    port: String,
}

impl Emulator {
    /// `tests/qemu/NAME`, or `None` with a line that says what is missing.
    pub fn script(name: &str) -> Option<PathBuf> {
        let folder = root().join("tests/qemu");
        let missing = match Command::new("python3").arg(folder.join("run")).arg("--missing").output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(_) => "python3".to_owned(),
        };
        if missing.is_empty() {
            return Some(folder.join(name));
        }
        say(&format!("skipped: no board in QEMU without {missing}"));
        None
    }

    /// Starts one of that processor, with those bytes where the model is; `None` where there is no emulator.
    pub fn new(processor: &str, model: &Path) -> Option<Emulator> {
        let mut command = Command::new("python3");
        command.arg(Emulator::script("serve")?).args(["--target", processor, "--model"]).arg(model);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // The emulator is the script's child, and ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().unwrap_or_else(|e| panic_with(&e.to_string()));
        let mut port = String::new();
        if let Some(output) = child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut port);
            read.unwrap_or_else(|e| panic_with(&e.to_string()));
        }
        if port.trim().is_empty() {
            panic_with("the board in QEMU does not start");
        }
        Some(Emulator { child, port: port.trim().to_owned() })
    }

    /// Its port.
    pub fn port(&self) -> &str {
        &self.port
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // It may have ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
