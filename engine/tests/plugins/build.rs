//! Builds the plugins that the tests load.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const RUST_PLUGINS: [&str; 5] = [
    "octet-int8",
    "octet-equalization",
    "octet-mixed-precision",
    "octet-example-minimal",
    "octet-test-panics",
];

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("plugin-api").is_dir()).unwrap().to_owned()
}

/// The library of a Rust plugin, from the folder that `OCTET_BUILT_PLUGINS` names or built now. Cargo's own lock lets
/// several test processes ask at once.
pub(crate) fn rust_plugin(package: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        if let Some(folder) = std::env::var_os("OCTET_BUILT_PLUGINS") {
            return folder.into();
        }
        // This test is target/PROFILE/deps/host-HASH.
        let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(workspace()).args(["build", "--quiet", "--target-dir"]);
        build.arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        for package in RUST_PLUGINS {
            build.args(["-p", package]);
        }
        assert!(build.status().unwrap().success(), "the plugins do not build");
        profile
    });
    let name = package.replace('-', "_");
    folder.join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
}

/// The C example, built from the shipped header; `None` without a C compiler.
pub(crate) fn c_example() -> Option<PathBuf> {
    let flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2", "-lm"];
    compile(&workspace().join("plugins/examples/c-minimal/minimal.c"), "c_minimal", &flags)
}

/// The misbehaving plugin with these definitions.
pub(crate) fn misbehaving(defines: &[&str]) -> Option<PathBuf> {
    let flags: Vec<String> = defines.iter().map(|define| format!("-D{define}")).collect();
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    flags.extend(["-std=gnu99", "-pthread"]);
    let name = format!("misbehaving{}", defines.concat());
    compile(&workspace().join("tests/plugins/misbehaving.c"), &name, &flags)
}

fn compile(source: &Path, name: &str, flags: &[&str]) -> Option<PathBuf> {
    // One file per process and thread: tests build the same plugin at the same time.
    let unique = format!("{name}-{}-{:?}", std::process::id(), std::thread::current().id());
    let unique: String = unique.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let library =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lib{unique}{}", std::env::consts::DLL_SUFFIX));
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-I"])
        .arg(workspace().join("plugin-api/include"))
        .arg("-o")
        .arg(&library)
        .arg(source)
        .args(flags)
        .status();
    match status {
        Ok(status) => {
            assert!(status.success(), "{} does not build", source.display());
            Some(library)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: no C compiler `cc`");
            None
        }
        Err(e) => panic!("cc: {e}"),
    }
}
