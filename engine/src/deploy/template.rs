//! The files of `firmware-template/`, and the sources of the runtime that go with them: an installed Octet has no
//! repository beside it.

use include_dir::{Dir, include_dir};

use super::error::DeployError;
use super::generate::Flavour;
use super::manifest;

static COMPONENT_SOURCE: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/../firmware-template/components/octet_runtime/src");
static COMPONENT_HEADERS: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/../firmware-template/components/octet_runtime/include");
static MAIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../firmware-template/main");
static ESP_DL_MAIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../firmware-template/esp-dl/main");
static RUNTIME_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../runtime/src");
static KERNELS_SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../runtime/kernels/src");

/// Files of the template's root, by name.
macro_rules! root_files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../firmware-template/", $name)))),*]
    };
}

const ROOT: [(&str, &str); 22] = root_files![
    "CMakeLists.txt",
    "PROJECT.md.j2",
    "octet.cmake.j2",
    "partitions.csv.j2",
    "sdkconfig.defaults",
    "sdkconfig.defaults.esp32",
    "sdkconfig.defaults.esp32c2",
    "sdkconfig.defaults.esp32c3",
    "sdkconfig.defaults.esp32c5",
    "sdkconfig.defaults.esp32c6",
    "sdkconfig.defaults.esp32p4",
    "sdkconfig.defaults.esp32s2",
    "sdkconfig.defaults.esp32s3",
    "sdkconfig.defaults.esp32s31",
    "sdkconfig.octet.j2",
    "sdkconfig.psram",
    "sdkconfig.psram.esp32",
    "sdkconfig.psram.esp32c5",
    "sdkconfig.psram.esp32p4",
    "sdkconfig.psram.esp32s2",
    "sdkconfig.psram.esp32s3",
    "sdkconfig.psram.esp32s31",
];
/// With the versions that this program was built and tested with.
const COMPONENT: [(&str, &str); 3] = root_files![
    "components/octet_runtime/CMakeLists.txt",
    "components/octet_runtime/Cargo.lock",
    "components/octet_runtime/abi.c",
];
const COMPONENT_MANIFEST: &str =
    include_str!("../../../firmware-template/components/octet_runtime/Cargo.toml");
const RUNTIME_MANIFEST: &str = include_str!("../../../runtime/Cargo.toml");
const KERNELS_MANIFEST: &str = include_str!("../../../runtime/kernels/Cargo.toml");
const RUNTIME_README: &str = include_str!("../../../runtime/README.md");
const CONSOLE: &str = include_str!("../../../docs/console.md");
/// They go wherever a part of Octet goes.
const LICENSES: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];

/// Where a generated project has the component.
const PLACE: &str = "components/octet_runtime";
/// How the root's manifest, and therefore the component's, names the runtime's folder.
const RUNTIME_FOLDER: &str = "path = \"runtime\"";
/// How the root's manifest names the kernels' folder, and how the runtime's, beside which it lies, has to.
const KERNELS_FOLDER: [&str; 2] = ["path = \"runtime/kernels\"", "path = \"kernels\""];
/// Its own workspace, wherever the run folder lies. Speed counts in the kernels, which decide latency; size in all else.
const WORKSPACE: &str = "
[workspace]

[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = \"abort\"

[profile.release.package.octet-firmware]
opt-level = \"s\"

[profile.release.package.octet-runtime]
opt-level = \"s\"
";

/// A file of a project, with its path from the project's folder and `.j2` where it is filled in.
pub(super) struct TemplateFile {
    pub(super) path: String,
    pub(super) text: String,
}

/// All files of a flavour.
pub(super) fn files(flavour: Flavour) -> Result<Vec<TemplateFile>, DeployError> {
    let mut files = Vec::new();
    let mut add =
        |path: &str, text: &str| files.push(TemplateFile { path: path.to_owned(), text: text.to_owned() });
    for (path, text) in ROOT {
        add(path, text);
    }
    match flavour {
        Flavour::EspDl => folder(&ESP_DL_MAIN, "main", &mut files)?,
        Flavour::Octet => {
            for (path, text) in COMPONENT {
                add(path, text);
            }
            let standalone = |text: &str| manifest::standalone(text).map_err(DeployError::Template);
            let component = standalone(COMPONENT_MANIFEST)?;
            if !component.contains(RUNTIME_FOLDER) {
                return Err(DeployError::Template("the component's manifest names no runtime".to_owned()));
            }
            let component = component + WORKSPACE;
            add(&format!("{PLACE}/Cargo.toml"), &component);
            let runtime = standalone(RUNTIME_MANIFEST)?;
            let [from_root, from_runtime] = KERNELS_FOLDER;
            if !runtime.contains(from_root) {
                return Err(DeployError::Template("the runtime's manifest names no kernels".to_owned()));
            }
            add(&format!("{PLACE}/runtime/Cargo.toml"), &runtime.replace(from_root, from_runtime));
            add(&format!("{PLACE}/runtime/kernels/Cargo.toml"), &standalone(KERNELS_MANIFEST)?);
            add(&format!("{PLACE}/runtime/README.md"), RUNTIME_README);
            add("CONSOLE.md", CONSOLE);
            for (path, text) in LICENSES {
                add(&format!("{PLACE}/{path}"), text);
            }
            folder(&MAIN, "main", &mut files)?;
            folder(&COMPONENT_SOURCE, &format!("{PLACE}/src"), &mut files)?;
            folder(&COMPONENT_HEADERS, &format!("{PLACE}/include"), &mut files)?;
            folder(&RUNTIME_SOURCE, &format!("{PLACE}/runtime/src"), &mut files)?;
            folder(&KERNELS_SOURCE, &format!("{PLACE}/runtime/kernels/src"), &mut files)?;
        }
    }
    Ok(files)
}

fn folder(dir: &Dir<'_>, place: &str, files: &mut Vec<TemplateFile>) -> Result<(), DeployError> {
    for file in dir.files() {
        let name = file.path().display().to_string().replace('\\', "/");
        let text = file
            .contents_utf8()
            .ok_or_else(|| DeployError::Template(format!("{place}/{name} is not UTF-8")))?;
        files.push(TemplateFile { path: format!("{place}/{name}"), text: text.to_owned() });
    }
    dir.dirs().try_for_each(|inner| folder(inner, place, files))
}
