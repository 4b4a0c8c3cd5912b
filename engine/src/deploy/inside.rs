//! Paths that files of a build name: they must lie in the project, links followed.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::error::DeployError;

/// Largest model that any of the chips' flash holds.
pub(super) const MAX_MODEL_BYTES: u64 = 64 << 20;

/// The file `name`, which is relative to `folder` (or absolute), if it lies below `project`.
///
/// # Errors
/// It does not exist or lies elsewhere; `by` is the file that names it.
pub(super) fn inside(project: &Path, folder: &Path, name: &str, by: &Path) -> Result<PathBuf, DeployError> {
    let corrupt = |reason: String| DeployError::Corrupt {
        path: by.to_owned(),
        reason,
        help: "build the project anew; files outside of the project are never flashed".to_owned(),
    };
    let path = Path::new(name);
    if name.is_empty() || path.components().any(|c| matches!(c, Component::Prefix(_))) && !path.is_absolute()
    {
        return Err(corrupt(format!("{name:?} is no file")));
    }
    let project = project.canonicalize().map_err(DeployError::file(project))?;
    let joined = folder.join(path);
    // Without the file nothing can be said about links, but the way there must not lead out either.
    let real = match joined.canonicalize() {
        Ok(real) => real,
        Err(error) => {
            let plain = lexical(&joined);
            let outside = !plain.starts_with(&project) && !plain.starts_with(lexical(&project));
            let reason = if outside {
                format!("it names `{name}`, which leaves the project")
            } else {
                format!("it names `{name}`, which cannot be read: {error}")
            };
            return Err(corrupt(reason));
        }
    };
    if !real.starts_with(&project) {
        return Err(corrupt(format!("it names `{name}`, which leaves the project")));
    }
    if !real.is_file() {
        return Err(corrupt(format!("it names `{name}`, which is no file")));
    }
    Ok(real)
}

/// The path without `.` and `..`.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The file's bytes, at most `limit` of them.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, DeployError> {
    // Opening a pipe would wait for somebody who writes.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(DeployError::Corrupt {
            path: path.to_owned(),
            reason: "it is no file".to_owned(),
            help: "look what lies there, or make it anew".to_owned(),
        });
    }
    let file = File::open(path).map_err(DeployError::file(path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DeployError::file(path))?;
    if bytes.len() as u64 > limit {
        return Err(DeployError::Corrupt {
            path: path.to_owned(),
            reason: format!("it has more than {} KiB, which is too much for such a file", limit >> 10),
            help: "look whether it is the right file, or make it anew".to_owned(),
        });
    }
    Ok(bytes)
}

/// A new file in the place of an old one. A link that lies there is replaced, not followed: run folders come from others.
pub(super) fn fresh_file(path: &Path) -> Result<File, DeployError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
    .map_err(DeployError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_project_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        let build = project.join("build");
        std::fs::create_dir_all(&build).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::write(build.join("app.bin"), "x").unwrap();
        std::fs::write(project.join("model.espdl"), "x").unwrap();
        let by = build.join("flasher_args.json");
        let find = |name: &str| inside(&project, &build, name, &by);
        assert!(find("app.bin").is_ok() && find("../model.espdl").is_ok() && find("./app.bin").is_ok());
        for name in ["../../secret", "/etc/passwd", "../../none", "", "..", "../../project/../secret"] {
            let error = find(name).unwrap_err();
            assert!(error.to_string().contains("flasher_args.json"), "{name}: {error}");
        }
        assert!(find("../../none").unwrap_err().to_string().contains("leaves the project"));
        assert!(find("none.bin").unwrap_err().to_string().contains("cannot be read"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("secret"), build.join("link.bin")).unwrap();
            assert!(find("link.bin").unwrap_err().to_string().contains("leaves the project"));
        }
    }
    #[test]
    #[cfg(unix)]
    fn a_fresh_file_replaces_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, link) = (folder.path().join("mine"), folder.path().join("console.log"));
        std::fs::write(&mine, "mine").unwrap();
        std::os::unix::fs::symlink(&mine, &link).unwrap();
        std::io::Write::write_all(&mut fresh_file(&link).unwrap(), b"a").unwrap();
        fresh_file(&link).unwrap();
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "");
    }
}
