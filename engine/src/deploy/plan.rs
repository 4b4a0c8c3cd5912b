//! What goes where on the board: read from what `idf.py build` left, and checked as a whole before anything is written.

use std::path::{Path, PathBuf};

use super::built;
use super::chip::{ChipFacts, Psram};
use super::error::DeployError;
use super::flasher_args::{
    Description, FlasherArgs, MAX_FLASH_BYTES, MAX_TEXT_BYTES, corrupt, flash_size, parse_offset, read_json,
};
use super::image::ImageHeader;
use super::inside::{MAX_MODEL_BYTES, inside, read_limited};
use super::partitions::{Partition, read_table};
use super::project::Project;

/// Flash is erased in sectors.
const SECTOR: u64 = 0x1000;
/// Name of the model's partition.
pub(super) const MODEL_PARTITION: &str = "model";

/// One file and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlashFile {
    /// `bootloader`, `partition-table`, or the partition's name.
    pub name: String,
    /// First byte in flash.
    pub offset: u32,
    /// Where it was read from.
    pub path: PathBuf,
    /// What is written.
    pub bytes: Vec<u8>,
}

impl FlashFile {
    /// The first byte behind the sectors that are erased for it.
    fn end(&self) -> u64 {
        u64::from(self.offset) + (self.bytes.len() as u64).next_multiple_of(SECTOR)
    }
}

/// Everything that is to be written, with what the board must have for it.
#[derive(Debug, Clone, PartialEq)]
pub struct FlashPlan {
    /// The chip.
    pub chip: &'static ChipFacts,
    /// In the order of their places.
    pub files: Vec<FlashFile>,
    /// The table that is written.
    pub partitions: Vec<Partition>,
    /// Flash that the board must have at least.
    pub flash_bytes: u64,
    /// Whether the firmware needs external RAM.
    pub needs_psram: bool,
    /// Headers of the boot loader and the application.
    pub images: Vec<(String, ImageHeader)>,
    /// A file of the project that is another one than the application was made of.
    pub changed_since_build: Option<String>,
}

impl FlashPlan {
    /// Reads `build/flasher_args.json`, `build/project_description.json` and what they name.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and what to do.
    pub fn read(project: &Project) -> Result<FlashPlan, DeployError> {
        project.check_whole()?;
        let build = project.folder.join("build");
        let args_path = build.join("flasher_args.json");
        let description_path = build.join("project_description.json");
        if !args_path.is_file() {
            return Err(DeployError::request(
                format!("`{}` is not built: `{}` is missing", project.folder.display(), args_path.display()),
                "build the project first with `octet firmware build`",
            ));
        }
        let args: FlasherArgs = read_json(&args_path)?;
        let description: Description = read_json(&description_path)?;
        let chip = project.chip();
        for (path, found) in [
            (&args_path, args.extra_esptool_args.chip.as_ref()),
            (&description_path, Some(&description.target)),
        ] {
            if let Some(found) = found.filter(|found| *found != chip.name) {
                return Err(corrupt(
                    path,
                    format!("it was built for {found:?}, and the project is for {}", chip.name),
                ));
            }
        }
        let flash_bytes = flash_size(&args.flash_settings.flash_size).ok_or_else(|| {
            corrupt(&args_path, format!("{:?} is no flash size", args.flash_settings.flash_size))
        })?;
        let mut files = read_files(project, &build, &args_path, &args)?;
        check_overlap(&args_path, &files)?;
        let partitions = partitions(&args_path, &mut files)?;
        let needs_psram = check_psram(project, chip, &build, &description, &description_path)?;
        let mut plan = FlashPlan {
            chip,
            images: images(chip, &files)?,
            files,
            partitions,
            flash_bytes,
            needs_psram,
            changed_since_build: None,
        };
        plan.check_places(&args_path)?;
        plan.check_complete(project, &args_path)?;
        plan.check_model(project)?;
        if let Some(app) = plan.app() {
            plan.changed_since_build = built::changed_since(project, &app.bytes)?;
        }
        Ok(plan)
    }

    /// The plan with the model alone.
    ///
    /// # Errors
    /// The model has no partition of its own.
    pub fn model_only(&self) -> Result<FlashPlan, DeployError> {
        let files: Vec<FlashFile> =
            self.files.iter().filter(|f| f.name == MODEL_PARTITION).cloned().collect();
        if files.is_empty() {
            return Err(DeployError::request(
                "the model is part of the application of this project",
                "flash everything, or write the project with `--model-in partition`",
            ));
        }
        Ok(FlashPlan { files, images: Vec::new(), ..self.clone() })
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes.len() as u64).sum()
    }

    /// The partition table's file.
    pub fn table(&self) -> Option<&FlashFile> {
        self.files.iter().find(|f| f.name == "partition-table")
    }

    /// The application's file.
    pub(super) fn app(&self) -> Option<&FlashFile> {
        let is_app = |name: &str| self.partitions.iter().any(|p| p.name == name && p.kind == 0);
        self.files.iter().find(|f| is_app(&f.name))
    }

    fn check_places(&self, args_path: &Path) -> Result<(), DeployError> {
        for partition in &self.partitions {
            if partition.end() > self.flash_bytes {
                let reason = format!(
                    "partition `{}` ends at {:#x}, behind the flash of {} MB",
                    partition.name,
                    partition.end(),
                    self.flash_bytes >> 20
                );
                return Err(corrupt(args_path, reason));
            }
        }
        for file in &self.files {
            if file.end() > self.flash_bytes {
                let reason = format!(
                    "`{}` of {} bytes at {:#x} ends behind the flash of {} MB",
                    file.path.display(),
                    file.bytes.len(),
                    file.offset,
                    self.flash_bytes >> 20
                );
                return Err(corrupt(args_path, reason));
            }
            let Some(partition) = self.partitions.iter().find(|p| p.name == file.name) else { continue };
            if file.bytes.len() as u64 > u64::from(partition.size) {
                return Err(DeployError::Corrupt {
                    path: file.path.clone(),
                    reason: format!(
                        "its {} bytes do not fit the partition `{}` of {} bytes",
                        file.bytes.len(),
                        partition.name,
                        partition.size
                    ),
                    help: "write the project anew with `octet firmware new`, which makes partitions as large as is \
                           needed, then build it"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// An application and the model must be there: a board with one of them runs nothing.
    fn check_complete(&self, project: &Project, args_path: &Path) -> Result<(), DeployError> {
        if self.app().is_none() {
            return Err(corrupt(args_path, "it names no application".to_owned()));
        }
        let is_model = |name: &str| name == MODEL_PARTITION;
        let has_model =
            self.files.iter().any(|f| is_model(&f.name)) && self.partitions.iter().any(|p| is_model(&p.name));
        if project.model_in_partition && !has_model {
            return Err(corrupt(args_path, "it does not name the model".to_owned()));
        }
        Ok(())
    }

    /// The model that is flashed must be the run's.
    fn check_model(&self, project: &Project) -> Result<(), DeployError> {
        let file = self.files.iter().find(|f| f.name == MODEL_PARTITION);
        let of_run = read_limited(&project.run.join("model.espdl"), MAX_MODEL_BYTES)?;
        let is_the_runs = match file {
            Some(file) => file.bytes == of_run,
            // The application holds it: it is the project's, or something of the project was changed since the build.
            None => project.model_crc32 == crc32fast::hash(&of_run),
        };
        if is_the_runs {
            return Ok(());
        }
        Err(DeployError::Corrupt {
            path: file.map_or_else(|| project.folder.join("model.espdl"), |file| file.path.clone()),
            reason: format!("it is not the model of the run `{}`", project.run.display()),
            help: format!("take the new one over with `octet firmware new {}`", project.run.display()),
        })
    }
}

fn read_files(
    project: &Project,
    build: &Path,
    args_path: &Path,
    args: &FlasherArgs,
) -> Result<Vec<FlashFile>, DeployError> {
    if args.flash_files.is_empty() {
        return Err(corrupt(args_path, "it names no file".to_owned()));
    }
    let mut files = Vec::new();
    let mut room = MAX_FLASH_BYTES;
    for (offset, name) in &args.flash_files {
        let place = parse_offset(offset).filter(|o| u64::from(*o) % SECTOR == 0).ok_or_else(|| {
            corrupt(args_path, format!("{offset:?}, the place of `{name}`, is no multiple of {SECTOR:#x}"))
        })?;
        let path = inside(&project.folder, build, name, args_path)?;
        let bytes = read_limited(&path, room)?;
        room -= bytes.len() as u64;
        if bytes.is_empty() {
            return Err(corrupt(args_path, format!("it names `{name}`, which is empty")));
        }
        let entry = args.others.iter().find(|(_, entry)| {
            entry.get("offset").and_then(|o| o.as_str()).and_then(parse_offset) == Some(place)
        });
        if entry.is_some_and(|(_, e)| e.get("encrypted").and_then(|e| e.as_str()) == Some("true")) {
            return Err(DeployError::request(
                format!("`{name}` is to be encrypted, which Octet does not do"),
                "flash this project with `idf.py flash`",
            ));
        }
        let known = entry.map_or_else(|| name.clone(), |(key, _)| key.clone());
        files.push(FlashFile { name: known, offset: place, path, bytes });
    }
    files.sort_by_key(|f| f.offset);
    Ok(files)
}

fn check_overlap(args_path: &Path, files: &[FlashFile]) -> Result<(), DeployError> {
    for pair in files.windows(2) {
        if let [one, next] = pair
            && one.end() > u64::from(next.offset)
        {
            let reason = format!(
                "`{}` ({:#x}..{:#x}) and `{}` ({:#x}) overlap",
                one.path.display(),
                one.offset,
                one.end(),
                next.path.display(),
                next.offset
            );
            return Err(corrupt(args_path, reason));
        }
    }
    Ok(())
}

/// Reads the table, and gives each file that lies in a partition the partition's name.
fn partitions(args_path: &Path, files: &mut [FlashFile]) -> Result<Vec<Partition>, DeployError> {
    let table = files
        .iter()
        .find(|f| f.name == "partition-table")
        .ok_or_else(|| corrupt(args_path, "it names no partition table".to_owned()))?;
    let partitions = read_table(&table.bytes).map_err(|reason| corrupt(&table.path, reason))?;
    let table_end = table.end();
    for file in files.iter_mut().filter(|f| f.name != "partition-table") {
        let place = u64::from(file.offset);
        match partitions.iter().find(|p| (u64::from(p.offset)..p.end()).contains(&place)) {
            Some(partition) if partition.offset == file.offset => file.name.clone_from(&partition.name),
            Some(partition) => {
                let reason = format!(
                    "`{}` at {place:#x} lies inside of the partition `{}`, which begins at {:#x}",
                    file.path.display(),
                    partition.name,
                    partition.offset
                );
                return Err(corrupt(args_path, reason));
            }
            None if file.end() <= table_end => {}
            None => {
                let reason = format!("`{}` at {place:#x} lies in no partition", file.path.display());
                return Err(corrupt(args_path, reason));
            }
        }
    }
    Ok(partitions)
}

/// Headers of the boot loader and the application, which must be for this chip.
fn images(chip: &ChipFacts, files: &[FlashFile]) -> Result<Vec<(String, ImageHeader)>, DeployError> {
    let mut images = Vec::new();
    for file in files.iter().filter(|f| f.name != "partition-table" && f.name != MODEL_PARTITION) {
        match ImageHeader::read(&file.bytes) {
            Some(header) if header.chip_id == chip.image_id => images.push((file.name.clone(), header)),
            Some(header) => {
                let other = super::chip::CHIPS.iter().find(|c| c.image_id == header.chip_id);
                let other =
                    other.map_or_else(|| format!("chip number {}", header.chip_id), |c| c.name.to_owned());
                return Err(corrupt(
                    &file.path,
                    format!("it was built for {other}, and the project is for {}", chip.name),
                ));
            }
            None if is_program(file, chip) => {
                return Err(corrupt(&file.path, "it is no program image of ESP-IDF".to_owned()));
            }
            None => {}
        }
    }
    if !files.iter().any(|f| f.offset == chip.boot_offset) {
        return Err(DeployError::request(
            format!(
                "the build names no boot loader at {:#x}, where an {} starts",
                chip.boot_offset, chip.name
            ),
            "build the project anew",
        ));
    }
    Ok(images)
}

fn is_program(file: &FlashFile, chip: &ChipFacts) -> bool {
    file.offset == chip.boot_offset || file.name == "factory"
}

/// Whether the firmware needs external RAM, and whether it was built with it.
fn check_psram(
    project: &Project,
    chip: &ChipFacts,
    build: &Path,
    description: &Description,
    description_path: &Path,
) -> Result<bool, DeployError> {
    chip.needs_psram(project.arena_bytes).map_err(|reason| {
        DeployError::request(reason, "take a smaller input, a narrower network, or a chip with PSRAM")
    })?;
    // What was chosen counts, not what the activations are estimated to need.
    if !project.psram || chip.psram == Psram::None {
        return Ok(project.psram);
    }
    let name = description.config_file.as_deref().unwrap_or("../sdkconfig");
    let path = inside(&project.folder, build, name, description_path)?;
    let text = read_limited(&path, MAX_TEXT_BYTES)?;
    if String::from_utf8_lossy(&text).lines().any(|line| line.trim() == "CONFIG_SPIRAM=y") {
        return Ok(true);
    }
    Err(DeployError::Corrupt {
        path,
        reason: "the firmware is made for external RAM, and CONFIG_SPIRAM is not set".to_owned(),
        help: "remove `sdkconfig` and build anew, or set CONFIG_SPIRAM in `idf.py menuconfig`".to_owned(),
    })
}
