//! Where a strategy finds the model and leaves files of its own.

use std::path::{Component, Path, PathBuf};

use crate::run;
use crate::strategy::StrategyError;

/// The model file, and a folder inside the run folder that is made when it is first asked for.
#[derive(Debug, Clone)]
pub struct Workplace {
    model: PathBuf,
    folder: PathBuf,
    made: bool,
}

impl Workplace {
    /// The workplace of the strategy `id` at `place` of the chain: `RUN/strategies/PLACE-ID`.
    pub fn new(model: &Path, run: &Path, place: usize, id: &str) -> Self {
        let last = id.rsplit('.').next().unwrap_or(id);
        let folder = run.join("strategies").join(format!("{}-{last}", place + 1));
        Workplace { model: model.to_path_buf(), folder, made: false }
    }

    /// Whether the strategy asked for its folder.
    pub(super) fn is_used(&self) -> bool {
        self.made
    }

    pub(super) fn model_file(&self) -> Result<PathBuf, StrategyError> {
        absolute(&self.model)
    }

    /// The folder, which is emptied of what an earlier run left when it is first asked for.
    pub(super) fn folder(&mut self) -> Result<PathBuf, StrategyError> {
        if !self.made {
            let failed = |e: std::io::Error| {
                StrategyError::Failed(format!(
                    "cannot prepare `{}`: {e}; choose another folder with --out",
                    self.folder.display()
                ))
            };
            match std::fs::remove_dir_all(&self.folder) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
                _ => std::fs::create_dir_all(&self.folder).map_err(failed)?,
            }
            self.made = true;
        }
        absolute(&self.folder)
    }

    /// Writes a file into the folder.
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), StrategyError> {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name) {
            return Err(StrategyError::Invalid(format!("`{name}` is not a file name without folders")));
        }
        let folder = self.folder()?;
        run::write_file(&folder, name, bytes).map_err(|e| StrategyError::Failed(e.to_string()))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, StrategyError> {
    std::path::absolute(path).map_err(|e| StrategyError::Failed(format!("`{}`: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_inside_the_folder() {
        let run = tempfile::tempdir().unwrap();
        let mut workplace = Workplace::new(Path::new("m.onnx"), run.path(), 0, "dev.octet.qat-hook");
        for outside in ["", ".", "..", "../a", "a/b", "/tmp/a", "a/"] {
            assert!(workplace.write(outside, b"x").is_err(), "{outside}");
        }
        workplace.write("a.onnx", b"x").unwrap();
        assert_eq!(std::fs::read(run.path().join("strategies/1-qat-hook/a.onnx")).unwrap(), b"x");
    }

    #[test]
    fn the_folder_is_empty_when_it_is_first_asked_for_and_not_later() {
        let run = tempfile::tempdir().unwrap();
        let fresh = || Workplace::new(Path::new("m.onnx"), run.path(), 2, "int8");
        fresh().write("old", b"x").unwrap();
        let mut workplace = fresh();
        let folder = workplace.folder().unwrap();
        assert!(folder.ends_with("strategies/3-int8") && !folder.join("old").exists());
        workplace.write("new", b"x").unwrap();
        assert!(workplace.folder().unwrap().join("new").exists());
    }
}
