//! Every command by name: menus, the command palette and the keys are made from this one table.

use egui::{Key, KeyboardShortcut, Modifiers};

use super::actions::{
    Action, DeployAction, EditAction, GraphAction, HabitAction, MemoryAction, ProjectAction, RunsAction,
};
use super::backend::Pick;
use super::state::{Language, State, ThemeChoice, Unscored};

/// The menu that a command is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Opening and saving.
    File,
    /// Changes.
    Edit,
    /// Jobs.
    Run,
    /// What is seen.
    View,
    /// What helps.
    Help,
}

impl Menu {
    /// All, from left to right.
    pub const ALL: [Menu; 5] = [Menu::File, Menu::Edit, Menu::Run, Menu::View, Menu::Help];

    /// Title.
    pub fn title(self) -> &'static str {
        match self {
            Menu::File => "File",
            Menu::Edit => "Edit",
            Menu::Run => "Run",
            Menu::View => "View",
            Menu::Help => "Help",
        }
    }
}

/// A command.
pub struct Command {
    /// Where it stands.
    pub menu: Menu,
    /// What it is called.
    pub title: &'static str,
    /// The keys that do the same.
    pub shortcut: Option<KeyboardShortcut>,
    /// What it does now; `None` while it can do nothing.
    pub action: fn(&State) -> Option<Action>,
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

/// Opens the search in the graph.
pub const FIND: KeyboardShortcut = KeyboardShortcut::new(CTRL, Key::F);

const fn keys(modifiers: Modifiers, key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(modifiers, key))
}

const fn command(
    menu: Menu,
    title: &'static str,
    shortcut: Option<KeyboardShortcut>,
    action: fn(&State) -> Option<Action>,
) -> Command {
    Command { menu, title, shortcut, action }
}

/// All commands, in the order of their menus.
pub const COMMANDS: &[Command] = &[
    command(Menu::File, "Open a model…", keys(CTRL, Key::O), |_| Some(Action::Ask(Pick::Model))),
    command(Menu::File, "Open a project…", keys(CTRL_SHIFT, Key::O), |_| Some(Action::Ask(Pick::Project))),
    command(Menu::File, "Open a run…", None, |_| Some(Action::Ask(Pick::Run))),
    command(Menu::File, "Try the example", None, |_| Some(Action::OpenExample)),
    command(Menu::File, "Save the project", keys(CTRL, Key::S), |s| {
        has_content(s).then_some(Action::Project(ProjectAction::Save))
    }),
    command(Menu::File, "Save the project as…", keys(CTRL_SHIFT, Key::S), |s| {
        has_content(s).then_some(Action::Ask(Pick::SaveProject))
    }),
    command(Menu::File, "Export the model…", None, |s| {
        s.runs.shown().map(|run| Action::Runs(RunsAction::AskExport(run.path.clone())))
    }),
    command(Menu::File, "Lost sessions…", None, |s| {
        (!s.project.orphans.is_empty()).then_some(Action::Project(ProjectAction::ShowOrphans(true)))
    }),
    command(Menu::File, "Add calibration pictures…", None, |_| Some(Action::Ask(Pick::Pictures))),
    command(Menu::File, "Choose evaluation pictures…", None, |_| Some(Action::Ask(Pick::Evaluation))),
    command(Menu::Edit, "Undo", keys(CTRL, Key::Z), |s| {
        (s.history.past().len() > 0).then_some(Action::Edit(EditAction::Undo))
    }),
    command(Menu::Edit, "Redo", keys(CTRL_SHIFT, Key::Z), |s| {
        (s.history.future().len() > 0).then_some(Action::Edit(EditAction::Redo))
    }),
    command(Menu::Edit, "History", keys(CTRL, Key::H), |_| Some(Action::Habit(HabitAction::ToggleHistory))),
    command(Menu::Edit, "Take back all changes by hand", None, |s| {
        let operations: Vec<String> = s.edits.operations().into_iter().map(str::to_owned).collect();
        (!operations.is_empty()).then_some(Action::Edit(EditAction::Reset(operations)))
    }),
    command(Menu::Run, "Quantize", keys(CTRL, Key::Enter), |s| {
        s.obstacle().is_none().then_some(Action::Start)
    }),
    command(Menu::Run, "Score the changes", None, |s| {
        s.unscored()
            .is_some_and(|why| why != Unscored::OtherSettings)
            .then_some(Action::Edit(EditAction::Score))
    }),
    command(Menu::Run, "Cancel the job", None, |s| s.is_running().then_some(Action::Cancel)),
    command(Menu::Run, "Keep the best so far", None, |s| {
        s.job.as_ref().is_some_and(|j| j.end.is_none() && j.can_finish).then_some(Action::FinishEarly)
    }),
    command(Menu::Run, "Log of the job", keys(CTRL, Key::L), |s| {
        s.job.is_some().then_some(Action::ToggleLog)
    }),
    command(Menu::Run, "Deploy to a board…", keys(CTRL, Key::D), |_| {
        Some(Action::Deploy(DeployAction::Open))
    }),
    command(Menu::Run, "Cancel the deployment", None, |s| {
        s.deploy.is_running().then_some(Action::Deploy(DeployAction::Cancel))
    }),
    command(Menu::Run, "Look for plugins again", None, |_| Some(Action::FindPlugins)),
    command(Menu::View, "Command palette", keys(CTRL_SHIFT, Key::P), |_| {
        Some(Action::Habit(HabitAction::OpenPalette))
    }),
    command(Menu::View, "Dark colours", None, |_| Some(Action::SetTheme(ThemeChoice::Dark))),
    command(Menu::View, "Light colours", None, |_| Some(Action::SetTheme(ThemeChoice::Light))),
    command(Menu::View, "Colours of the system", None, |_| Some(Action::SetTheme(ThemeChoice::System))),
    command(Menu::View, "Larger", keys(CTRL, Key::Plus), |s| {
        Some(Action::Habit(HabitAction::SetScale(s.settings.scale * 1.1)))
    }),
    command(Menu::View, "Smaller", keys(CTRL, Key::Minus), |s| {
        Some(Action::Habit(HabitAction::SetScale(s.settings.scale / 1.1)))
    }),
    command(Menu::View, "Actual size", keys(CTRL, Key::Num0), |_| {
        Some(Action::Habit(HabitAction::SetScale(1.0)))
    }),
    command(Menu::View, "Panels where they were at first", None, |_| {
        Some(Action::Habit(HabitAction::ResetLayout))
    }),
    command(Menu::View, "Memory map", None, |s| {
        s.report().is_some().then_some(Action::Memory(MemoryAction::Show))
    }),
    command(Menu::View, "Find an operation…", Some(FIND), |s| graph(s, GraphAction::ShowFind(true))),
    command(Menu::View, "Fit the whole graph", None, |s| graph(s, GraphAction::Fit)),
    command(Menu::View, "Unfold all blocks", None, |s| graph(s, GraphAction::OpenAll(true))),
    command(Menu::View, "Fold all blocks", None, |s| graph(s, GraphAction::OpenAll(false))),
    command(Menu::View, "Show or hide constants", None, |s| {
        graph(s, GraphAction::ShowConstants(!s.graph.constants))
    }),
    command(Menu::File, "Save the graph as a picture…", None, |s| {
        graph(s, GraphAction::AskPicture { dark: s.settings.theme != ThemeChoice::Light })
    }),
    command(Menu::View, "English", None, |_| {
        Some(Action::Habit(HabitAction::SetLanguage(Language::English)))
    }),
    command(Menu::View, "中文", None, |_| Some(Action::Habit(HabitAction::SetLanguage(Language::Chinese)))),
    command(Menu::Help, "About Octet", None, |_| Some(Action::Habit(HabitAction::ToggleAbout))),
];

/// Something on the graph of the open model.
fn graph(state: &State, action: GraphAction) -> Option<Action> {
    state.model.open.is_some().then_some(Action::Graph(action))
}

fn has_content(state: &State) -> bool {
    state.model.open.is_some() || !state.pictures.folders.is_empty() || !state.runs.all.is_empty()
}

/// Commands whose title fits what is typed, best first: the letters must appear in it in their order.
pub fn matching<'a>(query: &str, title: impl Fn(&'a Command) -> String) -> Vec<&'a Command> {
    let query: Vec<char> = query.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let mut found: Vec<(usize, &Command)> = COMMANDS
        .iter()
        .filter_map(|c| {
            let own = c.title.to_lowercase();
            let shown = title(c).to_lowercase();
            let rank = [own, shown].iter().filter_map(|text| spread(&query, text)).min()?;
            Some((rank, c))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, c)| c).collect()
}

/// How far apart the letters of a query are in a text; `None` when they are not all there.
fn spread(query: &[char], text: &str) -> Option<usize> {
    let mut total = 0;
    let mut letters = text.chars().enumerate();
    let mut last = None;
    for wanted in query {
        let (at, _) = letters.by_ref().find(|(_, c)| c == wanted)?;
        total += last.map_or(at, |last| 4 * (at - last - 1));
        last = Some(at);
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commands_share_a_title_or_keys() {
        let titles: HashSet<&str> = COMMANDS.iter().map(|c| c.title).collect();
        assert_eq!(titles.len(), COMMANDS.len());
        let keys: Vec<KeyboardShortcut> = COMMANDS.iter().filter_map(|c| c.shortcut).collect();
        assert!(keys.iter().enumerate().all(|(i, k)| !keys[..i].contains(k)));
    }

    #[test]
    fn the_palette_finds_commands_by_their_letters() {
        let found = |query: &str| matching(query, |c| c.title.to_owned())[0].title;
        assert_eq!(found("quant"), "Quantize");
        assert_eq!(found("UN do"), "Undo");
        assert_eq!(found("svprjas"), "Save the project as…");
        assert!(matching("xyzzy", |c| c.title.to_owned()).is_empty());
    }
}
