//! From a run folder to an ESP-IDF project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::value::Serde;
use minijinja::{Value, context};
use octet_runtime::{Simulator, Target};
use serde::{Deserialize, Serialize};

use super::assets::{self, PictureRecord, TestPicture};
use super::chip::{ChipFacts, Psram};
use super::error::DeployError;
use super::event::Reporter;
use super::inside::{MAX_MODEL_BYTES, read_limited};
use super::origin::Origins;
use super::partitions::Layout;
use super::project::Project;
use super::write::{lies_in_run, move_aside, write_all};
use super::{render, template};
use crate::memory;
use crate::pictures::{Preprocessing, Resize};
use crate::report::Report;
use crate::run;
use crate::strategy::LogLevel;
use crate::target::{TARGETS, TargetSpec};

/// Test pictures that a firmware takes in, at most.
pub const MAX_TEST_PICTURES: usize = 16;
/// What the application may grow to, without pictures and model.
const APP_BYTES: u64 = 1 << 20;
const ESP_DL_APP_BYTES: u64 = 3 << 20;
/// Stack of the task that runs the network.
const STACK_BYTES: u32 = 20 << 10;

/// What executes the model on the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Octet's runtime.
    #[default]
    Octet,
    /// Espressif's ESP-DL, for comparison.
    EspDl,
}

/// Where the model lies in flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelPlace {
    /// In a partition: a new model is flashed alone.
    #[default]
    Partition,
    /// In the application's constants.
    Rodata,
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GenerateRequest {
    /// The run folder.
    pub run: PathBuf,
    /// The project's folder; `None`: `firmware` in the run folder.
    pub out: Option<PathBuf>,
    /// The chip; `None`: the run's.
    pub target: Option<String>,
    /// What executes the model.
    pub flavour: Flavour,
    /// Where the model lies.
    pub model_place: ModelPlace,
    /// Class names, one a line.
    pub names: Option<PathBuf>,
    /// Test pictures to take in, at most [`MAX_TEST_PICTURES`].
    pub pictures: usize,
    /// An ESP32-P4 before revision 3.0.
    pub p4_below_revision_3: bool,
    /// Use external RAM or not; `None`: as the activations need it.
    pub psram: Option<bool>,
    /// Move the project that is there aside, whoever wrote it, and begin with an empty folder.
    pub afresh: bool,
}

/// Writes the project. Files that the user changed stay; `idf.py`'s own are left alone, except that `sdkconfig` goes
/// when its defaults changed.
///
/// # Errors
/// The run has no model, the chip does not suit it, a link leads out of the run, or a file cannot be written.
pub fn generate(request: &GenerateRequest, reporter: &mut Reporter<'_>) -> Result<Project, DeployError> {
    let report = run::read_report(&request.run)?;
    let run_folder = if request.run.is_dir() { request.run.clone() } else { parent(&request.run) };
    let chip = chip(&report, request.target.as_deref())?;
    if request.flavour == Flavour::EspDl && !chip.esp_dl {
        return Err(DeployError::request(
            format!("Espressif's ESP-DL is not prepared for {} here", chip.name),
            "leave out `--flavour esp-dl`, or take esp32p4 or esp32s3",
        ));
    }
    let model = read_limited(&run_folder.join("model.espdl"), MAX_MODEL_BYTES)?;
    let Planned { arena_bytes, classes } = planned(&model, chip, &run_folder)?;
    let needs_psram = chip.needs_psram(arena_bytes).map_err(|reason| {
        DeployError::request(
            format!("the model of `{}` does not fit: {reason}", run_folder.display()),
            "take a smaller input (such as 160 or 96 pixels), a narrower network, or a chip with PSRAM",
        )
    })?;
    // ESP-DL copies the parameters to external RAM.
    let psram = request.psram.unwrap_or(needs_psram || request.flavour == Flavour::EspDl);
    if psram && chip.psram == Psram::None {
        return Err(DeployError::request(
            format!("an {} cannot have external RAM", chip.name),
            "leave out `--psram on`",
        ));
    }
    if needs_psram && !psram {
        let message = format!(
            "the activations need {} KiB, and an {} is estimated to have {} KiB for them without external RAM",
            arena_bytes.div_ceil(1024),
            chip.name,
            chip.sram_bytes / 1024
        );
        reporter.log(LogLevel::Warning, message);
    }
    let preprocessing = assets::preprocessing(&report)?;
    let pictures = match request.flavour {
        Flavour::Octet => {
            assets::test_pictures(&report, request.pictures.min(MAX_TEST_PICTURES), &preprocessing)
        }
        Flavour::EspDl => Vec::new(),
    };
    if request.flavour == Flavour::Octet && pictures.len() < request.pictures.min(MAX_TEST_PICTURES) {
        let message = format!("{} of {} test pictures could be taken in", pictures.len(), request.pictures);
        // A run of fewer pictures has no more; one without any has lost them.
        let level = if pictures.is_empty() { LogLevel::Warning } else { LogLevel::Info };
        reporter.log(level, message);
    }
    let labels = assets::labels(&report, request.names.as_deref(), classes, reporter)?;
    let layout = layout(request, chip, model.len() as u64, &pictures, labels.len() as u64);
    let folder = request.out.clone().unwrap_or_else(|| Project::default_folder(&run_folder, request.flavour));
    let mut project = Project {
        schema: Project::schema(),
        name: project_name(&report.model.name),
        target: chip.name.to_owned(),
        flavour: request.flavour,
        model_bytes: model.len() as u64,
        model_crc32: crc32fast::hash(&model),
        model_in_partition: layout.model.is_some(),
        arena_bytes,
        psram,
        flash_mib: layout.flash_mib,
        pictures: pictures.iter().map(|p| PictureRecord { name: p.name.clone(), class: p.class }).collect(),
        files: BTreeMap::new(),
        unfinished: BTreeMap::new(),
        folder,
        run: run_folder,
        is_own: false,
    };
    let values = values(&project, request, chip, &report, &preprocessing, &layout, &pictures);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for file in template::files(request.flavour)? {
        match file.path.strip_suffix(".j2") {
            Some(path) => {
                files.push((path.to_owned(), render::render(&file.path, &file.text, &values)?.into_bytes()));
            }
            None => files.push((file.path, file.text.into_bytes())),
        }
    }
    if request.flavour == Flavour::Octet {
        files.push((assets::LABELS_FILE.to_owned(), labels.into_bytes()));
        for (index, picture) in pictures.into_iter().enumerate() {
            files.push((format!("main/assets/picture_{index}.rgb"), picture.pixels));
        }
    }
    files.push(("model.espdl".to_owned(), model));
    if request.afresh {
        move_aside(&project.folder, reporter)?;
    }
    if request.out.is_none() {
        lies_in_run(&project)?;
    }
    write_all(&mut project, &files, &Origins::of_user(), reporter)?;
    reporter.progress(1.0, format!("{} files", files.len()));
    Ok(project)
}

/// The run folder of a report.
pub(super) fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The chip that was asked for, if it computes as the run's does.
fn chip(report: &Report, asked: Option<&str>) -> Result<&'static ChipFacts, DeployError> {
    let unknown = |name: &str| {
        let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
        DeployError::request(
            format!("there is no target `{name}`"),
            format!("take one of {}", names.join(", ")),
        )
    };
    let of_run = TargetSpec::by_name(&report.target).ok_or_else(|| unknown(&report.target))?;
    let wanted = match asked {
        Some(name) => TargetSpec::by_name(name).ok_or_else(|| unknown(name))?,
        None => of_run,
    };
    if !memory::computes_alike(wanted, of_run) {
        return Err(DeployError::request(
            format!(
                "the run quantized the model for {}, which computes otherwise than {}",
                of_run.name, wanted.name
            ),
            format!("quantize it with `--target {}`", wanted.name),
        ));
    }
    Ok(ChipFacts::of(wanted.target))
}

/// What a chip makes of a model.
struct Planned {
    /// Bytes of the arena that the firmware will take.
    arena_bytes: u64,
    classes: usize,
}

fn planned(model: &[u8], chip: &ChipFacts, run_folder: &Path) -> Result<Planned, DeployError> {
    let planned = Simulator::new(model.to_vec().into(), Some(chip.target)).and_then(|simulator| {
        let arena_bytes = memory::on_chip(&simulator, chip)?.map.arena_bytes as u64;
        Ok(Planned { arena_bytes, classes: simulator.output().elements() })
    });
    planned.map_err(|e| DeployError::Corrupt {
        path: run_folder.join("model.espdl"),
        reason: e.to_string(),
        help: "quantize the model anew".to_owned(),
    })
}

fn layout(
    request: &GenerateRequest,
    chip: &ChipFacts,
    model_bytes: u64,
    pictures: &[TestPicture],
    labels_bytes: u64,
) -> Layout {
    let own = if request.flavour == Flavour::EspDl { ESP_DL_APP_BYTES } else { APP_BYTES };
    let taken_in = pictures.iter().map(|p| p.pixels.len() as u64).sum::<u64>() + labels_bytes;
    match request.model_place {
        ModelPlace::Partition => Layout::new(own + taken_in, Some(model_bytes), chip.flash_bytes),
        ModelPlace::Rodata => Layout::new(own + taken_in + model_bytes, None, chip.flash_bytes),
    }
}

/// `octet_` and what of the network's name CMake and file systems take.
fn project_name(network: &str) -> String {
    let plain: String = network
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .take(40)
        .collect();
    let plain = plain.trim_matches('_');
    if plain.is_empty() { "octet_firmware".to_owned() } else { format!("octet_{plain}") }
}

fn values(
    project: &Project,
    request: &GenerateRequest,
    chip: &ChipFacts,
    report: &Report,
    preprocessing: &Preprocessing,
    layout: &Layout,
    pictures: &[TestPicture],
) -> Value {
    let shown: Vec<Value> = pictures
        .iter()
        .map(|p| {
            let label = p.class.and_then(|c| i32::try_from(c).ok()).unwrap_or(-1);
            context! { name => p.name.clone(), width => p.width, height => p.height, bytes => p.pixels.len(), label }
        })
        .collect();
    // On the chip the greatest middle is taken, or all of the picture where the run stretches it.
    let stretch = matches!(preprocessing.resize, Resize::Exact { .. });
    context! {
        project => project.name.clone(),
        target => chip.name,
        minimum_idf => format!("{}.{}.0", chip.minimum_idf.0, chip.minimum_idf.1),
        psram => project.psram,
        flash_mib => layout.flash_mib,
        stack_bytes => STACK_BYTES,
        model_in_partition => project.model_in_partition,
        model_bytes => project.model_bytes,
        model_crc32 => format!("{:08x}", project.model_crc32),
        arena_bytes => project.arena_bytes,
        p4_below_revision_3 => request.p4_below_revision_3 && chip.target == Target::Esp32p4,
        nvs => Value::from(Serde(layout.nvs)),
        phy => Value::from(Serde(layout.phy)),
        app => Value::from(Serde(layout.app)),
        model => Value::from(Serde(layout.model)),
        firmware => format!("{} {}", report.model.name, env!("CARGO_PKG_VERSION")),
        preprocessing => context! {
            mean => preprocessing.mean.to_vec(),
            std => preprocessing.std.to_vec(),
            bgr => preprocessing.bgr,
            grey => preprocessing.grey,
            stretch,
        },
        pictures => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_name_is_a_plain_word() {
        assert_eq!(project_name("MobileNet-V2 (x)"), "octet_mobilenet_v2__x");
        assert_eq!(project_name("\"); ${x}"), "octet_x");
        assert_eq!(project_name("日本"), "octet_firmware");
        assert!(project_name(&"x".repeat(300)).len() < 64);
    }
}
