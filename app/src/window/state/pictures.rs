//! The folders of pictures, how they become tensors, and what was found out about them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use octet_engine::pictures::{Entry, InputFormat, InputPreview, Listing, Preprocessing, Rgb, Survey};

use super::Problem;

/// Thumbnails of a set at most; a larger set is sampled evenly.
pub const MAX_THUMBNAILS: usize = 60;

/// A folder that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PictureFolder {
    /// Where.
    pub path: PathBuf,
    /// Pictures that a job will use.
    pub pictures: usize,
    /// Other files.
    pub others: usize,
    /// Classes that its pictures belong to.
    pub classes: usize,
    /// Pictures by class, in the order of the indices.
    pub balance: Arc<Vec<ClassShare>>,
    /// The pictures themselves.
    pub listing: Arc<Listing>,
}

/// The pictures of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassShare {
    /// Index.
    pub class: usize,
    /// Its name, or its index where it has none.
    pub name: String,
    /// Its pictures.
    pub pictures: usize,
}

impl PictureFolder {
    /// What a listing holds. `others` counts the files that are not in it.
    pub fn new(path: PathBuf, listing: Listing, others: usize) -> Self {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for class in listing.entries.iter().filter_map(|e| e.class) {
            *counts.entry(class).or_default() += 1;
        }
        let name = |class: usize| listing.class_names.get(&class).cloned();
        let balance: Vec<ClassShare> = counts
            .into_iter()
            .map(|(class, pictures)| ClassShare {
                class,
                name: name(class).unwrap_or_else(|| class.to_string()),
                pictures,
            })
            .collect();
        Self {
            path,
            pictures: listing.entries.len(),
            others,
            classes: balance.len(),
            balance: Arc::new(balance),
            listing: Arc::new(listing),
        }
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// A folder that is being looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The question's number.
    pub ticket: u64,
    /// The folder.
    pub path: PathBuf,
    /// For the evaluation.
    pub evaluation: bool,
    /// CSV of the classes.
    pub labels: Option<PathBuf>,
    /// What it holds, until folders that were asked for earlier are there.
    pub answer: Option<Result<PictureFolder, Problem>>,
}

/// Long work on a thread, as the window follows it. Two are equal when they are the same work.
#[derive(Debug, Clone, Default)]
pub struct Work {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    /// How much there is to do.
    pub total: usize,
}

impl Work {
    /// For so much work.
    pub fn new(total: usize) -> Self {
        Self { total, ..Self::default() }
    }
    /// Asks the thread to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
    /// Raised to stop the thread.
    pub fn flag(&self) -> &AtomicBool {
        &self.stop
    }
    /// The thread tells how far it is.
    pub fn reached(&self, done: usize) {
        self.done.fetch_max(done, Ordering::Relaxed);
    }
    /// How far it is.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stop, &other.stop)
    }
}

/// A small picture, or the way to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Thumbnail {
    /// A thread decodes it.
    Loading,
    /// Here it is.
    Ready(Arc<Rgb>),
    /// It cannot be decoded.
    Failed(String),
}

/// What the check of the calibration pictures found.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Check {
    /// There is nothing to check, or no model to check for.
    #[default]
    None,
    /// At work.
    Running(Work),
    /// Finished.
    Done(Arc<Survey>),
    /// The user stopped it.
    Cancelled,
}

/// What a check or a preview was made of; another key makes it stale.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckKey {
    /// The folders, as they were listed.
    pub folders: Vec<(PathBuf, usize)>,
    /// The pictures that are not used.
    pub leave_out: Arc<BTreeSet<PathBuf>>,
    /// How pictures become tensors.
    pub preprocessing: Preprocessing,
    /// Classes of the network.
    pub classes: usize,
}

/// What a preview shows.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewKey {
    /// The picture.
    pub file: PathBuf,
    /// How it becomes a tensor.
    pub preprocessing: Preprocessing,
    /// The integers' format.
    pub format: InputFormat,
}

/// The preview of the network's input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preview {
    /// The picture that the user chose; without one the first is shown.
    pub chosen: Option<PathBuf>,
    /// A thread works on it.
    pub asked: Option<PreviewKey>,
    /// The last one, with what it was made of. It stays until the next one is there.
    pub shown: Option<(PreviewKey, Result<Arc<InputPreview>, String>)>,
}

/// Calibration and evaluation pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pictures {
    /// For calibration, in the order in which they were added.
    pub folders: Vec<PictureFolder>,
    /// For the evaluation.
    pub evaluation: Option<PictureFolder>,
    /// CSV of the evaluation pictures' classes.
    pub labels: Option<PathBuf>,
    /// Pre-processing that differs from the model's own, as typed: `mean`, `std`, `resize`, `crop`, `bgr`, `grey`.
    pub preprocessing: BTreeMap<String, String>,
    /// Calibration pictures that are not used.
    pub leave_out: Arc<BTreeSet<PathBuf>>,
    /// Folders being looked at, in the order in which they were asked for.
    pub asked: Vec<Asked>,
    next_ticket: u64,
    /// Small pictures by file.
    pub thumbnails: BTreeMap<PathBuf, Thumbnail>,
    /// What the check of the calibration pictures found.
    pub check: Check,
    /// What that check is about.
    pub checked: Option<CheckKey>,
    /// What the network receives.
    pub preview: Preview,
}

impl Pictures {
    /// Takes note that a folder is looked at, and gives the question's number. A question about the evaluation makes
    /// earlier ones obsolete.
    pub fn ask(&mut self, path: PathBuf, evaluation: bool, labels: Option<PathBuf>) -> u64 {
        if evaluation {
            self.asked.retain(|a| !a.evaluation);
        }
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.asked.push(Asked { ticket, path, evaluation, labels, answer: None });
        ticket
    }

    /// Takes an answer, unless it is obsolete. Gives what is due: folders to calibrate with come in the order in which
    /// they were asked for.
    pub fn answered(
        &mut self,
        ticket: u64,
        result: Result<PictureFolder, Problem>,
    ) -> Vec<(Asked, Result<PictureFolder, Problem>)> {
        if let Some(asked) = self.asked.iter_mut().find(|a| a.ticket == ticket) {
            asked.answer = Some(result);
        }
        let mut due = Vec::new();
        let mut waits = false;
        for mut asked in std::mem::take(&mut self.asked) {
            match asked.answer.take() {
                Some(answer) if asked.evaluation || !waits => due.push((asked, answer)),
                answer => {
                    waits |= !asked.evaluation;
                    self.asked.push(Asked { answer, ..asked });
                }
            }
        }
        due
    }

    /// The folder of evaluation pictures and the table of labels, as they will be when all is read.
    pub fn evaluation_to_be(&self) -> (Option<PathBuf>, Option<PathBuf>) {
        match self.asked.iter().find(|a| a.evaluation) {
            Some(asked) => (Some(asked.path.clone()), asked.labels.clone()),
            None => (self.evaluation.as_ref().map(|f| f.path.clone()), self.labels.clone()),
        }
    }

    /// Does without the pictures of these names. False where there are none of them.
    pub fn leave_out(&mut self, names: &[String]) -> bool {
        let new = named(&self.folders, names.iter().map(String::as_str));
        if new.is_empty() {
            return false;
        }
        Arc::make_mut(&mut self.leave_out).extend(new);
        true
    }

    /// The pictures left out that lie in the folders; those of a folder that is away wait for it.
    pub fn left_out_here(&self) -> impl Iterator<Item = &PathBuf> {
        self.leave_out.iter().filter(|path| self.folders.iter().any(|f| path.starts_with(&f.path)))
    }

    /// Calibration pictures in all folders.
    pub fn listed(&self) -> usize {
        self.folders.iter().map(|f| f.pictures).sum()
    }

    /// The same without those left out, and without those that cannot be read, as far as the check knows them.
    pub fn total(&self) -> usize {
        let broken = match &self.check {
            Check::Done(survey) => survey.skipped.len(),
            _ => 0,
        };
        self.listed().saturating_sub(self.left_out_here().count() + broken)
    }

    /// The pictures left out that lie in the folders, as a job is told of them.
    pub fn left_out(&self) -> Vec<String> {
        if self.leave_out.is_empty() {
            return Vec::new();
        }
        let all = self.folders.iter().flat_map(|f| &f.listing.entries).map(|e| &e.path);
        let gone: BTreeSet<&PathBuf> = all.filter(|path| self.leave_out.contains(*path)).collect();
        gone.into_iter().filter_map(|path| Some(path.to_str()?.to_owned())).collect()
    }

    /// The folders' pictures without those left out.
    pub fn used(&self) -> Vec<Arc<Listing>> {
        let used = |folder: &PictureFolder| {
            if self.leave_out.is_empty() {
                return folder.listing.clone();
            }
            let mut rest = Listing::clone(&folder.listing);
            rest.entries.retain(|entry| !self.leave_out.contains(&entry.path));
            Arc::new(rest)
        };
        self.folders.iter().map(used).collect()
    }

    /// Forgets what was left out of a folder that is gone, unless it lies in another one too.
    pub fn forget_left_out(&mut self, gone: &PictureFolder) {
        if self.leave_out.is_empty() {
            return;
        }
        let others: HashSet<&Path> =
            self.folders.iter().flat_map(|f| &f.listing.entries).map(|e| e.path.as_path()).collect();
        let of_gone: HashSet<&Path> = gone.listing.entries.iter().map(|e| e.path.as_path()).collect();
        let stays = |path: &Path| others.contains(path) || !of_gone.contains(path);
        self.leave_out = Arc::new(self.leave_out.iter().filter(|path| stays(path)).cloned().collect());
    }

    /// The calibration pictures that are shown small: all, or an even sample.
    pub fn sample(&self) -> Vec<&Path> {
        let all = self.folders.iter().flat_map(|f| &f.listing.entries);
        evenly(all.map(|e| e.path.as_path()), self.listed())
    }

    /// As [`Pictures::sample`], of the evaluation pictures.
    pub fn evaluation_sample(&self) -> Vec<&Path> {
        let Some(folder) = &self.evaluation else { return Vec::new() };
        evenly(folder.listing.entries.iter().map(|e| e.path.as_path()), folder.pictures)
    }

    /// The picture that the preview shows.
    pub fn previewed(&self) -> Option<&Path> {
        let in_a_folder =
            |p: &&Path| self.folders.iter().chain(&self.evaluation).any(|f| p.starts_with(&f.path));
        let chosen = self.preview.chosen.as_deref().filter(in_a_folder);
        chosen.or_else(|| Some(self.folders.iter().find_map(|f| f.listing.entries.first())?.path.as_path()))
    }
}

/// The pictures of these names: relative to their folder, or whole paths. One whose path is not Unicode has no name that a
/// job could be told.
pub(super) fn named<'a>(
    folders: &[PictureFolder],
    names: impl Iterator<Item = &'a str>,
) -> BTreeSet<PathBuf> {
    let names: HashSet<&str> = names.collect();
    if names.is_empty() {
        return BTreeSet::new();
    }
    let entries = folders.iter().flat_map(|f| &f.listing.entries);
    let is_named = |e: &&Entry| {
        e.path.to_str().is_some_and(|path| names.contains(path) || names.contains(e.file.as_str()))
    };
    entries.filter(is_named).map(|e| e.path.clone()).collect()
}

/// At most [`MAX_THUMBNAILS`] of `count` items, from the first on at equal distances.
fn evenly<'a>(items: impl Iterator<Item = &'a Path>, count: usize) -> Vec<&'a Path> {
    let wanted = count.min(MAX_THUMBNAILS);
    let is_taken = |i: usize| i * wanted % count.max(1) < wanted;
    items.enumerate().filter(|(i, _)| is_taken(*i)).map(|(_, item)| item).take(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_in_the_order_in_which_they_were_asked_for_and_old_evaluations_not_at_all() {
        let mut pictures = Pictures::default();
        let folder = |name: &str| PictureFolder { path: name.into(), ..PictureFolder::default() };
        let names = |due: Vec<(Asked, Result<PictureFolder, Problem>)>| -> Vec<String> {
            due.into_iter().map(|(_, folder)| folder.unwrap().path.display().to_string()).collect()
        };
        let one = pictures.ask("one".into(), false, None);
        let old = pictures.ask("old".into(), true, None);
        let two = pictures.ask("two".into(), false, None);
        let new = pictures.ask("new".into(), true, Some("l.csv".into()));
        assert!(names(pictures.answered(two, Ok(folder("two")))).is_empty());
        assert_eq!(pictures.evaluation_to_be(), (Some("new".into()), Some("l.csv".into())));
        assert_eq!(names(pictures.answered(new, Ok(folder("new")))), ["new"]);
        assert!(names(pictures.answered(old, Ok(folder("old")))).is_empty());
        assert_eq!(names(pictures.answered(one, Ok(folder("one")))), ["one", "two"]);
        assert!(pictures.asked.is_empty());
    }

    #[test]
    fn samples_are_even_and_bounded() {
        let names: Vec<PathBuf> = (0..10_000).map(|i| PathBuf::from(i.to_string())).collect();
        for count in [0, 1, 59, 60, 61, 119, 10_000] {
            let sample = evenly(names[..count].iter().map(PathBuf::as_path), count);
            assert_eq!(sample.len(), count.min(MAX_THUMBNAILS), "{count}");
            assert_eq!(sample.first(), names[..count].first().map(PathBuf::as_path).as_ref());
        }
        let sample = evenly(names.iter().map(PathBuf::as_path), 10_000);
        assert!(sample.last().unwrap().to_str().unwrap().parse::<usize>().unwrap() > 9_800);
    }
}
