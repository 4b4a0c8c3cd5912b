//! The engine's advice as the window says it: where the command line has options, the sheet has fields.

/// What is said instead, longest first.
const INSTEAD: [(&str, &str); 17] = [
    (
        "look through it and add `--trust`, or let Octet write its own with `octet firmware new --afresh`, which moves this one aside",
        "the Deploy sheet asks whether to build it anyway, or to move it aside and write Octet's own",
    ),
    (
        "remove it, or look through it and add `--trust`",
        "remove it, or look through it and build the firmware anyway",
    ),
    (
        "build the project first with `octet firmware build`",
        "build it first: leave “Only the model changed” out, or use “Build only”",
    ),
    ("remove the link, or name the folder with `--out`", "remove the link"),
    ("with `--model-only` that takes seconds", "with “Only the model changed” that takes seconds"),
    ("choose one with `--port`", "choose one of them"),
    ("name the port with `--port`", "type its port"),
    ("`octet doctor` lists ports and rights", "“Tools” says whether this user may use ports"),
    ("`octet doctor` lists the ports", "the list of boards can be refreshed"),
    ("`octet doctor` lists them", "the list of boards can be refreshed"),
    ("`octet doctor`", "“Tools”"),
    (" with --port", " in the list of boards"),
    ("name its folder with --idf", "name its folder under “Options”"),
    ("without --no-reset", "without “Leave the reset to me”"),
    ("with --no-reset", "with “Leave the reset to me”"),
    ("leave out `--psram on`", "set PSRAM to “As needed” under “Options”"),
    ("leave out `--flavour esp-dl`", "choose Octet's runtime under “Options”"),
];

/// Advice in the window's words.
pub fn in_window(advice: &str) -> String {
    INSTEAD.iter().fold(advice.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The command in a piece of advice: what stands in its first backticks.
pub fn command_of(advice: &str) -> Option<&str> {
    advice.split('`').nth(1).filter(|command| !command.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use octet_engine::deploy::{DeployError, Port, choose_port};

    use super::*;

    #[test]
    fn the_advice_about_boards_names_no_options_of_the_command_line() {
        let board = |name: &str| Port {
            name: name.to_owned(),
            description: "CP210x bridge".to_owned(),
            vid: Some(0x10c4),
            pid: Some(0xea60),
            serial_number: None,
            is_board: true,
        };
        for ports in [vec![], vec![board("/dev/ttyUSB0"), board("/dev/ttyUSB1")]] {
            let help = in_window(&choose_port(None, &ports).unwrap_err().help().unwrap());
            assert!(!help.contains("--") && !help.contains('`'), "{help}");
        }
    }

    #[test]
    fn the_question_about_somebody_elses_firmware_names_none_either() {
        for error in [
            DeployError::Untrusted { project: "firmware".into(), settings: None },
            DeployError::ForeignSettings { file: "rust-toolchain".into() },
        ] {
            let words = in_window(&error.help().unwrap());
            assert!(!words.contains("--") && !words.contains('`'), "{words}");
        }
    }

    #[test]
    fn commands_are_what_stands_in_backticks() {
        assert_eq!(command_of("`rustup target add x` (Rust 1.95)"), Some("rustup target add x"));
        assert_eq!(command_of("install Rust from rustup.rs"), None);
        assert_eq!(command_of("an odd `` one"), None);
    }
}
