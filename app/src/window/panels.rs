//! Where the panels are: a tree of tiles that the user can drag, kept from one start to the next.

use egui_tiles::{Behavior, Container, Linear, LinearDir, Tile, TileId, Tiles, Tree, UiResponse};
use serde::{Deserialize, Serialize};

use super::actions::Actions;
use super::state::State;
use super::theme::tokens;
use super::views;

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Panel {
    /// The network, with its legend.
    Graph,
    /// The operations and their errors.
    Operations,
    /// What lies where in the chip's memory.
    Memory,
    /// The step of the path, or the selected operation.
    Details,
}

impl Panel {
    const ALL: [Panel; 4] = [Panel::Graph, Panel::Operations, Panel::Memory, Panel::Details];

    /// Title of its tab.
    pub fn title(self) -> &'static str {
        match self {
            Panel::Graph => "Graph",
            Panel::Operations => "Operations",
            Panel::Memory => "Memory",
            Panel::Details => "Inspector",
        }
    }
}

/// Panels that are smaller in either direction are not drawn.
const SMALLEST: f32 = 48.0;

/// The tree of panels.
pub type Panels = Tree<Panel>;

/// The panels where they are at first: the graph above the table, the details on the right.
pub fn at_first() -> Panels {
    let mut tiles = Tiles::default();
    let [graph, operations, memory, details] = Panel::ALL.map(|p| tiles.insert_pane(p));
    let [graph, operations, details] =
        [vec![graph], vec![operations, memory], vec![details]].map(|panes| tiles.insert_tab_tile(panes));
    let mut left = Linear::new(LinearDir::Vertical, vec![graph, operations]);
    left.shares.set_share(graph, 0.62);
    left.shares.set_share(operations, 0.38);
    let left = tiles.insert_container(Container::Linear(left));
    let mut all = Linear::new(LinearDir::Horizontal, vec![left, details]);
    all.shares.set_share(left, 0.72);
    all.shares.set_share(details, 0.28);
    let root = tiles.insert_container(Container::Linear(all));
    Tree::new(egui::Id::unique("panels"), root, tiles)
}

/// The panels as they were kept; as at first when one is missing or there twice.
pub fn restored(kept: Option<&serde_json::Value>) -> Panels {
    let Some(kept) = kept else { return at_first() };
    match serde_json::from_value::<Panels>(kept.clone()).map(with_memory) {
        Ok(tree) if is_whole(&tree) => tree,
        Ok(_) => at_first(),
        Err(error) => {
            tracing::warn!("the places of the panels are damaged and start anew: {error}");
            at_first()
        }
    }
}

/// Layouts of before there was a memory map get it as a tab beside the operations.
fn with_memory(mut tree: Panels) -> Panels {
    if tree.tiles.find_pane(&Panel::Memory).is_none()
        && let Some(tabs) = tree.tiles.find_pane(&Panel::Operations).and_then(|p| tree.tiles.parent_of(p))
        && let Some(Tile::Container(Container::Tabs(_))) = tree.tiles.get(tabs)
    {
        let memory = tree.tiles.insert_pane(Panel::Memory);
        if let Some(Tile::Container(Container::Tabs(tabs))) = tree.tiles.get_mut(tabs) {
            tabs.children.push(memory);
        }
    }
    tree
}

/// Brings a panel to the front.
pub fn show(tree: &mut Panels, panel: Panel) {
    tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == panel));
}

fn is_whole(tree: &Panels) -> bool {
    let panes = |wanted: Panel| {
        let of_tree = tree.tiles.tiles().filter(|tile| matches!(tile, Tile::Pane(pane) if *pane == wanted));
        of_tree.count()
    };
    tree.root.is_some_and(|root| tree.tiles.get(root).is_some())
        && Panel::ALL.into_iter().all(|p| panes(p) == 1)
}

/// Draws panels for the tree.
pub(super) struct Drawing<'a> {
    /// What is drawn.
    pub(super) state: &'a State,
    /// What the user does.
    pub(super) out: &'a mut Actions,
    /// The tree was changed by the user.
    pub(super) edited: bool,
}

impl Behavior<Panel> for Drawing<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _tile: TileId, panel: &mut Panel) -> UiResponse {
        // A panel squeezed to a line has no room for anything.
        if ui.available_width() < SMALLEST || ui.available_height() < SMALLEST {
            return UiResponse::None;
        }
        match panel {
            Panel::Graph => views::graph_panel_ui(ui, self.state, self.out),
            Panel::Operations => views::operations_panel_ui(ui, self.state, self.out),
            Panel::Memory => views::memory_panel_ui(ui, self.state, self.out),
            Panel::Details => views::details_panel_ui(ui, self.state, self.out),
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> egui::WidgetText {
        egui::RichText::new(crate::tr!(panel.title())).small().into()
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        22.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        if visuals.dark_mode { super::theme::DARK.panel } else { super::theme::LIGHT.panel }
    }

    fn resize_stroke(&self, style: &egui::Style, state: egui_tiles::ResizeState) -> egui::Stroke {
        let t = if style.visuals.dark_mode { &super::theme::DARK } else { &super::theme::LIGHT };
        match state {
            egui_tiles::ResizeState::Idle => egui::Stroke::new(1.0, t.line),
            egui_tiles::ResizeState::Hovering => egui::Stroke::new(2.0, t.edge),
            egui_tiles::ResizeState::Dragging => egui::Stroke::new(2.0, t.accent),
        }
    }

    fn on_edit(&mut self, _action: egui_tiles::EditAction) {
        self.edited = true;
    }
}

/// Draws all panels; true when the user moved one.
pub(super) fn panels_ui(ui: &mut egui::Ui, panels: &mut Panels, state: &State, out: &mut Actions) -> bool {
    let fill = tokens(ui).canvas;
    ui.painter().rect_filled(ui.available_rect_before_wrap(), 0.0, fill);
    let mut drawing = Drawing { state, out, edited: false };
    panels.ui(&mut drawing, ui);
    drawing.edited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_come_back_where_they_were() {
        let tree = at_first();
        let kept = serde_json::to_value(&tree).unwrap();
        assert!(is_whole(&tree));
        assert_eq!(serde_json::to_value(restored(Some(&kept))).unwrap(), kept);
    }

    #[test]
    fn a_layout_without_a_memory_map_gets_one_and_keeps_the_rest() {
        let mut tree = at_first();
        let memory = tree.tiles.find_pane(&Panel::Memory).unwrap();
        let tabs = tree.tiles.parent_of(memory).unwrap();
        tree.tiles.remove(memory);
        if let Some(Tile::Container(container)) = tree.tiles.get_mut(tabs) {
            container.remove_child(memory);
        }
        let before = tree.tiles.len();
        let kept = serde_json::to_value(&tree).unwrap();
        let restored = restored(Some(&kept));
        assert!(is_whole(&restored));
        assert_eq!(restored.root, tree.root);
        assert_eq!(restored.tiles.len(), before + 1);
    }

    #[test]
    fn a_layout_that_lost_a_panel_starts_anew() {
        let mut tree = at_first();
        let lost = tree.tiles.find_pane(&Panel::Graph).unwrap();
        tree.tiles.remove(lost);
        let kept = serde_json::to_value(&tree).unwrap();
        assert!(is_whole(&restored(Some(&kept))));
        assert!(is_whole(&restored(Some(&serde_json::json!({"tiles": 3})))));
    }
}
