//! Rust for the chips: the compiler, rustup's targets, espup's tool chain.

use super::command::{first_line, output};
use super::idf::{Version, parse_version};

/// The compiler that the runtime needs (`rust-version` of this repository).
const MINIMUM: Version = Version(1, 95, 0);

/// What of Rust is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rust {
    /// What `rustc --version` says.
    pub compiler: Option<String>,
    /// Whether it is old.
    pub is_old: bool,
    /// What `rustup --version` says.
    pub rustup: Option<String>,
    /// Targets of the default tool chain.
    pub targets: Vec<String>,
    /// espup's compiler for Xtensa.
    pub espup: Option<String>,
}

impl Rust {
    /// Asks the tools.
    pub fn of_machine() -> Rust {
        let compiler = first_line("rustc", &["--version"]);
        let number = compiler.as_deref().and_then(|line| parse_version(line.split(' ').nth(1)?));
        let lines = |arguments: &[&str]| -> Vec<String> {
            output("rustup", arguments).unwrap_or_default().lines().map(|l| l.trim().to_owned()).collect()
        };
        let has_esp =
            lines(&["toolchain", "list"]).iter().any(|l| l.split_whitespace().next() == Some("esp"));
        Rust {
            is_old: number.is_some_and(|n| n < MINIMUM),
            compiler,
            rustup: first_line("rustup", &["--version"]),
            targets: lines(&["target", "list", "--installed"]),
            espup: if has_esp { first_line("rustc", &["+esp", "--version"]) } else { None },
        }
    }

    /// What is missing for a target, and how to get it; `None` when nothing is.
    pub fn missing_for(&self, target: crate::deploy::RustTarget) -> Option<String> {
        use crate::deploy::RustTarget;
        if self.compiler.is_none() {
            return Some("install Rust from rustup.rs".to_owned());
        }
        match target {
            RustTarget::Espup(_) if self.espup.is_none() => {
                Some("`cargo install espup --locked && espup install`".to_owned())
            }
            RustTarget::Rustup(_) if self.is_old => {
                Some(format!("`rustup update` (Rust {MINIMUM} is needed)"))
            }
            RustTarget::Rustup(name) if !self.targets.iter().any(|t| t == name) => {
                Some(format!("`rustup target add {name}`"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::RustTarget;

    #[test]
    fn what_is_missing_comes_with_its_command() {
        let none = Rust::default();
        let upstream = RustTarget::Rustup("riscv32imc-unknown-none-elf");
        let xtensa = RustTarget::Espup("xtensa-esp32s3-none-elf");
        assert!(none.missing_for(upstream).unwrap().contains("rustup.rs"));
        let some = Rust { compiler: Some("rustc 1.95.0".to_owned()), ..Rust::default() };
        assert!(some.missing_for(upstream).unwrap().contains("target add riscv32imc"));
        assert!(some.missing_for(xtensa).unwrap().contains("espup"));
        let old = Rust { is_old: true, targets: vec![upstream.name().to_owned()], ..some.clone() };
        assert!(old.missing_for(upstream).unwrap().contains("rustup update"));
        let all = Rust { is_old: false, espup: Some("rustc 1.95.0-nightly".to_owned()), ..old };
        assert_eq!((all.missing_for(upstream), all.missing_for(xtensa)), (None, None));
    }
}
