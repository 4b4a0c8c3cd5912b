//! Writing a project's files beside those of the user.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::error::DeployError;
use super::event::Reporter;
use super::inside::{MAX_MODEL_BYTES, read_limited};
use super::origin::Origins;
use super::project::{PROJECT_FILE, Project};
use crate::run;
use crate::strategy::LogLevel;

/// Writes what is new and leaves what the user changed. However it ends, the record tells Octet's files from the user's.
pub(super) fn write_all(
    project: &mut Project,
    files: &[(String, Vec<u8>)],
    origins: &Origins,
    reporter: &mut Reporter<'_>,
) -> Result<(), DeployError> {
    let folder = project.folder.clone();
    let was_empty = !folder.join(PROJECT_FILE).is_file();
    let before = written_before(project, files, reporter)?;
    // What lies beside Octet's files in somebody else's project stays, so it stays somebody else's.
    project.is_own = was_empty || origins.knows(&folder);
    if !project.is_own {
        let message = format!(
            "`{}` was not written by this Octet and may hold more than Octet's files: building it needs your yes",
            folder.display()
        );
        reporter.log(LogLevel::Warning, message);
    }
    reporter.check()?;
    project.files.clone_from(&before);
    project.unfinished = files.iter().map(|(path, bytes)| (path.clone(), crc32fast::hash(bytes))).collect();
    write_record(project, origins, reporter)?;
    for (index, (path, bytes)) in files.iter().enumerate() {
        reporter.check()?;
        let whole = folder.join(path);
        let crc = crc32fast::hash(bytes);
        let on_disk = crc_of(&whole);
        let is_the_users = match (on_disk, before.get(path)) {
            (OnDisk::File(now), Some(written)) => now != *written && now != crc,
            (OnDisk::File(now), None) => now != crc,
            (OnDisk::Other, _) => true,
            // Written anew, as what is not there.
            (OnDisk::Nothing | OnDisk::Unreadable, _) => false,
        };
        if is_the_users && was_empty {
            project.is_own = false;
            origins.forget(&folder, reporter);
            return Err(DeployError::request(
                format!("`{}` was written by somebody else while the project was made", whole.display()),
                "choose an empty folder with `--out`",
            ));
        }
        if is_the_users {
            // Its record stays what Octet wrote last, so that it is the user's next time too.
            project.files.entry(path.clone()).or_insert(crc);
            reporter.log(LogLevel::Info, format!("`{path}` was changed by you and stays as it is"));
            continue;
        }
        if on_disk != OnDisk::File(crc) {
            let parent = whole.parent().unwrap_or(&folder);
            stays_inside(&folder, parent)?;
            if path.starts_with("sdkconfig") || path == "octet.cmake" {
                set_settings_aside(&folder, reporter)?;
            }
            let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
            run::write_file(parent, &name, bytes)?;
        }
        project.files.insert(path.clone(), crc);
        reporter.progress((index + 1) as f32 / files.len() as f32, path.clone());
    }
    if project.is_own {
        remove_dropped(project, &before)?;
    }
    project.files.retain(|path, _| project.unfinished.contains_key(path));
    project.unfinished.clear();
    write_record(project, origins, reporter)?;
    if !project.is_own {
        origins.forget(&folder, reporter);
    }
    Ok(())
}

/// The note comes first: a record without one would be somebody else's.
fn write_record(
    project: &Project,
    origins: &Origins,
    reporter: &mut Reporter<'_>,
) -> Result<(), DeployError> {
    let record = project.record()?;
    if project.is_own {
        // Only a folder that is there has a real place.
        std::fs::create_dir_all(&project.folder).map_err(DeployError::file(&project.folder))?;
        origins.note_next(&project.folder, &record, reporter);
    }
    Ok(run::write_file(&project.folder, PROJECT_FILE, &record)?)
}

/// A link that came with a run may not choose where its project is written: nobody asked for another place.
pub(super) fn lies_in_run(project: &Project) -> Result<(), DeployError> {
    let folder = &project.folder;
    if folder.symlink_metadata().is_err() {
        return Ok(());
    }
    let run = project.run.canonicalize().map_err(DeployError::file(&project.run))?;
    if folder.canonicalize().is_ok_and(|real| real.starts_with(run)) {
        return Ok(());
    }
    Err(DeployError::request(
        format!("`{}` is a link that leads out of the run", folder.display()),
        "remove the link, or name the folder with `--out`",
    ))
}

/// Moves a project beside its place, so that nothing of it is lost and nothing of it is built.
pub(super) fn move_aside(folder: &Path, reporter: &mut Reporter<'_>) -> Result<(), DeployError> {
    // Any other folder is no project, and is left alone by what follows too.
    if !folder.join(PROJECT_FILE).is_file() {
        return Ok(());
    }
    let Some(name) = folder.file_name() else {
        // The current folder would take its name along, and be written to beside its place.
        return Err(DeployError::request(
            format!("`{}` cannot be moved aside: its name is not known", folder.display()),
            "name the folder itself with `--out`, from another folder",
        ));
    };
    let mut beside = (1_u32..).map(|number| {
        let mut aside = name.to_owned();
        aside.push(format!(".aside-{number}"));
        folder.with_file_name(aside)
    });
    let Some(aside) = beside.find(|path| path.symlink_metadata().is_err()) else { return Ok(()) };
    std::fs::rename(folder, &aside).map_err(DeployError::file(folder))?;
    let message = format!("what was in `{}` is now in `{}`", folder.display(), aside.display());
    reporter.log(LogLevel::Info, message);
    Ok(())
}

/// CRC32 of each file as Octet wrote it last, also where it did not come to its end.
fn written_before(
    project: &Project,
    files: &[(String, Vec<u8>)],
    reporter: &mut Reporter<'_>,
) -> Result<BTreeMap<String, u32>, DeployError> {
    let folder = &project.folder;
    if !folder.join(PROJECT_FILE).is_file() {
        // What cannot be listed may hold anything, and is not taken for empty.
        let is_empty = match std::fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(DeployError::file(folder)(error)),
        };
        if !is_empty {
            return Err(DeployError::request(
                format!("`{}` holds files that are not Octet's", folder.display()),
                "choose an empty folder with `--out`, or move what is in this one elsewhere",
            ));
        }
        return Ok(BTreeMap::new());
    }
    let record = match Project::read(folder, &project.run) {
        Ok(record) => record,
        Err(error @ DeployError::Corrupt { .. }) => {
            let message = format!(
                "{error}; it is made anew, and files that differ from this run's stay: remove those that you did not \
                 change and write the project once more"
            );
            reporter.log(LogLevel::Warning, message);
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(error),
    };
    let mut before = record.files;
    for (path, _) in files {
        if let Some(&crc) = record.unfinished.get(path)
            && crc_of(&folder.join(path)) == OnDisk::File(crc)
        {
            before.insert(path.clone(), crc);
        }
    }
    Ok(before)
}

/// What lies where a file belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDisk {
    Nothing,
    /// A file, with its CRC32.
    File(u32),
    /// A link, a pipe, or more than any file of a project.
    Other,
    /// A file that cannot be read.
    Unreadable,
}

/// Nothing is followed or read without end: the project may be somebody else's.
fn crc_of(file: &Path) -> OnDisk {
    match file.symlink_metadata() {
        Err(_) => OnDisk::Nothing,
        // Writing the file will say that it is in the way.
        Ok(metadata) if metadata.is_dir() => OnDisk::Nothing,
        Ok(metadata) if !metadata.is_file() || metadata.len() > MAX_MODEL_BYTES => OnDisk::Other,
        Ok(_) => read_limited(file, MAX_MODEL_BYTES)
            .map_or(OnDisk::Unreadable, |bytes| OnDisk::File(crc32fast::hash(&bytes))),
    }
}

/// Removes what Octet wrote before and writes no more, as it was written: a later project would take it for the user's.
fn remove_dropped(project: &Project, before: &BTreeMap<String, u32>) -> Result<(), DeployError> {
    for (path, crc) in before.iter().filter(|(path, _)| !project.unfinished.contains_key(*path)) {
        let whole = project.folder.join(path);
        let stays = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
        if stays && crc_of(&whole) == OnDisk::File(*crc) {
            stays_inside(&project.folder, whole.parent().unwrap_or(&project.folder))?;
            std::fs::remove_file(&whole).map_err(DeployError::file(&whole))?;
        }
    }
    Ok(())
}

/// ESP-IDF reads the defaults only where there is no `sdkconfig`. It goes before they change: if writing them ends on the
/// way, nothing tells later that they were changed.
fn set_settings_aside(folder: &Path, reporter: &mut Reporter<'_>) -> Result<(), DeployError> {
    if !folder.join("sdkconfig").is_file() {
        return Ok(());
    }
    let old = folder.join("sdkconfig.old");
    std::fs::rename(folder.join("sdkconfig"), &old).map_err(DeployError::file(&old))?;
    let message = "settings changed: `sdkconfig` is made anew, the one before is `sdkconfig.old`";
    reporter.log(LogLevel::Info, message);
    Ok(())
}

/// A link in the project of somebody else's run may not lead what is written to other places.
fn stays_inside(folder: &Path, parent: &Path) -> Result<(), DeployError> {
    std::fs::create_dir_all(folder).map_err(DeployError::file(folder))?;
    let root = folder.canonicalize().map_err(DeployError::file(folder))?;
    let mut nearest = parent;
    while !nearest.exists() && nearest.symlink_metadata().is_err() {
        nearest = nearest.parent().unwrap_or(folder);
    }
    let real = nearest.canonicalize().map_err(DeployError::file(nearest))?;
    if real.starts_with(&root) {
        return Ok(());
    }
    Err(DeployError::request(
        format!("`{}` leads out of the project", nearest.display()),
        "remove the link, or choose an empty folder with `--out`",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::super::generate::Flavour;
    use super::*;
    use crate::job::Cancel;

    fn project(folder: &Path) -> Project {
        Project {
            schema: Project::schema(),
            name: "octet_test".to_owned(),
            target: "esp32c3".to_owned(),
            flavour: Flavour::Octet,
            model_bytes: 0,
            model_crc32: 0,
            model_in_partition: true,
            arena_bytes: 0,
            psram: false,
            flash_mib: 4,
            pictures: Vec::new(),
            files: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            folder: folder.join("firmware"),
            run: folder.to_owned(),
            is_own: false,
        }
    }

    /// Writes files with this text; `cancelled` ends it after the first one. What was logged is handed back.
    fn written(folder: &Path, text: &str, cancelled: bool) -> (Result<(), DeployError>, Vec<String>) {
        let names = ["a.c", "sdkconfig.octet", "model.espdl"];
        let files: Vec<(String, Vec<u8>)> =
            names.map(|name| (name.to_owned(), format!("{text} {name}").into_bytes())).into();
        let (cancel, mut told) = (Cancel::default(), Vec::new());
        let token = cancel.clone();
        let result = {
            let mut reporter = Reporter::new(cancel, |event| match event {
                Event::Log { message, .. } => told.push(message),
                Event::Progress { .. } if cancelled => token.cancel(),
                _ => {}
            });
            let origins = Origins::in_folder(&folder.join("data"));
            write_all(&mut project(folder), &files, &origins, &mut reporter)
        };
        (result, told)
    }

    #[test]
    fn a_generation_that_was_cancelled_is_taken_up_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let of_project = |name: &str| folder.path().join("firmware").join(name);
        let text = |name: &str| std::fs::read_to_string(of_project(name)).unwrap();
        assert!(written(folder.path(), "first", true).0.unwrap_err().is_cancelled());
        let part = Project::read(&of_project(""), folder.path()).unwrap();
        assert!(part.check_whole().unwrap_err().to_string().contains("only in part"));
        let (ended, told) = written(folder.path(), "second", false);
        assert!(ended.is_ok() && told.is_empty(), "{ended:?} {told:?}");
        assert_eq!(text("a.c"), "second a.c");
        // Two that ended on the way, one after the other, and settings that were made before them.
        std::fs::write(of_project("sdkconfig"), "made").unwrap();
        assert!(written(folder.path(), "third", true).0.unwrap_err().is_cancelled());
        assert!(written(folder.path(), "fourth", true).0.unwrap_err().is_cancelled());
        let (ended, told) = written(folder.path(), "fifth", false);
        assert!(ended.is_ok() && told.len() == 1 && told[0].contains("sdkconfig.old"), "{ended:?} {told:?}");
        assert_eq!(
            (text("a.c"), text("model.espdl")),
            ("fifth a.c".to_owned(), "fifth model.espdl".to_owned())
        );
        assert!(Project::read(&of_project(""), folder.path()).unwrap().check_whole().is_ok());
    }

    #[test]
    fn what_a_project_no_longer_has_is_removed_unless_the_user_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let firmware = folder.path().join("firmware");
        let origins = Origins::in_folder(&folder.path().join("data"));
        let mut reporter = Reporter::new(Cancel::default(), |_| {});
        let mut write = |names: &[&str], text: &str| {
            let files: Vec<(String, Vec<u8>)> =
                names.iter().map(|name| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
            write_all(&mut project(folder.path()), &files, &origins, &mut reporter).unwrap();
        };
        write(&["main/a.rgb", "main/b.rgb", "c.c"], "first");
        std::fs::write(firmware.join("main/b.rgb"), "mine").unwrap();
        write(&["c.c"], "second");
        assert!(!firmware.join("main/a.rgb").exists());
        assert_eq!(std::fs::read_to_string(firmware.join("main/b.rgb")).unwrap(), "mine");
        write(&["main/a.rgb", "c.c"], "third");
        assert_eq!(std::fs::read_to_string(firmware.join("main/a.rgb")).unwrap(), "third");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_is_neither_followed_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(written(folder.path(), "first", false).0.is_ok());
        let place = folder.path().join("firmware/a.c");
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &place).unwrap();
        let (ended, told) = written(folder.path(), "second", false);
        assert!(ended.is_ok() && told.iter().any(|t| t.contains("`a.c` was changed by you")), "{told:?}");
        assert!(place.is_symlink());
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_cannot_be_listed_is_not_taken_for_empty() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let firmware = folder.path().join("firmware");
        std::fs::create_dir(&firmware).unwrap();
        std::fs::write(firmware.join("CMakeLists.txt"), "harm").unwrap();
        let allow = |mode| {
            std::fs::set_permissions(&firmware, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(0o311);
        let ended = written(folder.path(), "first", false).0;
        allow(0o755);
        // An administrator can list it, and sees that it is not empty.
        assert!(ended.is_err());
        assert!(!firmware.join(PROJECT_FILE).exists());
    }

    #[test]
    fn settings_are_made_anew_when_writing_ends_behind_their_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let sdkconfig = folder.path().join("firmware/sdkconfig");
        assert!(written(folder.path(), "first", false).0.is_ok());
        std::fs::write(&sdkconfig, "made").unwrap();
        // A folder where the last file belongs cannot be replaced.
        std::fs::remove_file(folder.path().join("firmware/model.espdl")).unwrap();
        std::fs::create_dir_all(folder.path().join("firmware/model.espdl/in the way")).unwrap();
        assert!(written(folder.path(), "second", false).0.is_err());
        assert!(!sdkconfig.exists());
    }

    #[test]
    fn a_damaged_record_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        assert!(written(folder.path(), "first", false).0.is_ok());
        std::fs::write(folder.path().join("firmware").join(PROJECT_FILE), "{").unwrap();
        let (ended, told) = written(folder.path(), "first", false);
        assert!(ended.is_ok() && told.len() == 2 && told[0].contains("made anew"), "{ended:?} {told:?}");
        let (ended, told) = written(folder.path(), "second", false);
        assert!(ended.is_ok() && told.len() == 1, "{ended:?} {told:?}");
        // Nobody can tell any more who wrote it.
        assert!(told[0].contains("not written by this Octet"), "{told:?}");
    }

    #[test]
    fn somebody_elses_project_stays_theirs_until_it_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (firmware, aside) = (folder.path().join("firmware"), folder.path().join("firmware.aside-2"));
        let origins = Origins::in_folder(&folder.path().join("data"));
        let theirs = Origins::in_folder(&folder.path().join("their data"));
        let mut reporter = Reporter::new(Cancel::default(), |_| {});
        let files = [("a.c".to_owned(), b"a".to_vec())];
        write_all(&mut project(folder.path()), &files, &theirs, &mut reporter).unwrap();
        std::fs::write(firmware.join("CMakeLists.txt"), "harm").unwrap();
        write_all(&mut project(folder.path()), &files, &origins, &mut reporter).unwrap();
        assert!(!origins.knows(&firmware));
        std::fs::create_dir(folder.path().join("firmware.aside-1")).unwrap();
        move_aside(&firmware, &mut reporter).unwrap();
        write_all(&mut project(folder.path()), &files, &origins, &mut reporter).unwrap();
        assert!(origins.knows(&firmware) && !firmware.join("CMakeLists.txt").exists());
        assert_eq!(std::fs::read_to_string(aside.join("CMakeLists.txt")).unwrap(), "harm");
        // A folder that is no project is not moved.
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("mine"), "").unwrap();
        move_aside(&other, &mut reporter).unwrap();
        assert!(other.join("mine").is_file());
    }

    #[test]
    fn a_project_without_a_name_is_not_left_where_it_is_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        assert!(written(folder.path(), "first", false).0.is_ok());
        let inside = folder.path().join("firmware/main");
        std::fs::create_dir_all(&inside).unwrap();
        let mut reporter = Reporter::new(Cancel::default(), |_| {});
        let error = move_aside(&inside.join(".."), &mut reporter).unwrap_err();
        assert!(error.to_string().contains("cannot be moved aside"), "{error}");
        assert!(folder.path().join("firmware").join(PROJECT_FILE).is_file());
    }

    #[test]
    fn where_no_note_can_be_kept_the_steps_that_follow_know_the_project() {
        let folder = tempfile::tempdir().unwrap();
        // A file where the data folder belongs.
        std::fs::write(folder.path().join("data"), "").unwrap();
        let origins = Origins::in_folder(&folder.path().join("data"));
        let mut reporter = Reporter::new(Cancel::default(), |_| {});
        let files = [("a.c".to_owned(), b"a".to_vec())];
        let mut made = project(folder.path());
        write_all(&mut made, &files, &origins, &mut reporter).unwrap();
        assert!(made.is_own && !origins.knows(&made.folder));
        // Another program cannot know it, and this one asks the next time.
        assert!(!Project::read(&made.folder, folder.path()).unwrap().is_own);
        let mut again = project(folder.path());
        write_all(&mut again, &files, &origins, &mut reporter).unwrap();
        assert!(!again.is_own);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_does_not_lead_the_project_out_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let (run, elsewhere) = (folder.path().join("run"), folder.path().join("elsewhere"));
        let link = run.join("firmware");
        std::fs::create_dir_all(run.join("inside")).unwrap();
        let checked = || lies_in_run(&project(&run));
        assert!(checked().is_ok(), "there is none yet");
        let led_to = |target: &str| {
            std::os::unix::fs::symlink(target, &link).unwrap();
            let result = checked();
            std::fs::remove_file(&link).unwrap();
            result
        };
        assert!(led_to("../elsewhere").is_err(), "nothing is there yet");
        std::fs::create_dir_all(&elsewhere).unwrap();
        let error = led_to("../elsewhere").unwrap_err();
        assert!(error.to_string().contains("leads out of the run"), "{error}");
        assert!(led_to("inside").is_ok());
        std::fs::create_dir_all(&link).unwrap();
        assert!(checked().is_ok());
    }
}
