//! Undo and redo: what was before each change, under the change's name.

use super::Document;
use crate::window::actions::Action;

/// Changes that are kept.
const MOST: usize = 200;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What made it. Its name is asked for whenever it is shown, so that it is in the language of the window by then.
    made: Action,
    /// What there was on the other side of it.
    document: Document,
    /// Changes of the same thing in a row count as one.
    subject: Option<String>,
}

/// All changes, those that were made and those that were undone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    past: Vec<Change>,
    future: Vec<Change>,
}

impl History {
    /// Takes note of a change that was made; what had been undone is gone. Changes of the same `subject` in a row, such
    /// as the letters of a text, are one until it is [sealed](Self::seal).
    pub fn note(&mut self, made: Action, before: Document, subject: Option<String>) {
        self.future.clear();
        if let Some(last) = self.past.last_mut()
            && subject.is_some()
            && last.subject == subject
        {
            last.made = made;
            return;
        }
        if self.past.len() >= MOST {
            self.past.remove(0);
        }
        self.past.push(Change { made, document: before, subject });
    }

    /// The text field was left, or the mouse let go: what follows is another change, even of the same thing.
    pub fn seal(&mut self) {
        if let Some(last) = self.past.last_mut() {
            last.subject = None;
        }
    }

    /// Forgets the last change when it came back to what there was before it.
    pub fn forget_no_change(&mut self, now: &Document) {
        if self.past.last().is_some_and(|last| last.document == *now) {
            self.past.pop();
        }
    }

    /// Names of the changes that were made, oldest first, e.g. `features.1.conv.0 to int16`.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = String> + ExactSizeIterator {
        self.past.iter().map(|c| c.made.name())
    }

    /// Names of the changes that were undone, the next to be redone first.
    pub fn future(&self) -> impl ExactSizeIterator<Item = String> {
        self.future.iter().rev().map(|c| c.made.name())
    }

    /// Steps back: takes what there is now, gives what there was and the change's name.
    pub fn undo(&mut self, now: Document) -> Option<(String, Document)> {
        step(&mut self.past, &mut self.future, now)
    }

    /// Steps forward again.
    pub fn redo(&mut self, now: Document) -> Option<(String, Document)> {
        step(&mut self.future, &mut self.past, now)
    }

    /// Forgets everything, for another model.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn step(from: &mut Vec<Change>, to: &mut Vec<Change>, now: Document) -> Option<(String, Document)> {
    let change = from.pop()?;
    let name = change.made.name();
    to.push(Change { made: change.made, document: now, subject: None });
    Some((name, change.document))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(bits: u32) -> Document {
        let mut document = Document::default();
        document.edits.widths.insert("conv".to_owned(), bits);
        document
    }

    /// An action with this at the end of its name.
    fn made(what: &str) -> Action {
        Action::Mark(what.to_owned())
    }

    fn undone(what: &str, document: Document) -> Option<(String, Document)> {
        Some((format!("mark {what}"), document))
    }

    #[test]
    fn undo_and_redo_walk_through_the_same_states() {
        let mut history = History::default();
        let (a, b, c) = (Document::default(), document(16), document(8));
        history.note(made("int16"), a.clone(), None);
        history.note(made("int8"), b.clone(), None);
        assert_eq!(history.undo(c.clone()), undone("int8", b.clone()));
        assert_eq!(history.undo(b.clone()), undone("int16", a.clone()));
        assert_eq!(history.undo(a.clone()), None);
        assert_eq!(history.future().collect::<Vec<_>>(), ["mark int16", "mark int8"]);
        assert_eq!(history.redo(a.clone()), undone("int16", b.clone()));
        assert_eq!(history.redo(b), undone("int8", c));
        history.undo(document(8));
        history.note(made("other"), a, None);
        assert_eq!(history.future().len(), 0, "a new change ends what could be redone");
    }

    #[test]
    fn changes_of_one_text_in_a_row_are_one() {
        let mut history = History::default();
        let subject = Some("bins".to_owned());
        history.note(made("1"), Document::default(), subject.clone());
        history.note(made("12"), document(8), subject);
        assert_eq!(history.past().collect::<Vec<_>>(), ["mark 12"]);
        assert_eq!(history.undo(document(16)).unwrap().1, Document::default());
    }

    #[test]
    fn a_field_that_was_left_begins_another_change() {
        let mut history = History::default();
        let subject = Some("bins".to_owned());
        history.note(made("1"), Document::default(), subject.clone());
        history.seal();
        history.note(made("2"), document(8), subject.clone());
        assert_eq!(history.past().len(), 2);
        history.forget_no_change(&document(16));
        assert_eq!(history.past().len(), 2);
        history.note(made("1"), document(16), subject);
        history.forget_no_change(&document(8));
        assert_eq!(history.past().collect::<Vec<_>>(), ["mark 1"], "typed, and taken back");
    }

    #[test]
    fn the_oldest_changes_are_forgotten() {
        let mut history = History::default();
        for i in 0..1000 {
            history.note(made(&i.to_string()), Document::default(), None);
        }
        assert_eq!(history.past().len(), MOST);
        assert_eq!(history.past().next_back().as_deref(), Some("mark 999"));
    }
}
