//! Selecting, marking, sorting: what only changes what is seen.

use super::Action;
use crate::window::state::{Goal, Side, State, Step, rows};

/// What only changes what is seen.
pub(super) fn look(state: &mut State, action: Action) {
    match action {
        Action::Select(name) => select(state, name),
        Action::MoveSelection(by) => move_selection(state, by),
        Action::SortBy(column) => state.table.click(column),
        Action::Mark(name) => mark(state, name),
        Action::MarkTo(name) => mark_to(state, &name),
        Action::Filter(text) => state.table.filter = text,
        Action::ShowStep(step) => state.side = Side::Step(step),
        Action::ToggleLog => state.shows_log = !state.shows_log,
        _ => {}
    }
}

fn select(state: &mut State, name: Option<String>) {
    state.side = match (&name, state.side) {
        (Some(_), _) => Side::Layer,
        (None, Side::Layer) if state.report().is_some() => Side::Step(Step::Errors),
        (None, Side::Layer) => Side::Step(Step::Model),
        (None, side) => side,
    };
    // The graph shows what is selected elsewhere.
    let node = name.as_ref().zip(state.model.open.as_ref()).and_then(|(n, m)| m.network.find_node(n));
    if let Some(node) = node {
        state.graph.goal = Some(Goal::IntoView(node));
    }
    state.marked.clear();
    state.selection = name;
}

/// Marks a row, and the selected one with the first.
fn mark(state: &mut State, name: String) {
    if state.marked.is_empty() {
        state.marked.extend(state.selection.clone());
    }
    if !state.marked.remove(&name) {
        state.marked.insert(name.clone());
        state.selection = Some(name);
    }
}

fn mark_to(state: &mut State, name: &str) {
    let rows = rows(state);
    let at = |wanted: &str| rows.iter().position(|r| r.name == wanted);
    let (Some(to), from) = (at(name), state.selection.as_deref().and_then(at)) else { return };
    let from = from.unwrap_or(to);
    state.marked.extend(rows[from.min(to)..=from.max(to)].iter().map(|r| r.name.clone()));
}

fn move_selection(state: &mut State, by: i32) {
    let rows = rows(state);
    let Some(last) = rows.len().checked_sub(1) else { return };
    let at = state.selection.as_ref().and_then(|name| rows.iter().position(|r| r.name == *name));
    let to = match at {
        Some(at) => at.saturating_add_signed(by as isize).min(last),
        None if by > 0 => 0,
        None => last,
    };
    select(state, Some(rows[to].name.clone()));
}
