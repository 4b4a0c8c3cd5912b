//! What the pointer tells about what is under it, and the menu of the right button.

use egui::{Grid, Id, Response, RichText, Ui};
use octet_engine::network::NodeId;
use octet_engine::report::LayerFacts;

use crate::tr;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::format;
use crate::window::graph::{Target, is_measured};
use crate::window::picture::Scene;
use crate::window::state::{Goal, Heat, State};
use crate::window::theme::figures;
use crate::window::views::edit_ui::edit_menu_ui;

/// The tooltip of what is under the pointer.
pub(super) fn hover_ui(ui: &Ui, state: &State, scene: &Scene<'_>) {
    let Some(target) = scene.hovered else { return };
    // Widgets on the canvas cover it; the tooltip belongs to the place, whichever of them is there.
    let id = Id::unique("tooltip of the graph");
    let place = match target {
        Target::Group(index) => scene.layout.groups.get(index).map(|g| g.rect),
        Target::Node(node) => scene.layout.place_of(node),
        Target::Constant(index) => scene.layout.constants.get(index).map(|c| c.rect),
    };
    let Some(rect) = place.map(|p| scene.rect_to_screen(p).intersect(scene.rect)) else { return };
    let response = ui.interact(rect, id.with(key(target)), egui::Sense::hover());
    response.on_hover_ui_at_pointer(|ui| match target {
        Target::Group(index) => group_ui(ui, scene, index),
        Target::Node(node) => operation_ui(ui, state, scene, node),
        Target::Constant(index) => constant_ui(ui, scene, index),
    });
}

fn key(target: Target) -> (u8, usize) {
    match target {
        Target::Group(index) => (0, index),
        Target::Node(node) => (1, node.0),
        Target::Constant(index) => (2, index),
    }
}

fn weak(ui: &mut Ui, scene: &Scene<'_>, text: impl Into<String>) {
    ui.label(RichText::new(text).small().color(scene.tokens.weak));
}

fn group_ui(ui: &mut Ui, scene: &Scene<'_>, index: usize) {
    let group = &scene.model.groups[index];
    ui.label(&group.title);
    weak(ui, scene, &group.subtitle);
    if let Some(Some(heat)) = scene.heat.groups.get(index) {
        let request = &scene.heat.request;
        let how = if request.heat.adds_up() { tr!("in all") } else { tr!("the largest") };
        ui.horizontal(|ui| {
            ui.label(tr!("%{figure}, %{side}", figure = tr!(request.heat.words()), side = how));
            ui.label(RichText::new(&heat.text).font(figures()).color(scene.tokens.strong));
        });
    }
    if group.nodes.len() > 1 {
        let is_open = scene.layout.groups[index].open;
        weak(
            ui,
            scene,
            if is_open { tr!("Click to fold this block") } else { tr!("Click to list its operations") },
        );
    }
}

/// All figures of an operation, of both runs when two are compared.
fn operation_ui(ui: &mut Ui, state: &State, scene: &Scene<'_>, node: NodeId) {
    let facts = scene.model.network.node(node);
    ui.label(scene.layout.labels[node.0].long.as_str());
    weak(ui, scene, &facts.name);
    let output = facts.outputs.first().map(|t| scene.model.network.tensor(*t));
    if let Some(output) = output {
        weak(ui, scene, format::shape(&output.shape));
    }
    let (request, name) = (&scene.heat.request, facts.name.as_str());
    let find = |report: &Option<std::sync::Arc<octet_engine::report::Report>>| {
        report.as_ref().and_then(|r| r.layers.iter().find(|l| l.name == name).cloned())
    };
    let (shown, reference) = (find(&request.shown), find(&request.reference));
    if shown.is_none() && reference.is_none() {
        if state.report().is_some() {
            weak(ui, scene, tr!("not measured: part of the operation before it"));
        }
        return;
    }
    Grid::new("figures").spacing([14.0, 3.0]).show(ui, |ui| {
        if request.reference.is_some() {
            ui.label("");
            for heading in ["A", "B", "B − A"] {
                weak(ui, scene, heading);
            }
            ui.end_row();
        }
        for heat in Heat::ALL.into_iter().filter(|h| *h != Heat::Off) {
            figure_ui(ui, scene, heat, shown.as_ref(), reference.as_ref());
        }
    });
}

fn figure_ui(
    ui: &mut Ui,
    scene: &Scene<'_>,
    heat: Heat,
    shown: Option<&LayerFacts>,
    reference: Option<&LayerFacts>,
) {
    let [b, a] = scene.heat.request.figures_of(heat, shown, reference);
    if a.is_none() && b.is_none() {
        return;
    }
    let is_chosen = scene.heat.request.heat == heat;
    let colour = if is_chosen { scene.tokens.strong } else { scene.tokens.text };
    let text = |ui: &mut Ui, words: String| ui.label(RichText::new(words).font(figures()).color(colour));
    let words = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |f| heat.text(f));
    ui.label(RichText::new(tr!(heat.words())).color(colour));
    if scene.heat.request.reference.is_some() {
        text(ui, words(a));
        text(ui, words(b));
        text(ui, a.zip(b).map_or_else(|| "–".to_owned(), |(a, b)| heat.signed(b - a)));
    } else {
        text(ui, words(b));
    }
    ui.end_row();
}

fn constant_ui(ui: &mut Ui, scene: &Scene<'_>, index: usize) {
    let constant = &scene.layout.constants[index];
    let network = &scene.model.network;
    let tensor = network.tensor(constant.tensor);
    ui.label(tensor.name.as_str());
    let elements =
        format!("{} float32, {}", format::shape(&tensor.shape), format::bytes(tensor.len() as u64 * 4));
    weak(ui, scene, elements);
    match constant.readers.as_slice() {
        [one] => weak(ui, scene, tr!("read by %{name}", name = network.node(*one).name)),
        many => weak(ui, scene, tr!("shared by %{n} operations", n = many.len())),
    }
}

/// The menu of the right button, on what was under the pointer when it was pressed.
pub(super) fn menu_ui(state: &State, scene: &Scene<'_>, canvas: &Response, out: &mut Actions) {
    let id = Id::unique("target of the graph's menu");
    let ctx = &canvas.ctx;
    if ctx.input(|i| i.pointer.secondary_pressed()) && canvas.contains_pointer() {
        ctx.data_mut(|d| d.insert_temp(id, scene.hovered));
    }
    let target: Option<Target> = ctx.data(|d| d.get_temp::<Option<Target>>(id)).flatten();
    canvas.container_context_menu(|ui| {
        let node = match target {
            Some(Target::Node(node)) => Some(node).filter(|n| n.0 < scene.layout.owner.len()),
            _ => None,
        };
        let group = match target {
            Some(Target::Group(group)) => Some(group).filter(|g| *g < scene.layout.groups.len()),
            _ => node.map(|n| scene.layout.owner[n.0]),
        };
        if let Some(node) = node {
            let facts = scene.model.network.node(node);
            if is_measured(&facts.op) {
                let operations = match state.marked.contains(&facts.name) {
                    true => state.marked.iter().cloned().collect(),
                    false => vec![facts.name.clone()],
                };
                edit_menu_ui(ui, state, &operations, out);
                ui.separator();
            }
            if ui.button(tr!("Copy its name")).clicked() {
                ui.ctx().copy_text(scene.model.network.node(node).name.clone());
            }
        }
        if let Some(group) = group {
            if scene.model.groups[group].nodes.len() > 1 {
                let is_open = scene.layout.groups[group].open;
                let text = if is_open { tr!("Fold this block") } else { tr!("Unfold this block") };
                if ui.button(text).clicked() {
                    out.push(Action::Graph(GraphAction::ToggleGroup(group)));
                }
            }
            if ui.button(tr!("Look at it closely")).clicked() {
                out.push(Action::Graph(GraphAction::GoTo(Goal::Group(group))));
            }
            ui.separator();
        }
        if ui.button(tr!("Fit the whole graph")).clicked() {
            out.push(Action::Graph(GraphAction::Fit));
        }
        if ui.button(tr!("Save as a picture…")).clicked() {
            out.push(Action::Graph(GraphAction::AskPicture { dark: ui.visuals().dark_mode }));
        }
    });
}
