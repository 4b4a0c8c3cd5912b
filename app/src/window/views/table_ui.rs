//! The table of layers.

use egui::{Align, CornerRadius, Label, Layout, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2};
use egui_extras::{Column as Width, TableBuilder};

use super::words;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::heat::Scale;
use crate::window::state::{Column, Row, State, rows};
use crate::window::theme::{ROW_HEIGHT, figures, tokens};

/// Scales of the two columns of figures.
struct Scales {
    graphwise: Option<Scale>,
    layerwise: Option<Scale>,
}

/// The table.
pub(super) fn table_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let rows = rows(state);
    if rows.is_empty() {
        ui.centered_and_justified(|ui| {
            ui.label(RichText::new("The operations will be listed here.").color(tokens(ui).weak));
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
    let bars = (ui.available_width() * 0.125).clamp(104.0, 190.0);
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
    if let Some(row) = scroll_to {
        table = table.scroll_to_row(row, None);
    }
    table
        .header(26.0, |mut header| {
            for column in Column::ALL {
                header.col(|ui| heading_ui(ui, state, column, out));
            }
        })
        .body(|body| {
            body.rows(ROW_HEIGHT, rows.len(), |mut line| {
                let row = &rows[line.index()];
                let is_selected = selected == Some(line.index());
                line.set_selected(is_selected);
                for column in Column::ALL {
                    line.col(|ui| cell_ui(ui, row, column, &scales));
                }
                let response = line.response();
                let label = || WidgetInfo::selected(Role::Row, true, is_selected, &row.name);
                response.widget_info(label);
                if response.clicked() {
                    out.push(Action::Select(Some(row.name.clone())));
                }
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
    let text = RichText::new(format!("{}{sign}", column.title())).small();
    let text = text.color(if sorted { t.strong } else { t.weak });
    let layout = if is_figure(column) {
        Layout::right_to_left(Align::Center)
    } else {
        Layout::left_to_right(Align::Center)
    };
    ui.with_layout(layout, |ui| {
        let heading = ui.add(Label::new(text).sense(Sense::click()).truncate());
        heading.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, column.title()));
        if heading.on_hover_text(column.explanation()).clicked() {
            out.push(Action::SortBy(column));
        }
    });
}

fn is_figure(column: Column) -> bool {
    !matches!(column, Column::Operation | Column::Op)
}

fn cell_ui(ui: &mut Ui, row: &Row, column: Column, scales: &Scales) {
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
        Column::Bits => figure_ui(ui, row.bits.map(|b| b.to_string())),
        Column::Graphwise => bar_ui(ui, row.graphwise, scales.graphwise),
        Column::Layerwise => bar_ui(ui, row.layerwise, scales.layerwise),
        Column::Weights => {
            let text = format::exponents(&row.weight_exponents);
            figure_ui(ui, Some(text));
        }
        Column::Output => figure_ui(ui, row.output_exponent.map(|e| e.to_string())),
        Column::Macs => figure_ui(ui, (row.macs > 0).then(|| format::millions_column(row.macs))),
        Column::Bytes => {
            figure_ui(ui, row.bytes.filter(|b| *b > 0).map(format::kib_column));
        }
    }
}

/// A figure, flush right.
fn figure_ui(ui: &mut Ui, text: Option<String>) {
    let t = tokens(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let text = match text {
            Some(text) => RichText::new(text).color(t.text),
            None => RichText::new("–").color(t.unmeasured),
        };
        ui.add(Label::new(text.font(figures())).extend());
    });
}

/// A bar in the colour of the heat scale, and the figure.
fn bar_ui(ui: &mut Ui, figure: Option<f64>, scale: Option<Scale>) {
    const FIGURE_WIDTH: f32 = 66.0;
    let rect = ui.available_rect_before_wrap();
    if let (Some(figure), Some(scale)) = (figure, scale) {
        let room = (rect.width() - FIGURE_WIDTH).max(8.0);
        let width = (scale.position(figure) * room).max(2.0);
        let y = rect.center().y;
        let bar = Rect::from_min_max(pos2(rect.left(), y - 5.0), pos2(rect.left() + width, y + 5.0));
        ui.painter().rect_filled(bar, CornerRadius::same(2), scale.colour(figure));
    }
    figure_ui(ui, figure.map(format::percent_column));
}
