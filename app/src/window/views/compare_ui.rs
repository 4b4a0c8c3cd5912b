//! The page that compares runs: figures, paired tests, and every layer.

use std::borrow::Cow;

use egui::{
    Align, Color32, Frame, Grid, Id, Label, Layout, Margin, Modal, RichText, ScrollArea, Sense, Ui, vec2,
};
use egui_extras::{Column, TableBuilder};
use octet_engine::compare::{
    ComparedRun, Comparison, LayerCell, LayerOrder, LayerRow, PairedTest, Verdict, p_in_words,
};

use super::bar_ui::chip;
use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, notice, section};
use super::words;
use crate::i18n::said;
use crate::window::actions::{Action, Actions, RunsAction};
use crate::window::format;
use crate::window::state::{ComparePage, State};
use crate::window::theme::{GAP, ROW_HEIGHT, figures, tokens};
use crate::{key, tr, trn};

/// Width of a run's column.
const RUN_WIDTH: f32 = 190.0;
/// Width of a change within it.
const CHANGE_WIDTH: f32 = 62.0;
/// Width of the column of names.
const NAME_WIDTH: f32 = 330.0;

/// The page, while it is open.
pub(super) fn compare_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(page) = &state.runs.comparison else { return };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let room = ui.ctx().content_rect().size() - vec2(80.0, 110.0);
    let shown = Modal::new(Id::unique("comparison")).frame(frame).show(ui.ctx(), |ui| {
        let columns = page.runs.len() as f32;
        ui.set_width(
            (NAME_WIDTH + GAP + columns * (RUN_WIDTH + GAP) + 40.0)
                .clamp(560.0, room.x.max(560.0))
                .min(room.x),
        );
        ui.set_height(room.y.min(860.0));
        heading_ui(ui, out);
        match &page.result {
            None => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(16.0).color(tokens(ui).accent));
                    caption(ui, "Comparing…");
                });
            }
            Some(comparison) => comparison_ui(ui, state, page, comparison, out),
        }
    });
    if shown.should_close() {
        out.push(Action::Runs(RunsAction::CloseComparison));
    }
}

fn heading_ui(ui: &mut Ui, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(crate::tr!("Comparison of runs")).size(18.0).color(t.strong));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::Cross, "Close the comparison (Esc)").clicked() {
                out.push(Action::Runs(RunsAction::CloseComparison));
            }
        });
    });
    ui.add_space(GAP / 2.0);
}

fn comparison_ui(ui: &mut Ui, state: &State, page: &ComparePage, c: &Comparison, out: &mut Actions) {
    ScrollArea::both().id_salt("figures").max_height(ui.available_height() * 0.55).show(ui, |ui| {
        for (run, path) in c.runs.iter().zip(&page.runs) {
            run_ui(ui, state, c, run, path);
        }
        let t = tokens(ui);
        for note in &c.notes {
            ui.add_space(2.0);
            notice(ui, t.warn, &said(&note.text(), Some(note)), "");
        }
        ui.add_space(GAP);
        figures_ui(ui, c);
        verdicts_ui(ui, c);
    });
    layers_ui(ui, page, c, out);
}

/// What a letter stands for.
fn run_ui(ui: &mut Ui, state: &State, c: &Comparison, run: &ComparedRun, path: &std::path::Path) {
    let t = tokens(ui);
    let known = state.runs.all.iter().find(|r| r.path == path);
    let name = known.map_or_else(|| run.run.clone(), |r| state.runs.name(r));
    ui.horizontal(|ui| {
        ui.label(RichText::new(&run.label).font(figures()).color(t.accent));
        ui.label(RichText::new(name).color(t.strong));
        if c.runs.get(c.reference).is_some_and(|r| r.label == run.label) {
            ui.label(RichText::new(crate::tr!("reference")).small().color(t.weak));
        }
    });
}

/// What stands in a table for one run.
struct Cell {
    value: String,
    /// Its distance from the reference, and whether that is better.
    change: Option<(String, bool)>,
    /// Figures stand under one another; text takes all of the width.
    is_figure: bool,
}

impl Cell {
    fn figure(value: String, change: Option<(String, bool)>) -> Self {
        Cell { value, change, is_figure: true }
    }
    fn text(value: String) -> Self {
        Cell { value, change: None, is_figure: false }
    }
}

/// Flush right; behind a figure there is room for its change in every row.
fn figure_ui(ui: &mut Ui, cell: &Cell, colour: Color32) {
    let t = tokens(ui);
    ui.allocate_ui_with_layout(vec2(RUN_WIDTH, 18.0), Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_width(RUN_WIDTH);
        if cell.is_figure {
            change_ui(
                ui,
                cell.change
                    .as_ref()
                    .map(|(c, better)| (c.as_str(), if *better { t.accent } else { t.error })),
            );
        }
        ui.add(Label::new(RichText::new(&cell.value).font(figures()).color(colour)).truncate());
    });
}

/// A change, in a place of its own width.
fn change_ui(ui: &mut Ui, change: Option<(&str, Color32)>) {
    let size = vec2(CHANGE_WIDTH, 18.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_width(CHANGE_WIDTH);
        if let Some((text, colour)) = change {
            ui.add(Label::new(RichText::new(text).font(figures()).color(colour)).extend());
        }
    });
}

/// One row of figures: its name, and how a run's cell is made.
type Row<'a> = (&'a str, Box<dyn Fn(&ComparedRun) -> Cell + 'a>);

fn figures_ui(ui: &mut Ui, c: &Comparison) {
    let t = tokens(ui);
    let rows = rows();
    Grid::new("figures").num_columns(c.runs.len() + 1).spacing([GAP, 5.0]).show(ui, |ui| {
        ui.allocate_exact_size(vec2(NAME_WIDTH, 1.0), Sense::hover());
        for run in &c.runs {
            figure_ui(ui, &Cell::figure(run.label.clone(), None), t.accent);
        }
        ui.end_row();
        for (name, cell) in &rows {
            ui.label(RichText::new(tr!(name)).color(t.weak));
            for run in &c.runs {
                figure_ui(ui, &cell(run), t.strong);
            }
            ui.end_row();
        }
    });
}

fn rows<'a>() -> Vec<Row<'a>> {
    let last = |id: &String| id.rsplit('.').next().unwrap_or(id).to_owned();
    vec![
        (key!("Model"), Box::new(|r| Cell::text(r.model.name.clone()))),
        (key!("Target"), Box::new(|r| Cell::text(chip(&r.target)))),
        (
            key!("Strategy"),
            Box::new(move |r| Cell::text(r.strategy.iter().map(last).collect::<Vec<_>>().join(" → "))),
        ),
        (
            key!("Top-1"),
            Box::new(|r| {
                let value = r.evaluation.as_ref().and_then(|e| e.quantized).map(|a| a.top1);
                ratio(value, r.difference.as_ref().and_then(|d| d.top1), true)
            }),
        ),
        (
            key!("Top-5"),
            Box::new(|r| {
                let value = r.evaluation.as_ref().and_then(|e| e.quantized).map(|a| a.top5);
                ratio(value, r.difference.as_ref().and_then(|d| d.top5), true)
            }),
        ),
        (
            key!("Same class as float"),
            Box::new(|r| {
                let value = r.evaluation.as_ref().map(|e| e.agreement);
                ratio(value, r.difference.as_ref().and_then(|d| d.agreement), true)
            }),
        ),
        (
            key!("Error of the scores"),
            Box::new(|r| {
                let value = r.evaluation.as_ref().map(|e| e.output_nsr);
                ratio(value, r.difference.as_ref().and_then(|d| d.output_nsr), false)
            }),
        ),
        (
            key!("The same, calibration pictures"),
            Box::new(|r| {
                ratio(r.r#final.graphwise_nsr, r.difference.as_ref().and_then(|d| d.graphwise_nsr), false)
            }),
        ),
        (
            key!("Flash"),
            Box::new(|r| {
                let change = bytes(r.difference.as_ref().map(|d| d.flash_bytes));
                Cell::figure(format::bytes(r.memory.flash_bytes), change)
            }),
        ),
        (
            key!("RAM for activations"),
            Box::new(|r| {
                let change = bytes(r.difference.as_ref().map(|d| d.arena_bytes));
                Cell::figure(format::bytes(r.memory.arena_bytes), change)
            }),
        ),
        (
            key!("Time (estimate)"),
            Box::new(|r| {
                let value = r.latency_ms.map_or_else(dash, |ms| format!("{ms:.0} ms"));
                let change = r.difference.as_ref().and_then(|d| d.latency_ms).filter(|ms| ms.abs() >= 0.5);
                Cell::figure(value, change.map(|ms| (format!("{ms:+.0}"), ms < 0.0)))
            }),
        ),
    ]
}

fn dash() -> String {
    "–".to_owned()
}

/// Per cent, with the change in percentage points.
fn ratio(value: Option<f64>, change: Option<f64>, more_is_better: bool) -> Cell {
    let change = change.filter(|c| c.abs() >= 0.000_005);
    Cell::figure(
        value.map_or_else(dash, format::percent),
        change.map(|c| (format!("{:+.2}", c * 100.0), (c > 0.0) == more_is_better)),
    )
}

fn bytes(change: Option<i64>) -> Option<(String, bool)> {
    let change = change.filter(|c| *c != 0)?;
    let sign = if change < 0 { "−" } else { "+" };
    Some((format!("{sign}{}", format::bytes(change.unsigned_abs())), change < 0))
}

/// The paired tests in words.
fn verdicts_ui(ui: &mut Ui, c: &Comparison) {
    let t = tokens(ui);
    let tested: Vec<_> = c.runs.iter().filter_map(|run| Some((run, run.tests.as_ref()?))).collect();
    let Some(reference) = c.runs.get(c.reference).filter(|_| !tested.is_empty()) else { return };
    section(ui, &tr!("Picture by picture against %{run} (exact McNemar test)", run = reference.label));
    for (run, tests) in tested {
        for (name, test) in [(key!("top-1"), &tests.top1), (key!("agreement with float"), &tests.agreement)] {
            let Some(test) = test else { continue };
            let colour = match test.verdict {
                Verdict::Better => t.accent,
                Verdict::Worse => t.error,
                Verdict::NoDifference => t.text,
            };
            ui.horizontal(|ui| {
                ui.label(RichText::new(&run.label).font(figures()).color(t.accent));
                ui.label(RichText::new(tr!(name)).color(t.weak));
                ui.label(RichText::new(verdict_words(test)).color(colour));
            });
            let words = tr!(
                "of %{pictures} pictures, %{one} only in %{run} and %{other} only in %{reference}",
                pictures = test.pictures,
                one = test.only_run,
                run = run.label,
                other = test.only_reference,
                reference = reference.label
            );
            ui.label(RichText::new(words).small().color(t.weak));
        }
    }
}

/// What a paired test says, with its p.
fn verdict_words(test: &PairedTest) -> Cow<'static, str> {
    let p = p_in_words(test.p_holm);
    match test.verdict {
        Verdict::Better => tr!("better (%{p})", p = p),
        Verdict::Worse => tr!("worse (%{p})", p = p),
        Verdict::NoDifference => trn!(
            test.pictures,
            "no difference that 1 picture can show (%{p})",
            "no difference that %{n} pictures can show (%{p})",
            p = p
        ),
    }
}

fn layers_ui(ui: &mut Ui, page: &ComparePage, c: &Comparison, out: &mut Actions) {
    section(ui, "Layers");
    ui.horizontal(|ui| {
        for (layerwise, words) in [(false, key!("Graphwise error, %")), (true, key!("Layerwise error, %"))] {
            if ui.selectable_label(page.layerwise == layerwise, tr!(words)).clicked() {
                out.push(Action::Runs(RunsAction::ShowLayerwise(layerwise)));
            }
        }
        ui.separator();
        for (order, words) in [
            (LayerOrder::Change, key!("Biggest change first")),
            (LayerOrder::Graph, key!("Order of the graph")),
        ] {
            if ui.selectable_label(page.order == order, tr!(words)).clicked() {
                out.push(Action::Runs(RunsAction::SortLayers(order)));
            }
        }
    });
    let table = TableBuilder::new(ui)
        .id_salt("compared layers")
        .striped(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::initial(NAME_WIDTH).at_least(120.0).clip(true))
        .columns(Column::initial(RUN_WIDTH).at_least(110.0), c.runs.len());
    table
        .header(ROW_HEIGHT, |mut header| {
            header.col(|ui| {
                let t = tokens(ui);
                ui.label(RichText::new(crate::tr!("Operation")).small().color(t.weak));
            });
            for run in &c.runs {
                header.col(|ui| {
                    let t = tokens(ui);
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        change_ui(ui, None);
                        ui.label(RichText::new(&run.label).font(figures()).color(t.accent));
                    });
                });
            }
        })
        .body(|body| {
            body.rows(ROW_HEIGHT, c.layers.len(), |mut line| {
                let row = &c.layers[line.index()];
                line.col(|ui| {
                    let chars = ((ui.available_width() / 6.9) as usize).max(8);
                    let text = RichText::new(words::tail(&row.name, chars)).color(tokens(ui).text);
                    ui.add(Label::new(text).extend());
                });
                for cell in &row.cells {
                    line.col(|ui| cell_ui(ui, row, cell.as_ref(), page.layerwise));
                }
                let response = line.response();
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, &row.name));
                if response.clicked() {
                    out.push(Action::Select(Some(row.name.clone())));
                    out.push(Action::Runs(RunsAction::CloseComparison));
                }
            });
        });
}

fn cell_ui(ui: &mut Ui, row: &LayerRow, cell: Option<&LayerCell>, layerwise: bool) {
    let t = tokens(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let Some(cell) = cell else {
            ui.label(RichText::new(dash()).font(figures()).color(t.unmeasured));
            return;
        };
        let difference = cell.difference.as_ref();
        let (value, change) = if layerwise {
            (cell.layerwise_nsr, difference.and_then(|d| d.layerwise_nsr))
        } else {
            (cell.graphwise_nsr, difference.and_then(|d| d.graphwise_nsr))
        };
        let colour = match change {
            Some(c) if c.abs() >= 0.000_005 && c < 0.0 => t.accent,
            Some(c) if c.abs() >= 0.000_005 => t.error,
            _ => t.weak,
        };
        let text = change.map(|c| format!("{:+.3}", c * 100.0));
        change_ui(ui, text.as_deref().map(|text| (text, colour)));
        let text = value.map_or_else(dash, format::percent_column);
        ui.add(Label::new(RichText::new(text).font(figures()).color(t.strong)).extend());
        if row.bits_differ {
            ui.label(RichText::new(format!("{} bit", cell.bits)).small().color(t.weak));
        }
    });
}
