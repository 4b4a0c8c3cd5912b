//! Actions on the window itself: the palette, the history list, language and scale.

use super::{Effect, apply};
use crate::tr;
use crate::window::commands::{Command, matching};
use crate::window::settings::SCALES;
use crate::window::state::{Language, Palette, State};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum HabitAction {
    /// Show the command palette.
    OpenPalette,
    /// Hide it.
    ClosePalette,
    /// Type in it.
    Query(String),
    /// Choose another line of it.
    MovePalette(i32),
    /// Do what its chosen line says.
    RunPalette,
    /// Show or hide the list of changes.
    ToggleHistory,
    /// Show or hide what the program says of itself.
    ToggleAbout,
    /// Make everything larger or smaller.
    SetScale(f32),
    /// Speak another language.
    SetLanguage(Language),
    /// Put panels back where they were at first.
    ResetLayout,
}

impl HabitAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            HabitAction::OpenPalette | HabitAction::ClosePalette => tr!("command palette").into_owned(),
            HabitAction::Query(_) | HabitAction::MovePalette(_) => tr!("look for a command").into_owned(),
            HabitAction::RunPalette => tr!("run a command").into_owned(),
            HabitAction::ToggleHistory => tr!("show or hide the history").into_owned(),
            HabitAction::ToggleAbout => tr!("show or hide the program's version").into_owned(),
            HabitAction::SetScale(scale) => tr!("scale %{scale}", scale = format!("{scale:.2}")).into_owned(),
            HabitAction::SetLanguage(language) => {
                tr!("language %{name}", name = language.name()).into_owned()
            }
            HabitAction::ResetLayout => tr!("reset the panels").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            HabitAction::OpenPalette => state.palette = Some(Palette::default()),
            HabitAction::ClosePalette => state.palette = None,
            HabitAction::Query(query) => state.palette = Some(Palette { query, chosen: 0 }),
            HabitAction::MovePalette(by) => {
                let count = found(state).len();
                if let Some(palette) = &mut state.palette {
                    palette.chosen =
                        palette.chosen.saturating_add_signed(by as isize).min(count.saturating_sub(1));
                }
            }
            HabitAction::RunPalette => {
                let chosen = state.palette.as_ref().map_or(0, |p| p.chosen);
                let action = found(state).get(chosen).and_then(|c| (c.action)(state));
                if let Some(action) = action {
                    state.palette = None;
                    return apply(state, action);
                }
            }
            HabitAction::ToggleHistory => state.shows_history = !state.shows_history,
            HabitAction::ToggleAbout => state.shows_about = !state.shows_about,
            HabitAction::SetScale(scale) => {
                state.settings.scale = scale.clamp(*SCALES.start(), *SCALES.end());
                return vec![Effect::SetScale(state.settings.scale)];
            }
            HabitAction::SetLanguage(language) => {
                state.settings.language = language;
                language.speak();
                if language == Language::Chinese {
                    return vec![Effect::AddChineseGlyphs];
                }
            }
            HabitAction::ResetLayout => state.layout_resets += 1,
        }
        Vec::new()
    }
}

/// The commands that fit what is typed in the palette.
pub fn found(state: &State) -> Vec<&'static Command> {
    let query = state.palette.as_ref().map_or("", |p| p.query.as_str());
    matching(query, |c| crate::tr!(c.title).into_owned())
}
