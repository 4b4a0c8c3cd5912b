//! The table of layers.

use egui::{Align, CornerRadius, Label, Layout, Rect, RichText, Role, Sense, TextEdit, Ui, WidgetInfo, pos2};
use egui_extras::{Column as Width, TableBuilder};

use super::edit_ui::edit_menu_ui;
use super::words;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::heat::Scale;
use crate::window::state::{Column, Row, State, TableFormat, rows};
use crate::window::theme::{ROW_HEIGHT, figures, tokens};
use crate::{key, tr, trn};

/// Scales of the two columns of figures.
struct Scales {
    graphwise: Option<Scale>,
    layerwise: Option<Scale>,
}

/// Width of the column of what a board measured.
const MEASURED_WIDTH: f32 = 96.0;

/// The table.
pub(super) fn table_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let rows = rows(state);
    if state.model.open.is_some() || state.report().is_some() {
        tools_ui(ui, state, rows.len(), out);
    }
    if rows.is_empty() && !state.table.filter.trim().is_empty() {
        ui.centered_and_justified(|ui| {
            ui.label(
                RichText::new(crate::tr!("No operation has this text in its name or kind."))
                    .color(tokens(ui).weak),
            );
        });
        return;
    }
    if rows.is_empty() {
        ui.centered_and_justified(|ui| {
            ui.label(RichText::new(crate::tr!("The operations will be listed here.")).color(tokens(ui).weak));
        });
        return;
    }
    let scales = Scales {
        graphwise: Scale::of(rows.iter().filter_map(|r| r.graphwise)),
        layerwise: Scale::of(rows.iter().filter_map(|r| r.layerwise)),
    };
    let selected = state.selection.as_ref().and_then(|s| rows.iter().position(|r| r.name == *s));
    let scroll_to = moved_to(ui, state, selected);
    // The columns of bars take a share of the width, the names take what is left.
    let room = ui.available_width() - if state.measured().is_some() { MEASURED_WIDTH } else { 0.0 };
    let bars = (room * 0.125).clamp(92.0, 190.0);
    let mut table = TableBuilder::new(ui)
        .id_salt("layers")
        .sense(Sense::click())
        .auto_shrink([false, false])
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Width::remainder().at_least(120.0).clip(true))
        .column(Width::exact(72.0))
        .column(Width::exact(34.0))
        .column(Width::exact(bars))
        .column(Width::exact(bars))
        .column(Width::exact(72.0))
        .column(Width::exact(54.0))
        .column(Width::exact(62.0))
        .column(Width::exact(52.0));
    if state.measured().is_some() {
        table = table.column(Width::exact(MEASURED_WIDTH));
    }
    if let Some(row) = scroll_to {
        table = table.scroll_to_row(row, None);
    }
    table
        .header(26.0, |mut header| {
            for column in Column::shown(state) {
                header.col(|ui| heading_ui(ui, state, column, out));
            }
        })
        .body(|body| {
            body.rows(ROW_HEIGHT, rows.len(), |mut line| {
                let row = &rows[line.index()];
                let is_selected = selected == Some(line.index()) || state.marked.contains(&row.name);
                line.set_selected(is_selected);
                for column in Column::shown(state) {
                    line.col(|ui| cell_ui(ui, state, row, column, &scales));
                }
                let response = line.response();
                let label = || WidgetInfo::selected(Role::Row, true, is_selected, &row.name);
                response.widget_info(label);
                if response.clicked() {
                    let modifiers = response.ctx.input(|i| i.modifiers);
                    out.push(match (modifiers.command, modifiers.shift) {
                        (true, _) => Action::Mark(row.name.clone()),
                        (false, true) => Action::MarkTo(row.name.clone()),
                        (false, false) => Action::Select(Some(row.name.clone())),
                    });
                }
                response.context_menu(|ui| {
                    let operations = match state.marked.contains(&row.name) {
                        true => state.marked.iter().cloned().collect(),
                        false => vec![row.name.clone()],
                    };
                    edit_menu_ui(ui, state, &operations, out);
                });
            });
        });
}

/// Above the table: the filter, what it is compared with, the ways to copy it.
fn tools_ui(ui: &mut Ui, state: &State, shown: usize, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        let mut filter = state.table.filter.clone();
        let field = TextEdit::singleline(&mut filter)
            .hint_text(crate::tr!("Filter by name or kind"))
            .desired_width(190.0);
        if ui.add(field).accessible_name(tr!("Filter operations")).changed() {
            out.push(Action::Filter(filter));
        }
        let marked = match state.marked.len() {
            0 => trn!(shown, "1 operation", "%{n} operations"),
            n => tr!("%{n} of %{total} marked", n = n, total = shown),
        };
        ui.label(RichText::new(marked).small().color(t.weak));
        let compared = state.runs.reference.filter(|r| state.runs.shown != Some(*r));
        if let Some(run) = compared.and_then(|r| state.runs.all.get(r)) {
            ui.label(RichText::new(tr!("compared with %{run}", run = run.name())).small().color(t.accent));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.menu_button(RichText::new(crate::tr!("Copy table")).small(), |ui| {
                for (text, format) in
                    [(key!("As CSV"), TableFormat::Csv), (key!("As Markdown"), TableFormat::Markdown)]
                {
                    if ui.button(tr!(text)).clicked() {
                        out.push(Action::CopyTable(format));
                        ui.close();
                    }
                }
            })
            .response
            .on_hover_text(crate::tr!("Put the table on the clipboard"));
        });
    });
}

/// The row to scroll to: the selected one, in the frame in which the selection changed.
fn moved_to(ui: &Ui, state: &State, selected: Option<usize>) -> Option<usize> {
    let id = ui.scope_id().with("selection of the last frame");
    let last: Option<Option<String>> = ui.data(|d| d.get_temp(id));
    if last.as_ref() == Some(&state.selection) {
        return None;
    }
    ui.data_mut(|d| d.insert_temp(id, state.selection.clone()));
    selected
}

fn heading_ui(ui: &mut Ui, state: &State, column: Column, out: &mut Actions) {
    let t = tokens(ui);
    let sorted = state.table.column == column;
    let sign = match (sorted && column != Column::Operation, state.table.descending) {
        (false, false) => "",
        (_, true) => " ↓",
        (true, false) => " ↑",
    };
    let sign = if sorted { sign } else { "" };
    let text = RichText::new(format!("{}{sign}", crate::tr!(column.title()))).small();
    let text = text.color(if sorted { t.strong } else { t.weak });
    let layout = if is_figure(column) {
        Layout::right_to_left(Align::Center)
    } else {
        Layout::left_to_right(Align::Center)
    };
    ui.with_layout(layout, |ui| {
        let heading = ui.add(Label::new(text).sense(Sense::click()).truncate());
        heading.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, crate::tr!(column.title())));
        if heading.on_hover_text(crate::tr!(column.explanation())).clicked() {
            out.push(Action::SortBy(column));
        }
    });
}

fn is_figure(column: Column) -> bool {
    !matches!(column, Column::Operation | Column::Op)
}

fn cell_ui(ui: &mut Ui, state: &State, row: &Row, column: Column, scales: &Scales) {
    let t = tokens(ui);
    match column {
        Column::Operation => {
            // About this many characters fit; the end of a name tells it from others.
            let chars = (ui.available_width() / 6.9) as usize;
            let text = RichText::new(words::tail(&row.name, chars.max(8))).color(t.text);
            ui.add(Label::new(text).extend());
        }
        Column::Op => {
            let kind = if row.op == "DepthwiseConv" { "DWConv" } else { &row.op };
            let label = ui.add(Label::new(RichText::new(kind).color(t.weak)).truncate());
            label.on_hover_text(&row.op);
        }
        Column::Bits => bits_ui(ui, state, row),
        Column::Graphwise => {
            bar_ui(
                ui,
                row.graphwise,
                row.before.and_then(|b| b.graphwise),
                scales.graphwise,
                state.is_outdated(),
            );
        }
        Column::Layerwise => {
            bar_ui(
                ui,
                row.layerwise,
                row.before.and_then(|b| b.layerwise),
                scales.layerwise,
                state.is_outdated(),
            );
        }
        Column::Weights => {
            let text = format::exponents(&row.weight_exponents);
            figure_ui(ui, Some(text));
        }
        Column::Output => figure_ui(ui, row.output_exponent.map(|e| e.to_string())),
        Column::Macs => figure_ui(ui, (row.macs > 0).then(|| format::millions_column(row.macs))),
        Column::Bytes => {
            figure_ui(ui, row.bytes.filter(|b| *b > 0).map(format::kib_column));
        }
        Column::Measured => measured_ui(ui, row),
    }
}

/// What a board took, with the estimate before it.
fn measured_ui(ui: &mut Ui, row: &Row) {
    let t = tokens(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let measured = row.measured_us.map(format::milliseconds_column);
        let colour = if measured.is_some() { t.strong } else { t.unmeasured };
        let text = RichText::new(measured.unwrap_or_else(|| "–".to_owned())).font(figures()).color(colour);
        let figure = ui.add(Label::new(text).extend());
        if let Some(estimated) = row.estimated_us {
            let text = RichText::new(format!("≈{}", format::milliseconds_column(estimated)));
            ui.add(Label::new(text.small().color(t.weak)).extend());
            if let Some(measured) = row.measured_us {
                let (estimate, board) = (format::milliseconds(estimated), format::milliseconds(measured));
                figure.on_hover_text(tr!(
                    "%{board} on the board, estimated were %{estimate}",
                    board = board,
                    estimate = estimate
                ));
            }
        }
    });
}

/// A figure, flush right.
fn figure_ui(ui: &mut Ui, text: Option<String>) {
    let t = tokens(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let text = match text {
            Some(text) => RichText::new(text).color(t.text),
            None => RichText::new(crate::tr!("–")).color(t.unmeasured),
        };
        ui.add(Label::new(text.font(figures())).extend());
    });
}

/// The width; a change by hand that no run has yet stands beside it.
fn bits_ui(ui: &mut Ui, state: &State, row: &Row) {
    let t = tokens(ui);
    let by_hand = state.edits.widths.get(&row.name).copied();
    let Some(wanted) = by_hand.filter(|wanted| row.bits != Some(*wanted)) else {
        let changed = row.before.is_some_and(|b| row.bits != Some(b.bits));
        let colour = if changed || by_hand.is_some() { t.accent } else { t.text };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let text = row.bits.map_or_else(|| "–".to_owned(), |b| b.to_string());
            let label = ui.add(Label::new(RichText::new(text).font(figures()).color(colour)).extend());
            if let Some(before) = row.before.filter(|_| changed) {
                label.on_hover_text(tr!("%{n} bits before", n = before.bits));
            }
        });
        return;
    };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.add(Label::new(RichText::new(wanted.to_string()).font(figures()).color(t.accent)).extend());
        if let Some(bits) = row.bits {
            let old = RichText::new(bits.to_string()).font(figures()).strikethrough().color(t.weak);
            ui.add(Label::new(old).extend());
        }
    });
}

/// A bar in the colour of the heat scale, and the figure; a tick where the run compared with has its end. A figure that
/// a change has made old is struck out.
fn bar_ui(ui: &mut Ui, figure: Option<f64>, before: Option<f64>, scale: Option<Scale>, outdated: bool) {
    const FIGURE_WIDTH: f32 = 66.0;
    let t = tokens(ui);
    let rect = ui.available_rect_before_wrap();
    let room = (rect.width() - FIGURE_WIDTH).max(8.0);
    let y = rect.center().y;
    if let (Some(figure), Some(scale)) = (figure, scale) {
        let width = (scale.position(figure) * room).max(2.0);
        let bar = Rect::from_min_max(pos2(rect.left(), y - 5.0), pos2(rect.left() + width, y + 5.0));
        let colour = scale.colour(figure);
        let colour = if outdated { colour.gamma_multiply(0.35) } else { colour };
        ui.painter().rect_filled(bar, CornerRadius::same(2), colour);
    }
    if let (Some(before), Some(scale)) = (before, scale) {
        let x = rect.left() + scale.position(before).clamp(0.0, 1.0) * room;
        ui.painter().line_segment([pos2(x, y - 7.0), pos2(x, y + 7.0)], egui::Stroke::new(1.5, t.strong));
    }
    let colour = match (figure, before) {
        (Some(now), Some(before)) if now < before * 0.995 => t.accent,
        (Some(now), Some(before)) if now > before * 1.005 => t.warn,
        (None, _) => t.unmeasured,
        _ => t.text,
    };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let text = figure.map_or_else(|| "–".to_owned(), format::percent_column);
        let mut text = RichText::new(text).font(figures()).color(colour);
        if outdated && figure.is_some() {
            text = text.strikethrough().color(t.weak);
        }
        let label = ui.add(Label::new(text).extend());
        if let (Some(before), Some(now)) = (before, figure) {
            label.on_hover_text(tr!(
                "%{before} before, %{now} now",
                before = format::percent(before),
                now = format::percent(now)
            ));
        }
    });
}
