//! Reading the log of `idf.py build`: progress of ninja, errors of gcc, rustc, CMake and the linker, and what they mean.

use std::path::PathBuf;

use super::event::Diagnostic;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// ninja is so far.
    Progress {
        /// 0..=1, never going back.
        fraction: f32,
        /// What it does.
        text: String,
    },
    /// Something about a place in a file.
    Diagnostic(Diagnostic),
}

/// Reads line after line.
#[derive(Debug, Default)]
pub struct BuildLog {
    /// The largest `m` of `[n/m]`: the boot loader is a build of its own with fewer steps.
    steps: u32,
    fraction: f32,
    /// An error of rustc, whose place is in the next line.
    rustc: Option<(String, String)>,
    /// An error of CMake, whose words are in the next lines.
    cmake: Option<Diagnostic>,
    /// The first error of all, for the message that ends the build.
    first_error: Option<Diagnostic>,
}

/// What people meet, and what to do: a part of a line, and the sentence.
const KNOWN: [(&str, &str); 16] = [
    (
        "app partition is too small",
        "the application outgrew its partition: write the project anew with `octet firmware new`",
    ),
    (
        "overflowed by",
        "what lies in on-chip memory is too large: take a smaller input, or put activations into PSRAM",
    ),
    ("can't find crate for `core`", "the target is missing: `rustup target add` the one that is named above"),
    ("target may not be installed", "`rustup target add` the target that is named here"),
    ("toolchain 'esp' is not installed", "`cargo install espup --locked && espup install`"),
    ("is not installed for the custom toolchain `esp`", "`espup update`"),
    ("cargo is missing", "install Rust from rustup.rs"),
    ("requires rustc 1.", "`rustup update`; for Xtensa `espup update`"),
    ("Could not find the compiler riscv32-esp-elf", "run ESP-IDF's `install.sh all`"),
    ("riscv32-esp-elf-gcc: not found", "run ESP-IDF's `install.sh all`"),
    ("Python requirements are not satisfied", "run ESP-IDF's `install.sh` again"),
    (
        "is currently active in the environment while the project was configured with",
        "remove the folder `build`",
    ),
    ("No space left on device", "free some disk space: a build takes about 500 MB"),
    ("Failed to resolve component 'esp-dl'", "the component manager needs the network once for ESP-DL"),
    ("failed to download", "cargo needs the network once, for the eight small crates of the runtime"),
    ("no matching package named", "cargo needs the network once, for the eight small crates of the runtime"),
];

impl BuildLog {
    /// Takes a line.
    pub fn take(&mut self, line: &str) -> Option<Finding> {
        if let Some(ended) = self.continue_cmake(line) {
            return Some(self.diagnostic(ended));
        }
        if let Some(progress) = self.progress(line) {
            return Some(progress);
        }
        if let Some(place) = line.trim_start().strip_prefix("--> ")
            && let Some((severity, message)) = self.rustc.take()
        {
            let (file, line, column) = place_of(place.trim());
            return Some(self.diagnostic(Diagnostic { severity, file, line, column, message, help: None }));
        }
        if let Some(rest) = line.strip_prefix("CMake Error") {
            self.cmake = Some(cmake(rest));
            return None;
        }
        if let Some(diagnostic) = gcc(line).or_else(|| linker(line)) {
            return Some(self.diagnostic(diagnostic));
        }
        self.rustc(line)
    }

    /// The end of the log: what was still open.
    pub fn finish(&mut self) -> Option<Finding> {
        if let Some(diagnostic) = self.cmake.take() {
            return Some(self.diagnostic(diagnostic));
        }
        let (severity, message) = self.rustc.take()?;
        let plain = Diagnostic { severity, file: None, line: None, column: None, message, help: None };
        Some(self.diagnostic(plain))
    }

    /// The first error.
    pub fn first_error(&self) -> Option<&Diagnostic> {
        self.first_error.as_ref()
    }

    fn diagnostic(&mut self, mut diagnostic: Diagnostic) -> Finding {
        diagnostic.help = help(&diagnostic.message);
        if diagnostic.severity == "error" && self.first_error.is_none() {
            self.first_error = Some(diagnostic.clone());
        }
        Finding::Diagnostic(diagnostic)
    }

    /// `[12/1043] Building C object ...`
    fn progress(&mut self, line: &str) -> Option<Finding> {
        let (numbers, text) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        let (done, all) = numbers.split_once('/')?;
        let (done, all): (u32, u32) = (done.trim().parse().ok()?, all.trim().parse().ok()?);
        if all == 0 || done > all || all < self.steps {
            return None;
        }
        self.steps = all;
        self.fraction = self.fraction.max(done as f32 / all as f32);
        Some(Finding::Progress { fraction: self.fraction, text: text.trim().to_owned() })
    }

    /// `error[E0425]: cannot find ...`, `error: ...`; the place follows.
    fn rustc(&mut self, line: &str) -> Option<Finding> {
        let head = line.strip_prefix("error").filter(|rest| rest.starts_with([':', '[']))?;
        let message = match head.strip_prefix('[') {
            Some(coded) => coded.split_once("]: ").map(|(code, text)| format!("{text} ({code})"))?,
            None => head.trim_start_matches(':').trim().to_owned(),
        };
        let before = self.rustc.replace(("error".to_owned(), message));
        let (severity, message) = before?;
        let plain = Diagnostic { severity, file: None, line: None, column: None, message, help: None };
        Some(self.diagnostic(plain))
    }

    /// CMake's words are indented below its first line, and end with an empty line.
    fn continue_cmake(&mut self, line: &str) -> Option<Diagnostic> {
        let open = self.cmake.as_mut()?;
        let text = line.trim();
        if !text.is_empty() && line.starts_with(' ') {
            if !open.message.is_empty() {
                open.message.push(' ');
            }
            open.message.push_str(text);
            return None;
        }
        if open.message.is_empty() && text.is_empty() {
            return None;
        }
        self.cmake.take()
    }
}

/// What to do about a message, where that is known.
fn help(message: &str) -> Option<String> {
    KNOWN.iter().find(|(part, _)| message.contains(part)).map(|(_, help)| (*help).to_owned())
}

/// `/path/main.c:12:3`, and without column or line. Windows paths have a colon of their own.
fn place_of(text: &str) -> (Option<PathBuf>, Option<u32>, Option<u32>) {
    let mut parts: Vec<&str> = text.split(':').collect();
    let mut numbers = Vec::new();
    while parts.len() > 1 && numbers.len() < 2 {
        let Some(number) = parts.last().and_then(|p| p.parse::<u32>().ok()) else { break };
        numbers.push(number);
        parts.pop();
    }
    let file = Some(PathBuf::from(parts.join(":")));
    match numbers[..] {
        [column, line] => (file, Some(line), Some(column)),
        [line] => (file, Some(line), None),
        _ => (file, None, None),
    }
}

/// `file:line:column: error: message` of gcc, with warnings.
fn gcc(line: &str) -> Option<Diagnostic> {
    for (mark, severity) in [(": fatal error: ", "error"), (": error: ", "error"), (": warning: ", "warning")]
    {
        let Some((place, message)) = line.split_once(mark) else { continue };
        let (file, number, column) = place_of(place.trim());
        number?;
        return Some(Diagnostic {
            severity: severity.to_owned(),
            file,
            line: number,
            column,
            message: message.trim().to_owned(),
            help: None,
        });
    }
    None
}

/// Lines of the linker and of ESP-IDF's own checks, which name no place that helps.
fn linker(line: &str) -> Option<Diagnostic> {
    let marks =
        ["undefined reference to", "overflowed by", "app partition is too small", "No space left on device"];
    let hit = marks.iter().any(|mark| line.contains(mark))
        || line.starts_with("idf.py error")
        || KNOWN.iter().any(|(part, _)| line.contains(part) && !line.starts_with("error"));
    hit.then(|| {
        let (file, number, message) = match line.split_once(": undefined reference") {
            Some((place, rest)) => {
                let (file, number, _) = place_of(place.rsplit(' ').next().unwrap_or(place));
                (file.filter(|_| number.is_some()), number, format!("undefined reference{rest}"))
            }
            None => (None, None, line.trim().to_owned()),
        };
        Diagnostic { severity: "error".to_owned(), file, line: number, column: None, message, help: None }
    })
}

/// ` at components/x/CMakeLists.txt:12 (message):` or `: words`.
fn cmake(rest: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic {
        severity: "error".to_owned(),
        file: None,
        line: None,
        column: None,
        message: String::new(),
        help: None,
    };
    match rest.strip_prefix(" at ") {
        Some(place) => {
            let place = place.split(" (").next().unwrap_or(place).trim_end_matches(':');
            (diagnostic.file, diagnostic.line, _) = place_of(place.trim());
        }
        None => diagnostic.message = rest.trim_start_matches(':').trim().to_owned(),
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> (Vec<Finding>, BuildLog) {
        let mut log = BuildLog::default();
        let mut found: Vec<Finding> = text.lines().filter_map(|line| log.take(line)).collect();
        found.extend(log.finish());
        (found, log)
    }

    fn diagnostics(text: &str) -> Vec<(String, Option<u32>, String)> {
        let (found, _) = all(text);
        let only = found.into_iter().filter_map(|f| match f {
            Finding::Diagnostic(d) => Some(d),
            Finding::Progress { .. } => None,
        });
        only.map(|d| (d.file.map(|f| f.display().to_string()).unwrap_or_default(), d.line, d.message))
            .collect()
    }

    #[test]
    fn progress_is_that_of_the_longest_build_and_never_goes_back() {
        let (found, _) =
            all("[1/1000] a\n[500/1000] Building C object x.o\n[1/90] boot loader\n[90/90] b\n[501/1000] c");
        let fractions: Vec<f32> = found
            .iter()
            .map(|f| if let Finding::Progress { fraction, .. } = f { *fraction } else { -1.0 })
            .collect();
        assert_eq!(fractions, [0.001, 0.5, 0.501]);
    }

    #[test]
    fn errors_of_each_tool_name_their_place() {
        let text = "/w/main/main.c:12:5: error: 'x' undeclared\n\
                    main.c:3: warning: unused\n\
                    error[E0425]: cannot find value `y` in this scope\n  --> src/lib.rs:7:9\n   |\n\
                    CMake Error at main/CMakeLists.txt:9 (message):\n  words of\n  CMake\n\n\
                    /opt/ld: main.c:44: undefined reference to `octet_run'\n\
                    region `dram0_0_seg' overflowed by 1234 bytes\n";
        let found = diagnostics(text);
        let expected = [
            ("/w/main/main.c", Some(12), "'x' undeclared"),
            ("main.c", Some(3), "unused"),
            ("src/lib.rs", Some(7), "cannot find value `y` in this scope (E0425)"),
            ("main/CMakeLists.txt", Some(9), "words of CMake"),
            ("main.c", Some(44), "undefined reference to `octet_run'"),
            ("", None, "region `dram0_0_seg' overflowed by 1234 bytes"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, (file, line, message)) in found.iter().zip(expected) {
            assert_eq!((found.0.as_str(), found.1, found.2.as_str()), (file, line, message));
        }
    }

    #[test]
    fn what_people_meet_comes_with_a_cure() {
        let (_, log) = all("error[E0463]: can't find crate for `core`\n  --> x.rs:1:1\n");
        assert!(log.first_error().unwrap().help.as_deref().unwrap().contains("rustup target add"));
        let (_, log) = all("Error: app partition is too small for binary x.bin size 0x1 :\n");
        assert!(log.first_error().unwrap().help.as_deref().unwrap().contains("octet firmware new"));
        let (_, log) = all("error: toolchain 'esp' is not installed\n");
        assert!(log.first_error().unwrap().help.as_deref().unwrap().contains("espup"));
    }

    proptest! {
        #[test]
        fn no_log_panics(lines in proptest::collection::vec("[ -~]{0,60}", 0..20)) {
            let _ = all(&lines.join("\n"));
        }

        #[test]
        fn odd_lines_do_not_panic(
            line in "(CMake Error|error|\\[|-->|a:1:| )?[:\\[\\]/0-9 ]{0,20}(: error: |undefined reference to)?.{0,10}"
        ) {
            let _ = all(&line);
        }
    }
}
