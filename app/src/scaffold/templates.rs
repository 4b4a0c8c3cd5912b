//! The files of a project.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};

use octet_engine::deploy::manifest;

use super::{Language, PluginName, Project, ScaffoldError};

static API: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-api/src");
const API_MANIFEST: &str = include_str!("../../../plugin-api/Cargo.toml");
const API_README: &str = include_str!("../../../plugin-api/README.md");
const HEADER: &str = include_str!("../../../plugin-api/include/octet_plugin.h");
const GUIDE: &str = include_str!("../../../docs/plugins.md");
/// They go wherever a part of Octet goes.
const LICENSES: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];

const RUST_SOURCE: &str = include_str!("../../../plugins/examples/rust-minimal/src/lib.rs");
const RUST_MANIFEST: &str = include_str!("../../../plugins/examples/rust-minimal/Cargo.toml");
const RUST_README: &str = include_str!("../../assets/plugin/rust.md");
const C_SOURCE: &str = include_str!("../../../plugins/examples/c-minimal/minimal.c");
const C_MAKEFILE: &str = include_str!("../../assets/plugin/Makefile");
const C_README: &str = include_str!("../../assets/plugin/c.md");

type Files = Vec<(PathBuf, Vec<u8>)>;

/// The library that a project builds, from the project's folder.
pub(super) fn library(name: &PluginName, language: Language) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", name.package().replace('-', "_"));
    match language {
        Language::Rust => format!("target/release/{file}"),
        Language::C => file,
    }
}

/// The command that builds it.
pub(super) fn build_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo build --release",
        Language::C => "make",
    }
}

/// All files, with paths from the project's folder.
pub(super) fn files(
    name: &PluginName,
    language: Language,
    project: &Project,
) -> Result<Files, ScaffoldError> {
    let mut files = Files::new();
    let mut add = |path: &str, text: String| files.push((path.into(), text.into_bytes()));
    let id = name.id();
    let readme = [
        ("@NAME@", name.as_str()),
        ("@ID@", id.as_str()),
        ("@SHORT@", id.rsplit('.').next().unwrap_or(&id)),
        ("@BUILD@", project.build.as_str()),
        ("@LIBRARY@", project.library.as_str()),
        // Last, since it is the only one with a text that is not made here.
        ("@INSTALL@", project.install.as_str()),
    ];
    add("GUIDE.md", GUIDE.to_owned());
    match language {
        Language::Rust => {
            add("README.md", fill(RUST_README, &readme));
            add("Cargo.toml", rust_manifest(name)?);
            add(".gitignore", "/target\n".to_owned());
            let identity = [
                ("dev.octet.example.minimal", name.id()),
                ("\"Minimal example\"", format!("\"{}\"", name.as_str())),
                ("vendor: \"Octet\"", "vendor: \"Example\"".to_owned()),
            ];
            add("src/lib.rs", rename(RUST_SOURCE, &identity)?);
            add(
                "octet-plugin-api/Cargo.toml",
                manifest::standalone(API_MANIFEST).map_err(ScaffoldError::Template)?,
            );
            add("octet-plugin-api/README.md", API_README.to_owned());
            for (file, text) in LICENSES {
                add(&format!("octet-plugin-api/{file}"), text.to_owned());
            }
            embedded(&API, &mut files);
        }
        Language::C => {
            add("README.md", fill(C_README, &readme));
            add("Makefile", fill(C_MAKEFILE, &[("@LIBRARY@", project.library.as_str())]));
            add(".gitignore", format!("/{}\n", project.library));
            let identity = [
                ("dev.octet.example.c-minimal", name.id()),
                ("\"Minimal example in C\"", format!("\"{}\"", name.as_str())),
                ("TEXT(\"Octet\")", "TEXT(\"Example\")".to_owned()),
                (
                    "cc -std=c99 -O2 -shared -fPIC -I plugin-api/include -o liboctet_c_minimal.so minimal.c -lm",
                    "make".to_owned(),
                ),
            ];
            add("minimal.c", rename(C_SOURCE, &identity)?);
            add("octet/octet_plugin.h", HEADER.to_owned());
            for (file, text) in LICENSES {
                add(&format!("octet/{file}"), text.to_owned());
            }
        }
    }
    Ok(files)
}

/// The sources of the plugin interface, below `octet-plugin-api/src`.
fn embedded(folder: &Dir<'_>, files: &mut Files) {
    let place = PathBuf::from("octet-plugin-api/src");
    files.extend(folder.files().map(|file| (place.join(file.path()), file.contents().to_vec())));
    folder.dirs().for_each(|inner| embedded(inner, files));
}

fn rust_manifest(name: &PluginName) -> Result<String, ScaffoldError> {
    // Under which licence it goes, and which version it has, is its author's to say.
    let octets = |line: &&str| line.starts_with("license.") || line.starts_with("version.");
    let own: Vec<&str> = RUST_MANIFEST.lines().filter(|line| !octets(line)).collect();
    let text = manifest::standalone(&own.join("\n")).map_err(ScaffoldError::Template)?;
    let identity = [
        ("name = \"octet-example-minimal\"", format!("name = \"{}\"\nversion = \"0.1.0\"", name.package())),
        (
            "description = \"Example strategy: nothing is clipped\"",
            "description = \"A strategy for Octet\"".to_owned(),
        ),
        ("{ path = \"plugin-api\" }", "{ path = \"octet-plugin-api\" }".to_owned()),
    ];
    let workspace =
        "\n# Its own workspace, wherever it lies.\n[workspace]\nexclude = [\"octet-plugin-api\"]\n";
    Ok(rename(&text, &identity)? + workspace)
}

/// Puts texts in the place of others, each of which is there once.
fn rename(template: &str, texts: &[(&str, String)]) -> Result<String, ScaffoldError> {
    texts.iter().try_fold(template.to_owned(), |text, (from, to)| match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        _ => Err(ScaffoldError::Template((*from).to_owned())),
    })
}

/// Puts values in the place of `@KEYS@`.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (key, value)| text.replace(key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(language: Language) -> Vec<(String, String)> {
        let name = PluginName::parse("My-strategy").unwrap();
        let project = Project {
            folder: PathBuf::new(),
            build: "build it".to_owned(),
            install: "install it".to_owned(),
            library: library(&name, language),
        };
        let files = files(&name, language, &project).unwrap();
        files.into_iter().map(|(p, b)| (p.display().to_string(), String::from_utf8(b).unwrap())).collect()
    }

    fn text(texts: &[(String, String)], path: &str) -> String {
        texts.iter().find(|(p, _)| p == path).unwrap().1.clone()
    }

    #[test]
    fn a_rust_project_stands_for_itself() {
        let texts = texts(Language::Rust);
        let manifest = text(&texts, "Cargo.toml");
        assert!(
            manifest.starts_with("[package]\nname = \"octet-my-strategy\"\nversion = \"0.1.0\"\n"),
            "{manifest}"
        );
        assert!(manifest.contains("\noctet-plugin-api = { path = \"octet-plugin-api\" }\n"), "{manifest}");
        assert!(manifest.contains("\n[workspace]\n") && !manifest.contains(".workspace"), "{manifest}");
        assert!(text(&texts, "octet-plugin-api/Cargo.toml").lines().all(|l| !l.contains("workspace")));
        assert!(texts.iter().any(|(path, _)| path == "octet-plugin-api/src/sdk/host.rs"));
    }

    #[test]
    fn every_key_of_a_template_is_filled_in() {
        for language in [Language::Rust, Language::C] {
            let texts = texts(language);
            for path in ["README.md", if language == Language::C { "Makefile" } else { "src/lib.rs" }] {
                let text = text(&texts, path);
                assert!(!text.contains('@') || path == "Makefile", "{text}");
                assert!(!text.contains("@LIBRARY@"), "{text}");
                assert!(path != "README.md" || text.contains("--strategy my-strategy`"), "{text}");
            }
            let source = text(&texts, if language == Language::C { "minimal.c" } else { "src/lib.rs" });
            assert!(source.contains("org.example.my-strategy") && !source.contains("dev.octet"), "{source}");
        }
    }
}
