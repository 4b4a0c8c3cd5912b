//! A machine as the author of a plugin has it: a tool chain, Octet on the path, a home folder, and no repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Ran, build_folder, panic_with, root, text_of};

/// A folder to work in. It lies below `target/` and is made anew each time, so that cargo knows the projects again.
#[derive(Debug)]
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// An empty workshop; each test has a name of its own.
    pub fn new(name: &str) -> Workshop {
        let folder = root().join("target/workshops").join(name);
        let made = || -> std::io::Result<Workshop> {
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            for inner in ["bin", "home of an author", "work", "work/pictures"] {
                std::fs::create_dir_all(folder.join(inner))?;
            }
            let fixtures = root().join("tests/fixtures");
            let model = fixtures.join("models/torchvision_opset11.onnx");
            std::fs::copy(model, folder.join("work/model.onnx"))?;
            for picture in ["exif_1.jpg", "exif_6.jpg", "scene.png"] {
                let from = fixtures.join("pictures").join(picture);
                std::fs::copy(from, folder.join("work/pictures").join(picture))?;
            }
            write_cargo(&folder.join("bin/cargo"))?;
            Ok(Workshop { folder: folder.clone() })
        };
        made().unwrap_or_else(|e| panic_with(&format!("{}: {e}", folder.display())))
    }

    /// The folder in which scripts begin; it holds `model.onnx` and `pictures`.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The author's home.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home of an author")
    }

    /// A folder for what the test itself needs.
    pub fn notes(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Runs a shell script that ends at its first error.
    pub fn run(&self, script: &str) -> Ran {
        let before = std::env::var_os("PATH").unwrap_or_default();
        let path =
            [self.folder.join("bin"), build_folder()].into_iter().chain(std::env::split_paths(&before));
        let path = std::env::join_paths(path).unwrap_or_else(|e| panic_with(&e.to_string()));
        let mut command = Command::new("sh");
        command.args(["-euc", script]).current_dir(self.work());
        command.env("PATH", path).env("HOME", self.home());
        for variable in ["OCTET_DATA_DIR", "OCTET_PLUGIN_PATH", "XDG_DATA_HOME", "DISPLAY", "WAYLAND_DISPLAY"]
        {
            command.env_remove(variable);
        }
        match command.output() {
            Ok(output) => text_of(output),
            Err(error) => panic_with(&format!("sh does not start: {error}")),
        }
    }
}

/// A `cargo` that downloads nothing: it begins with this repository's lock file, and builds all projects in one folder,
/// so that what they depend on is built once.
fn write_cargo(file: &Path) -> std::io::Result<()> {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let target = root().join("target/workshops/target");
    std::fs::create_dir_all(&target)?;
    let script = format!(
        "#!/bin/sh\nset -eu\n[ -e Cargo.lock ] || cp {lock} Cargo.lock\n[ -e target ] || ln -s {target} target\n\
         unset CARGO_TARGET_DIR CARGO_BUILD_TARGET\nexport HOME={home} CARGO_NET_OFFLINE=true\n\
         PATH=${{PATH#*:}}\nexec {cargo} \"$@\"\n",
        lock = quoted(&root().join("Cargo.lock")),
        target = quoted(&target),
        home = quoted(&home),
        cargo = quoted(&cargo),
    );
    std::fs::write(file, script)?;
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(())
}
