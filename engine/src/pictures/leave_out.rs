//! Pictures that are left out of a listing by name.

use std::collections::HashSet;

use globset::{GlobBuilder, GlobMatcher};

use super::{Entry, Listing};
use crate::report::SkippedPicture;

/// Why a picture was skipped that was to be left out.
pub const LEFT_OUT: &str = "left out, as was asked for";

/// Why pictures cannot be left out.
#[derive(Debug, thiserror::Error)]
pub enum LeaveOutError {
    /// No picture is meant.
    #[error(
        "no calibration picture is called `{0}`, so it cannot be left out; a name is relative to its folder, with `/`, \
         or a pattern such as `night/*`"
    )]
    NothingCalled(String),
    /// Neither a name nor a pattern.
    #[error("`{entry}` is neither the name of a calibration picture nor a pattern: {source}")]
    Pattern {
        /// What was given.
        entry: String,
        /// What is wrong with it.
        source: globset::Error,
    },
}

impl Listing {
    /// Without the pictures of these names or patterns; they are counted as skipped, by names of their own. A name is relative to its folder; a
    /// whole path means one picture where several folders have one of that name. What is a name is no pattern.
    ///
    /// # Errors
    /// A name or pattern that means no picture.
    pub fn without(mut self, names: &[String]) -> Result<Listing, LeaveOutError> {
        let mut left_out: HashSet<usize> = HashSet::new();
        for name in names {
            let before = self.entries.iter().enumerate();
            let exact: Vec<usize> = before.filter(|(_, e)| is_called(e, name)).map(|(i, _)| i).collect();
            if !exact.is_empty() {
                left_out.extend(exact);
                continue;
            }
            let matcher = pattern(name)?;
            let matched = self.entries.iter().enumerate().filter(|(_, e)| matcher.is_match(&e.file));
            let matched: Vec<usize> = matched.map(|(i, _)| i).collect();
            if matched.is_empty() {
                return Err(LeaveOutError::NothingCalled(name.clone()));
            }
            left_out.extend(matched);
        }
        let own = own_names(&self.entries);
        let mut place = 0..;
        let skipped = &mut self.skipped;
        self.entries.retain(|entry| {
            let i = place.next();
            let stays = i.is_none_or(|i| !left_out.contains(&i));
            if !stays {
                let file = i.and_then(|i| own.get(i)).unwrap_or(&entry.file).clone();
                skipped.push(SkippedPicture { file, reason: LEFT_OUT.to_owned() });
            }
            stays
        });
        Ok(self)
    }
}

fn is_called(entry: &Entry, name: &str) -> bool {
    entry.file == name || entry.path.to_str() == Some(name)
}

fn pattern(entry: &str) -> Result<GlobMatcher, LeaveOutError> {
    let glob = GlobBuilder::new(entry).literal_separator(false).build();
    let glob = glob.map_err(|source| LeaveOutError::Pattern { entry: entry.to_owned(), source })?;
    Ok(glob.compile_matcher())
}

/// A name for every picture by which it alone can be left out: its file, or its whole path where another folder has a
/// file of that name too.
pub(crate) fn own_names(entries: &[Entry]) -> Vec<String> {
    let (mut once, mut twice) = (HashSet::new(), HashSet::new());
    for entry in entries {
        if !once.insert(entry.file.as_str()) {
            twice.insert(entry.file.as_str());
        }
    }
    let name = |entry: &Entry| match entry.path.to_str() {
        Some(path) if twice.contains(entry.file.as_str()) => path.to_owned(),
        _ => entry.file.clone(),
    };
    entries.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[(&str, &str)]) -> Listing {
        let entry = |(folder, file): &(&str, &str)| Entry {
            file: (*file).to_owned(),
            path: std::path::Path::new(folder).join(file),
            class: None,
        };
        Listing { entries: paths.iter().map(entry).collect(), ..Listing::default() }
    }

    fn without(paths: &[(&str, &str)], names: &[&str]) -> Result<Vec<String>, String> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let rest = listing(paths).without(&names).map_err(|e| e.to_string())?;
        assert_eq!(rest.entries.len() + rest.skipped.len(), paths.len());
        assert!(rest.skipped.iter().all(|s| s.reason.contains("left out")));
        Ok(rest.entries.iter().map(|e| e.path.display().to_string()).collect())
    }

    const PICTURES: [(&str, &str); 4] =
        [("/a", "day/1.jpg"), ("/a", "night/1.jpg"), ("/a", "x[1].jpg"), ("/b", "day/1.jpg")];

    #[test]
    fn names_and_patterns_leave_pictures_out() {
        assert_eq!(without(&PICTURES, &[]).unwrap().len(), 4);
        assert_eq!(
            without(&PICTURES, &["night/1.jpg", "x[1].jpg"]).unwrap(),
            ["/a/day/1.jpg", "/b/day/1.jpg"]
        );
        assert_eq!(without(&PICTURES, &["day/*"]).unwrap(), ["/a/night/1.jpg", "/a/x[1].jpg"]);
        assert!(without(&PICTURES, &["*"]).unwrap().is_empty());
    }

    #[test]
    fn a_path_means_one_of_several_pictures_of_a_name() {
        assert_eq!(without(&PICTURES, &["day/1.jpg"]).unwrap(), ["/a/night/1.jpg", "/a/x[1].jpg"]);
        let names = own_names(&listing(&PICTURES).entries);
        assert_eq!(names, ["/a/day/1.jpg", "night/1.jpg", "x[1].jpg", "/b/day/1.jpg"]);
        let rest = without(&PICTURES, &["/b/day/1.jpg"]).unwrap();
        assert_eq!(rest, ["/a/day/1.jpg", "/a/night/1.jpg", "/a/x[1].jpg"]);
    }

    #[test]
    fn what_means_no_picture_is_refused_by_name() {
        assert!(without(&PICTURES, &["day/2.jpg"]).unwrap_err().contains("`day/2.jpg`"));
        assert!(without(&PICTURES, &["[1"]).unwrap_err().contains("neither"));
    }
}
