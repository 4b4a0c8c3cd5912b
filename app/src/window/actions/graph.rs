//! Actions on the canvas: what is seen of it, and what colours it.

use std::path::PathBuf;
use std::sync::Arc;

use octet_engine::network::NodeId;

use super::{Action, Effect, apply};
use crate::tr;
use crate::window::backend::{Backend, Pick};
use crate::window::graph::{Camera, Direction, Flight, Layout, LayoutKey, search, step};
use crate::window::heat::{HeatMap, HeatRequest};
use crate::window::picture::save_picture;
use crate::window::state::{Goal, Heat, HeatSide, Model, Place, Problem, State};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphAction {
    /// Open or close a group.
    ToggleGroup(usize),
    /// Open or close all groups.
    OpenAll(bool),
    /// Look at another part.
    Look(Camera),
    /// Keep all of it in view.
    Fit,
    /// Look at the group of the selection.
    FitSelection,
    /// Go to an operation or a group.
    GoTo(Goal),
    /// The goal is known: fly there, or stay where it is in view already.
    Fly(Option<Flight>),
    /// Colour by another figure.
    SetHeat(Heat),
    /// Show the figures of another run, or the difference.
    SetSide(HeatSide),
    /// Make the scale linear or logarithmic.
    SetLinear(bool),
    /// Compare with this run of the list, or with none.
    CompareWith(Option<usize>),
    /// Show or hide constants.
    ShowConstants(bool),
    /// Work out where things are drawn.
    Arrange(LayoutKey),
    /// Open or close the search.
    ShowFind(bool),
    /// Search for another text.
    EditFind(String),
    /// Choose the hit this far below the chosen one.
    MoveFind(i32),
    /// Select a hit, and go there.
    TakeFind(usize),
    /// Select the operation that a step arrives at.
    Walk(Direction),
    /// Open or close the group of the selection.
    ToggleSelected,
    /// Ask where to save the picture; for a dark background or a light one.
    AskPicture {
        /// For a dark background.
        dark: bool,
    },
    /// Save the picture.
    SavePicture(PathBuf),
}

impl GraphAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            GraphAction::ToggleGroup(_) | GraphAction::OpenAll(_) | GraphAction::ToggleSelected => {
                tr!("open or close blocks").into_owned()
            }
            GraphAction::Look(_) | GraphAction::GoTo(_) | GraphAction::Fly(_) => {
                tr!("look elsewhere").into_owned()
            }
            GraphAction::Fit => tr!("fit the graph").into_owned(),
            GraphAction::FitSelection => tr!("fit the selection").into_owned(),
            GraphAction::SetHeat(heat) => tr!("colour by %{figure}", figure = tr!(heat.words())).into_owned(),
            GraphAction::SetSide(side) => {
                tr!("show the figures of %{run}", run = tr!(side.words())).into_owned()
            }
            GraphAction::SetLinear(true) => tr!("linear scale").into_owned(),
            GraphAction::SetLinear(false) => tr!("logarithmic scale").into_owned(),
            GraphAction::CompareWith(Some(index)) => tr!("compare with run %{n}", n = index + 1).into_owned(),
            GraphAction::CompareWith(None) => tr!("compare with no run").into_owned(),
            GraphAction::ShowConstants(true) => tr!("show constants").into_owned(),
            GraphAction::ShowConstants(false) => tr!("hide constants").into_owned(),
            GraphAction::Arrange(_) => tr!("arrange the graph").into_owned(),
            GraphAction::ShowFind(_) | GraphAction::EditFind(_) | GraphAction::MoveFind(_) => {
                tr!("search the graph").into_owned()
            }
            GraphAction::TakeFind(_) => tr!("go to what was found").into_owned(),
            GraphAction::Walk(_) => tr!("walk along the edges").into_owned(),
            GraphAction::AskPicture { .. } => tr!("save the picture of the graph").into_owned(),
            GraphAction::SavePicture(path) => {
                tr!("save the picture of the graph as %{path}", path = path.display()).into_owned()
            }
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let graph = &mut state.graph;
        match self {
            GraphAction::ToggleGroup(index) => toggle(state, index),
            GraphAction::OpenAll(open) => {
                let count = state.model.open.as_ref().map_or(0, |m| m.groups.len());
                graph.open = if open { (0..count).collect() } else { Default::default() };
                (graph.camera, graph.flight) = (None, None);
            }
            GraphAction::Look(camera) => (graph.camera, graph.flight) = (Some(camera), None),
            GraphAction::Fit => (graph.camera, graph.flight) = (None, None),
            GraphAction::FitSelection => {
                let group = selected(state).and_then(|n| state.model.open.as_ref()?.group_of(n));
                state.graph.goal = group.map(Goal::Group);
            }
            GraphAction::GoTo(goal) => graph.goal = Some(goal),
            GraphAction::Fly(flight) => {
                graph.goal = None;
                graph.flight = flight.or(graph.flight);
            }
            GraphAction::SetHeat(heat) => graph.heat = heat,
            GraphAction::SetSide(side) => graph.side = side,
            GraphAction::SetLinear(linear) => graph.linear = linear,
            GraphAction::CompareWith(index) => {
                state.hold_against(index);
            }
            GraphAction::ShowConstants(shown) => graph.constants = shown,
            GraphAction::Arrange(key) => {
                let Some(model) = state.model.open.clone() else { return Vec::new() };
                graph.arranging = Some(key.clone());
                return vec![Effect::Graph(GraphEffect::Arrange { model, key })];
            }
            GraphAction::ShowFind(true) => {
                graph.find.get_or_insert_default();
            }
            GraphAction::ShowFind(false) => graph.find = None,
            GraphAction::EditFind(text) => {
                if let (Some(find), Some(model)) = (&mut graph.find, &state.model.open) {
                    find.hits = search(&model.network, &model.groups, &text);
                    (find.text, find.chosen) = (text, 0);
                }
            }
            GraphAction::MoveFind(by) => {
                if let Some(find) = &mut graph.find {
                    let last = find.hits.len().saturating_sub(1);
                    find.chosen = find.chosen.saturating_add_signed(by as isize).min(last);
                }
            }
            GraphAction::TakeFind(index) => return take_find(state, index),
            GraphAction::Walk(direction) => return walk(state, direction),
            GraphAction::ToggleSelected => {
                let group = selected(state).and_then(|n| state.model.open.as_ref()?.group_of(n));
                if let Some(group) = group {
                    toggle(state, group);
                }
            }
            GraphAction::AskPicture { dark } => {
                graph.picture_dark = dark;
                return vec![Effect::Ask(Pick::GraphPicture)];
            }
            GraphAction::SavePicture(path) => return save(state, path),
        }
        Vec::new()
    }
}

/// The selected operation of the open model.
fn selected(state: &State) -> Option<NodeId> {
    state.model.open.as_ref()?.network.find_node(state.selection.as_ref()?)
}

fn toggle(state: &mut State, index: usize) {
    let can_open =
        state.model.open.as_ref().and_then(|m| m.groups.get(index)).is_some_and(|g| g.nodes.len() > 1);
    let was_open = state.graph.open.remove(&index);
    if can_open && !was_open {
        state.graph.open.insert(index);
    }
    state.graph.anchor = Some(index);
}

fn select(state: &mut State, node: NodeId) -> Vec<Effect> {
    let name = state.model.open.as_ref().map(|m| m.network.node(node).name.clone());
    apply(state, Action::Select(name))
}

fn take_find(state: &mut State, index: usize) -> Vec<Effect> {
    let find = state.graph.find.as_mut();
    let Some(node) = find.and_then(|find| {
        find.chosen = index;
        Some(find.hits.get(index)?.node)
    }) else {
        return Vec::new();
    };
    let hidden = state.graph.layout.as_ref().is_some_and(|l| l.boxes.get(node.0) == Some(&None));
    if let Some(group) = state.model.open.as_ref().and_then(|m| m.group_of(node)).filter(|_| hidden) {
        state.graph.open.insert(group);
    }
    let effects = select(state, node);
    state.graph.goal = Some(Goal::Node(node));
    effects
}

fn walk(state: &mut State, direction: Direction) -> Vec<Effect> {
    let from = selected(state);
    let to = state.graph.layout.as_ref().and_then(|l| step(l, from, direction));
    to.map(|node| select(state, node)).unwrap_or_default()
}

fn save(state: &State, path: PathBuf) -> Vec<Effect> {
    let layout = state.graph.layout.clone();
    let (Some(layout), Some(heat)) = (layout, HeatRequest::of(state, state.graph.picture_dark)) else {
        return Vec::new();
    };
    vec![Effect::Graph(GraphEffect::Save { layout, heat, path })]
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphEffect {
    /// Work out where things are drawn.
    Arrange {
        /// What is drawn.
        model: Arc<Model>,
        /// What the layout depends on besides.
        key: LayoutKey,
    },
    /// Save the picture.
    Save {
        /// Where things are drawn.
        layout: Arc<Layout>,
        /// How they are coloured, and the model.
        heat: HeatRequest,
        /// The file.
        path: PathBuf,
    },
}

impl GraphEffect {
    /// Does the work.
    pub fn run(self, _backend: &dyn Backend) -> GraphMessage {
        match self {
            GraphEffect::Arrange { model, key } => {
                let layout = Layout::new(&model.network, &model.groups, &model.edges, key);
                GraphMessage::Arranged { model, layout: Arc::new(layout) }
            }
            GraphEffect::Save { layout, heat, path } => {
                let heat = HeatMap::new(heat);
                let saved = save_picture(&heat.request.model, &layout, &heat, &path);
                GraphMessage::Saved(saved.map(|()| path).map_err(|error| {
                    Problem::new(Place::Model, tr!("The picture was not saved"), error.to_string())
                }))
            }
        }
    }
}

impl GraphEffect {
    /// What is told when the work is lost.
    pub(in crate::window) fn failed(self, problem: Problem) -> GraphMessage {
        match self {
            GraphEffect::Arrange { .. } => GraphMessage::NotArranged(problem),
            GraphEffect::Save { .. } => GraphMessage::Saved(Err(problem)),
        }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum GraphMessage {
    /// A layout is ready.
    Arranged {
        /// What it is of.
        model: Arc<Model>,
        /// The layout.
        layout: Arc<Layout>,
    },
    /// A picture was saved, or not.
    Saved(Result<PathBuf, Problem>),
    /// There will be no layout.
    NotArranged(Problem),
}

impl GraphMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        match self {
            GraphMessage::Arranged { model, layout } => arranged(state, &model, layout),
            GraphMessage::Saved(Ok(path)) => state.toasts.info(tr!("Saved %{path}", path = path.display())),
            GraphMessage::NotArranged(problem) => {
                // The key of what was wanted stays, so that it is not asked for again and again.
                state.toasts.problem(&problem);
            }
            // It belongs to no step: nothing is worse off because of it.
            GraphMessage::Saved(Err(problem)) => state.toasts.problem(&problem),
        }
        Vec::new()
    }
}

/// A layout that is no longer asked for, or of a model that is no longer open, is dropped.
fn arranged(state: &mut State, model: &Arc<Model>, layout: Arc<Layout>) {
    let is_open = state.model.open.as_ref().is_some_and(|open| Arc::ptr_eq(open, model));
    let graph = &mut state.graph;
    if !is_open || graph.arranging.as_ref() != Some(&layout.key) {
        return;
    }
    graph.arranging = None;
    let held = graph.anchor.take();
    let corner = |l: &Layout| Some(l.groups.get(held?)?.rect.min);
    let moved = graph.layout.as_deref().and_then(corner).zip(corner(&layout));
    if let (Some(camera), Some((before, after))) = (&mut graph.camera, moved) {
        camera.centre += after - before;
    }
    graph.layout = Some(layout);
}
