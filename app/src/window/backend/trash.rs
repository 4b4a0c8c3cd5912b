//! Where deleted runs wait for a change of mind.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use octet_engine::run::{is_file_of_run, replace_file};

use super::engine::{RUNS, SCORES};
use super::runs::LABEL;
use crate::tr;

/// Folder inside the data folder.
const FOLDER: &str = "trash";
/// A start of the program empties the trash of what has lain there longer. Another window may still want the rest.
const STAYS: Duration = Duration::from_hours(24);
/// What is added to a name in the trash for the file beside it that tells where the run came from.
const ORIGIN: &str = ".from";

/// Moves a run folder to the trash; returns where it is now.
pub(super) fn delete(run: &Path, data: &Path) -> Result<PathBuf, String> {
    let failed = |e: std::io::Error| format!("{e}: {}", run.display());
    let metadata = fs::symlink_metadata(run).map_err(failed)?;
    if metadata.is_symlink() {
        return Err(tr!("it is a link to a run; remove the link yourself: %{path}", path = run.display())
            .into_owned());
    }
    if !metadata.is_dir() || !run.join("report.json").is_file() {
        return Err(tr!("it is no run folder: %{path}", path = run.display()).into_owned());
    }
    let is_ours = [RUNS, SCORES].iter().any(|kind| run.parent() == Some(&data.join(kind)));
    for entry in fs::read_dir(run).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !is_ours && name != LABEL && !is_file_of_run(&name) {
            return Err(tr!(
                "`%{name}` lies in the folder and is not Octet's; move it elsewhere, or delete the folder yourself: %{path}",
                name = name.to_string_lossy(),
                path = run.display()
            )
            .into_owned());
        }
    }
    let trash = data.join(FOLDER);
    fs::create_dir_all(&trash).map_err(failed)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let name = run.file_name().unwrap_or_default().to_string_lossy();
    let place = (0..1000).map(|n| trash.join(format!("{}-{n}-{name}", now))).find(|p| !p.exists());
    let place =
        place.ok_or_else(|| tr!("the trash is full: %{path}", path = trash.display()).into_owned())?;
    relocate(run, &place)?;
    // Without it this session can still undo.
    if let Err(error) = remember_origin(&place, run) {
        tracing::warn!("a later session cannot restore {}: {error}", place.display());
    }
    Ok(place)
}

fn remember_origin(place: &Path, run: &Path) -> std::io::Result<()> {
    let run = std::path::absolute(run)?;
    replace_file(&origin_of(place), &serde_json::to_vec(&run)?)
}

fn origin_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(ORIGIN);
    name.into()
}

/// What lies in the trash and where it came from, the newest last.
pub(super) fn list(data: &Path) -> Vec<(PathBuf, PathBuf)> {
    let entries = fs::read_dir(data.join(FOLDER)).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<(u64, PathBuf, PathBuf)> = entries
        .filter_map(|entry| {
            let place = entry.path();
            let since: u64 = entry.file_name().to_str()?.split('-').next()?.parse().ok()?;
            let run: PathBuf = serde_json::from_slice(&fs::read(origin_of(&place)).ok()?).ok()?;
            place.join("report.json").is_file().then_some((since, place, run))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, place, run)| (place, run)).collect()
}

/// Moves a run folder back; returns where it is now: a name that was taken meanwhile gets a number.
pub(super) fn restore(trash: &Path, run: &Path) -> Result<PathBuf, String> {
    let name = run.file_name().unwrap_or_default().to_string_lossy();
    let numbered = (2..1000).map(|n| run.with_file_name(format!("{name} ({n})")));
    let place = std::iter::once(run.to_owned()).chain(numbered).find(|path| !path.exists());
    let taken = || tr!("something else lies there now: %{path}", path = run.display()).into_owned();
    let place = place.ok_or_else(taken)?;
    relocate(trash, &place)?;
    let _ = fs::remove_file(origin_of(trash));
    Ok(place)
}

/// Empties the trash of what has lain there for a day.
pub(super) fn tidy(data: &Path, now: SystemTime) {
    let entries = fs::read_dir(data.join(FOLDER)).into_iter().flatten().filter_map(Result::ok);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let since = name.split('-').next().and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
        let Some(since) = since.and_then(|since| UNIX_EPOCH.checked_add(since)) else { continue };
        let path = entry.path();
        if now.duration_since(since).is_ok_and(|age| age > STAYS)
            && let Err(error) = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
        {
            tracing::warn!("{} stays in the trash: {error}", entry.path().display());
        }
    }
}

/// Renames a folder, or copies it where it goes to another disk.
fn relocate(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| {
        tr!("%{reason}: %{from} to %{to}", reason = e, from = from.display(), to = to.display()).into_owned()
    };
    match fs::rename(from, to) {
        Err(e) if e.kind() == ErrorKind::CrossesDevices => {
            if let Err(e) = copy(from, to) {
                // The original is whole; a half copy is of no use.
                let _ = fs::remove_dir_all(to);
                return Err(failed(e));
            }
            fs::remove_dir_all(from).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target)?;
        } else {
            let what = tr!("%{path} is neither a file nor a folder", path = path.display()).into_owned();
            return Err(std::io::Error::other(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path) -> PathBuf {
        let run = folder.join("läufe/eins");
        fs::create_dir_all(run.join("strategies/1-int8")).unwrap();
        fs::write(run.join("report.json"), "{}").unwrap();
        fs::write(run.join("strategies/1-int8/x"), "x").unwrap();
        run
    }

    #[test]
    fn a_deleted_run_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let place = delete(&run, folder.path()).unwrap();
        assert!(!run.exists() && place.join("report.json").is_file());
        assert_eq!(restore(&place, &run).unwrap(), run);
        assert_eq!(fs::read_to_string(run.join("strategies/1-int8/x")).unwrap(), "x");
        assert!(!place.exists());
    }

    #[test]
    fn copying_to_another_disk_keeps_everything() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let other = folder.path().join("other");
        copy(&run, &other).unwrap();
        assert_eq!(fs::read_to_string(other.join("strategies/1-int8/x")).unwrap(), "x");
    }

    #[test]
    fn a_folder_with_files_of_somebody_is_never_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        fs::write(run.join("thesis.tex"), "years of work").unwrap();
        assert!(delete(&run, folder.path()).unwrap_err().contains("thesis.tex"));
        assert!(delete(folder.path(), folder.path()).unwrap_err().contains("no run folder"));
        assert!(run.join("thesis.tex").is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_run_is_told_from_what_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let (run, link) = (run(folder.path()), folder.path().join("link"));
        std::os::unix::fs::symlink(&run, &link).unwrap();
        assert!(delete(&link, folder.path()).unwrap_err().contains("is a link to a run"));
        assert!(run.is_dir() && link.exists());
    }

    #[test]
    fn a_run_whose_name_was_taken_comes_back_beside_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = run(folder.path());
        fs::write(path.join("log.txt"), "first").unwrap();
        let place = delete(&path, folder.path()).unwrap();
        run(folder.path());
        let back = restore(&place, &path).unwrap();
        assert_eq!(back, path.with_file_name("eins (2)"));
        assert!(back.join("log.txt").is_file() && path.is_dir() && !path.join("log.txt").exists());
    }

    #[test]
    fn a_later_session_knows_where_a_run_came_from_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = run(folder.path());
        let place = delete(&path, folder.path()).unwrap();
        assert_eq!(list(folder.path()), [(place.clone(), path.clone())]);
        restore(&place, &path).unwrap();
        assert!(list(folder.path()).is_empty());
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn everything_that_a_job_writes_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        for name in ["model.espdl", "model.float.onnx", "model.qdq.onnx", "pipeline.json", LABEL] {
            fs::write(run.join(name), "x").unwrap();
        }
        delete(&run, folder.path()).unwrap();
        assert!(!run.exists());
    }

    #[test]
    fn the_trash_keeps_what_is_young_and_what_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let place = delete(&run(folder.path()), folder.path()).unwrap();
        let foreign = folder.path().join(FOLDER).join("keep me");
        fs::create_dir(&foreign).unwrap();
        let now = SystemTime::now();
        tidy(folder.path(), now + STAYS - Duration::from_secs(60));
        assert!(place.exists());
        tidy(folder.path(), now + STAYS + Duration::from_secs(60));
        assert!(!place.exists() && !origin_of(&place).exists() && foreign.exists());
    }
}
