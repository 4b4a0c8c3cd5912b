//! The search: a field with the operations that it finds. Enter and a click go to one of them.

use egui::{
    Area, CornerRadius, Frame, Id, Key, Label, Margin, Modifiers, Order, Rect, Response, RichText, Role,
    ScrollArea, Sense, Stroke, TextEdit, Ui, WidgetInfo, vec2,
};

use crate::tr;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::graph::Hit;
use crate::window::state::{Find, State};
use crate::window::theme::{RADIUS, Tokens, tokens};
use crate::window::views::icon_ui::{Icon, icon_button};
use crate::window::words;

/// Height of a hit.
const ROW: f32 = 36.0;
/// Hits seen at once.
const ROWS: f32 = 7.0;

/// Draws it while it is open.
pub(super) fn find_ui(ui: &Ui, state: &State, canvas: Rect, out: &mut Actions) {
    let Some(find) = &state.graph.find else { return };
    let t = tokens(ui);
    let width = (canvas.width() - 80.0).clamp(120.0, 340.0);
    let area = Area::new(Id::unique("find")).order(Order::Middle).fixed_pos(canvas.min + vec2(12.0, 10.0));
    area.constrain_to(canvas).show(ui.ctx(), |ui| {
        let frame = Frame::new()
            .fill(t.panel)
            .stroke(Stroke::new(1.0, t.line))
            .corner_radius(CornerRadius::same(RADIUS + 2))
            .inner_margin(Margin::same(8));
        frame.show(ui, |ui| {
            ui.set_width(width);
            field_ui(ui, find, out);
            if !find.text.trim().is_empty() {
                hits_ui(ui, t, find, canvas.height(), out);
            }
        });
    });
}

/// Arrows and Enter belong to the list while the field has the keyboard; true for Enter.
fn keys(ui: &Ui, find: &Find, out: &mut Actions) -> bool {
    let mut push = |action| out.push(Action::Graph(action));
    ui.input_mut(|i| {
        if i.consume_key(Modifiers::NONE, Key::ArrowDown) {
            push(GraphAction::MoveFind(1));
        }
        if i.consume_key(Modifiers::NONE, Key::ArrowUp) {
            push(GraphAction::MoveFind(-1));
        }
        let is_enter = i.key_pressed(Key::Enter);
        if is_enter && !find.hits.is_empty() {
            push(GraphAction::TakeFind(find.chosen));
        }
        is_enter
    })
}

fn field_ui(ui: &mut Ui, find: &Find, out: &mut Actions) {
    ui.horizontal(|ui| {
        let id = Id::unique("find text");
        let is_enter = ui.memory(|m| m.has_focus(id)) && keys(ui, find, out);
        let mut text = find.text.clone();
        let edit = TextEdit::singleline(&mut text)
            .hint_text(tr!("Name or operation, e.g. depthwise 5"))
            .desired_width(ui.available_width() - 34.0);
        let response = ui.add(edit.id(id)).accessible_name(tr!("Find an operation"));
        // It has the keyboard from the start; Enter, which gives it up, does not close the search.
        if !is_known(ui, id) || is_enter {
            response.request_focus();
        }
        if response.changed() {
            out.push(Action::Graph(GraphAction::EditFind(text)));
        }
        if icon_button(ui, Icon::Cross, &tr!("Close the search (Esc)")).clicked() {
            out.push(Action::Graph(GraphAction::ShowFind(false)));
        }
    });
}

/// True when the field was there in the last frame.
fn is_known(ui: &Ui, id: Id) -> bool {
    let now = ui.ctx().cumulative_pass_nr();
    let last: Option<u64> = ui.data(|d| d.get_temp(id));
    ui.data_mut(|d| d.insert_temp(id, now));
    last.is_some_and(|last| last + 1 >= now)
}

fn hits_ui(ui: &mut Ui, t: &Tokens, find: &Find, room: f32, out: &mut Actions) {
    let words = match find.hits.len() {
        0 => tr!("Nothing of that name or kind"),
        1 => tr!("1 operation"),
        n => tr!("%{n} operations", n = n),
    };
    ui.label(RichText::new(words).small().color(t.weak));
    if find.hits.is_empty() {
        return;
    }
    let height = (ROW * ROWS).min(room - 90.0).max(ROW);
    // The area takes its size from what is in it: the list says how much that is.
    let needed = height.min(ROW * find.hits.len() as f32);
    let mut scroll =
        ScrollArea::vertical().max_height(height).min_scrolled_height(needed).auto_shrink([false, true]);
    let id = Id::unique("chosen hit");
    let moved = ui.data(|d| d.get_temp::<usize>(id)) != Some(find.chosen);
    if moved {
        ui.data_mut(|d| d.insert_temp(id, find.chosen));
        // The chosen one in the middle of the list.
        scroll = scroll.vertical_scroll_offset((find.chosen as f32 * ROW - (height - ROW) / 2.0).max(0.0));
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    scroll.show_rows(ui, ROW, find.hits.len(), |ui, range| {
        for index in range {
            if hit_ui(ui, t, &find.hits[index], index == find.chosen).clicked() {
                out.push(Action::Graph(GraphAction::TakeFind(index)));
            }
        }
    });
}

fn hit_ui(ui: &mut Ui, t: &Tokens, hit: &Hit, is_chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, is_chosen, &hit.name));
    if is_chosen || response.hovered() {
        let fill = if is_chosen { t.accent_faint } else { t.card_hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS - 1), fill);
    }
    let inside = rect.shrink2(vec2(8.0, 3.0));
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(inside));
    ui.spacing_mut().item_spacing.y = 1.0;
    ui.add(Label::new(RichText::new(format!("{} · {}", hit.title, hit.group)).color(t.text)).truncate());
    // The end of a name tells it from others.
    let chars = (inside.width() / 6.2) as usize;
    ui.add(Label::new(RichText::new(words::tail(&hit.name, chars.max(8))).small().color(t.weak)).truncate());
    response
}
