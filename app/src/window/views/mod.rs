//! Draws the state. Every function that draws is called `*_ui`, takes the state read-only and puts what the user
//! does into the actions.

mod about_ui;
mod advice_ui;
mod bar_ui;
mod compare_ui;
mod deploy;
mod edit_ui;
mod empty_ui;
mod graph;
mod history_ui;
mod icon_ui;
mod inspect;
mod inspector_ui;
mod legend_ui;
mod log_ui;
mod memory;
mod menu_ui;
mod missing_ui;
mod model_ui;
mod offer_ui;
mod overlay_ui;
mod palette_ui;
mod pictures_ui;
mod pipeline_ui;
mod preprocessing_ui;
mod preview_ui;
mod questions_ui;
mod rail_ui;
mod runs_ui;
mod settings_ui;
mod status_ui;
mod strategy_ui;
mod summary_ui;
mod table_ui;
mod thumbnails_ui;
mod toast_ui;
mod try_ui;
mod unscored_ui;
mod widgets;

use egui::{CentralPanel, Frame, Margin, Panel, ScrollArea, Ui};

use super::actions::Actions;
use super::panels::{Panels, panels_ui};
use super::state::{Side, State, Step};
use super::theme::{RAIL_WIDTH, tokens};
use super::words;

/// The whole window; true when the user moved a panel.
pub fn window_ui(ui: &mut Ui, state: &State, panels: &mut Panels, out: &mut Actions) -> bool {
    let t = tokens(ui);
    let bar = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(14, 0));
    Panel::top("bar").exact_size(50.0).frame(bar).show(ui, |ui| bar_ui::bar_ui(ui, state, out));
    Panel::bottom("status").exact_size(32.0).frame(bar).show(ui, |ui| status_ui::status_ui(ui, state, out));

    let side = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(12, 14));
    Panel::left("rail")
        .exact_size(RAIL_WIDTH)
        .resizable(false)
        .frame(side)
        .show(ui, |ui| rail_ui::rail_ui(ui, state, out));

    let nothing_open =
        state.model.open.is_none() && state.model.opening.is_none() && state.report().is_none();
    let frame = Frame::new().fill(t.canvas);
    let moved = if nothing_open && matches!(state.side, Side::Step(Step::Model)) {
        CentralPanel::no_frame().frame(frame).show(ui, |ui| empty_ui::empty_ui(ui, state, out));
        false
    } else {
        CentralPanel::no_frame().frame(frame).show(ui, |ui| panels_ui(ui, panels, state, out)).inner
    };

    log_ui::log_ui(ui, state, out);
    history_ui::history_ui(ui, state, out);
    questions_ui::questions_ui(ui, state, out);
    about_ui::about_ui(ui, state, out);
    palette_ui::palette_ui(ui, state, out);
    compare_ui::compare_ui(ui, state, out);
    deploy::sheet_ui(ui, state, out);
    offer_ui::offer_ui(ui, state, out);
    overlay_ui::path_field_ui(ui, state, out);
    overlay_ui::overwrite_ui(ui, state, out);
    toast_ui::toasts_ui(ui, state, out);
    overlay_ui::hover_ui(ui, state);
    moved
}

/// The graph with its legend.
pub(super) fn graph_panel_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    Panel::bottom("legend")
        .exact_size(38.0)
        .show_separator_line(false)
        .frame(Frame::new().fill(t.canvas).inner_margin(Margin::symmetric(14, 0)))
        .show(ui, |ui| legend_ui::legend_ui(ui, state, out));
    let frame = Frame::new().fill(t.canvas);
    CentralPanel::no_frame().frame(frame).show(ui, |ui| graph::graph_ui(ui, state, out));
}

/// The table of operations.
pub(super) fn operations_panel_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let frame =
        Frame::new().fill(tokens(ui).panel).inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 0 });
    CentralPanel::no_frame().frame(frame).show(ui, |ui| table_ui::table_ui(ui, state, out));
}

/// What lies where in the chip's memory.
pub(super) fn memory_panel_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let frame =
        Frame::new().fill(tokens(ui).panel).inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 4 });
    CentralPanel::no_frame().frame(frame).show(ui, |ui| memory::memory_ui(ui, state, out));
}

/// The page of a step, or the selected operation.
pub(super) fn details_panel_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let frame =
        Frame::new().fill(tokens(ui).panel).inner_margin(Margin { left: 16, right: 4, top: 14, bottom: 8 });
    CentralPanel::no_frame().frame(frame).show(ui, |ui| side_ui(ui, state, out));
}

/// The right panel.
fn side_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    // Each page keeps its own place.
    let page = egui::IdSalt::new(format!("{:?}", state.side));
    ScrollArea::vertical().id_salt(page).auto_shrink([false, false]).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - 12.0);
        match state.side {
            Side::Step(Step::Model) => model_ui::model_ui(ui, state, out),
            Side::Step(Step::Pictures) => pictures_ui::pictures_ui(ui, state, out),
            Side::Step(Step::Strategy) => strategy_ui::strategy_ui(ui, state, out),
            Side::Step(Step::Deploy) => deploy::page_ui(ui, state, out),
            Side::Step(Step::Errors) => summary_ui::summary_ui(ui, state, out),
            Side::Runs => runs_ui::runs_ui(ui, state, out),
            Side::Layer => inspector_ui::inspector_ui(ui, state, out),
            Side::Try => try_ui::try_ui(ui, state, out),
        }
    });
}
