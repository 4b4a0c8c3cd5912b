//! Lines: from column to column through the gaps, past other groups through channels above the rows.
//!
//! A gap holds vertical tracks, one for each group that an edge leaves or enters through it; a channel holds
//! horizontal lanes, short lines below long ones. Gaps and channels grow with what they hold.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Pos2, Rect, pos2, vec2};

use super::columns::stack_height;
use super::place::Size;
use super::{Edge, EdgeKind, GAP_X, GAP_Y, GroupBox, PORT_Y, STACK_GAP, WIDTH};
use crate::window::graph::Group;
use crate::window::graph::links::NodeLinks;

/// Radius of bends.
const BEND: f32 = 9.0;
/// Points of a bend.
const BEND_POINTS: usize = 5;
/// Between tracks and between lanes.
const PITCH: f32 = 7.0;
/// From a column to the first track right of it.
const FIRST_TRACK: f32 = 15.0;
/// From a row to the first lane above it.
const FIRST_LANE: f32 = 11.0;
/// From a group to the line around it, on either side.
const ARC: f32 = 8.0;
/// A gap with more tracks lets them share.
const MAX_TRACKS: usize = 10;
/// A channel with more lanes lets them share.
const MAX_LANES: usize = 24;

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cell {
    row: usize,
    column: usize,
    /// Below the upper end of its row.
    offset: f32,
}

/// The groups in rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    cells: Vec<Cell>,
    row_heights: Vec<f32>,
    columns: usize,
}

impl Grid {
    /// Breaks the columns into rows of this length.
    pub(super) fn new(stacks: &[Vec<usize>], columns: usize, sizes: &[Size]) -> Self {
        let mut cells = vec![Cell::default(); sizes.len()];
        let mut row_heights = Vec::new();
        for (row, chunk) in stacks.chunks(columns).enumerate() {
            for (column, stack) in chunk.iter().enumerate() {
                let mut offset = 0.0;
                for group in stack {
                    cells[*group] = Cell { row, column, offset };
                    offset += sizes[*group].outer + STACK_GAP;
                }
            }
            row_heights.push(chunk.iter().map(|s| stack_height(s, sizes)).fold(0.0, f32::max));
        }
        Self { cells, row_heights, columns }
    }
}

/// What runs inside groups: between their operations, and past some of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Internal {
    groups: Vec<Inside>,
}

/// Positions within a group.
#[derive(Debug, Clone, PartialEq, Default)]
struct Inside {
    /// Operations behind the first that read from outside the group too.
    entries: Vec<usize>,
    /// Pairs of an operation and one that reads it.
    links: Vec<(usize, usize)>,
}

impl Internal {
    /// Looks at all groups.
    pub(super) fn new(groups: &[Group], owner: &[usize], links: &[NodeLinks]) -> Self {
        let groups = groups.iter().enumerate().map(|(index, group)| {
            let mut inside = Inside::default();
            for (at, node) in group.nodes.iter().enumerate() {
                let before = &links[node.0].before;
                if at > 0 && before.iter().any(|b| owner[b.0] != index) {
                    inside.entries.push(at);
                }
                let within = before.iter().filter(|b| owner[b.0] == index);
                let from = within.filter_map(|b| group.nodes.iter().position(|n| n == b));
                inside.links.extend(from.map(|from| (from, at)));
            }
            inside
        });
        Self { groups: groups.collect() }
    }

    /// True when a closed group shows a line around itself.
    fn has_arc(&self, group: usize, open: &BTreeSet<usize>) -> bool {
        !open.contains(&group) && !self.groups[group].entries.is_empty()
    }

    /// The lines in and around groups.
    pub(super) fn edges(&self, placed: &[GroupBox], plan: &Plan<'_>) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (index, (inside, group)) in self.groups.iter().zip(placed).enumerate() {
            let line = |kind, corners| line(kind, index, index, corners);
            let (inlet, outlet) = (group.inlet(), group.outlet());
            if !group.open {
                if let Some(y) = plan.arc(index, group) {
                    let mut arc = line(
                        EdgeKind::Skip,
                        vec![
                            inlet - vec2(ARC, 0.0),
                            pos2(inlet.x - ARC, y),
                            pos2(outlet.x + ARC, y),
                            outlet + vec2(ARC, 0.0),
                        ],
                    );
                    (arc.has_dot, arc.has_tip) = (true, false);
                    edges.push(arc);
                }
                continue;
            }
            for at in &inside.entries {
                let end = group.nodes[*at].rect.left_center();
                let mut entry =
                    line(EdgeKind::Skip, vec![inlet - vec2(ARC, 0.0), pos2(inlet.x - ARC, end.y), end]);
                entry.has_dot = true;
                edges.push(entry);
            }
            for (from, to) in &inside.links {
                let (a, b) = (group.nodes[*from].rect, group.nodes[*to].rect);
                if *to == from + 1 {
                    let mut link = line(EdgeKind::Inside, vec![a.center_bottom(), b.center_top()]);
                    link.has_tip = false;
                    edges.push(link);
                } else {
                    let x = a.right() + 4.0;
                    let (start, end) = (a.right_center(), b.right_center());
                    edges.push(line(EdgeKind::Skip, vec![start, pos2(x, start.y), pos2(x, end.y), end]));
                }
            }
        }
        edges
    }
}

/// What a track is for: leaving or entering a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Track {
    Out(usize),
    In(usize),
}

/// A line that wants a lane: in tenths of a gap and a column.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    low: usize,
    high: usize,
    lane: usize,
}

/// How an edge runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Right across the gap.
    Straight,
    /// Through the gap, with a step.
    Step,
    /// Through the channel above its target's row; the index of its span there.
    Channel(usize),
    /// Below its source's row, down or up the left margin, and above its target's row.
    Margin(usize, usize),
}

/// Tracks, lanes and the coordinates that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan<'a> {
    grid: &'a Grid,
    ways: Vec<(usize, usize, Way)>,
    /// The tracks of each row and gap; gap 0 is left of the first column.
    tracks: BTreeMap<(usize, usize), Vec<Track>>,
    /// The lines of each channel; channel 0 is above the first row, the last one below the last row.
    channels: Vec<Vec<Span>>,
    /// The spans of each channel and source: lines from one group run together until they part.
    shared: BTreeMap<(usize, usize), usize>,
    /// The span of a group's own arc.
    arcs: BTreeMap<usize, Option<usize>>,
    /// Left ends of the columns.
    xs: Vec<f32>,
    /// Upper ends of the rows, and of what lies below the last channel.
    ys: Vec<f32>,
}

impl<'a> Plan<'a> {
    /// Finds room for all lines.
    pub(super) fn new(
        grid: &'a Grid,
        edges: &[(usize, usize)],
        internal: &Internal,
        open: &BTreeSet<usize>,
    ) -> Self {
        let rows = grid.row_heights.len();
        let mut plan = Self {
            grid,
            ways: Vec::with_capacity(edges.len()),
            tracks: BTreeMap::new(),
            channels: vec![Vec::new(); rows + 1],
            shared: BTreeMap::new(),
            arcs: BTreeMap::new(),
            xs: Vec::new(),
            ys: Vec::new(),
        };
        for (from, to) in edges {
            let way = plan.way(*from, *to);
            plan.ways.push((*from, *to, way));
        }
        for (group, cell) in grid.cells.iter().enumerate() {
            if internal.has_arc(group, open) {
                // Below other groups of its column there is no channel, only the gap between groups.
                let on_top = cell.offset == 0.0;
                let span =
                    on_top.then(|| plan.span(cell.row, cell.column * 10 + 8, (cell.column + 1) * 10 + 2));
                plan.arcs.insert(group, span);
            }
        }
        plan.channels.iter_mut().for_each(|spans| share_lanes(spans));
        plan.measure();
        plan
    }

    /// Chooses a way and books its tracks and spans.
    fn way(&mut self, from: usize, to: usize) -> Way {
        let (a, b) = (self.grid.cells[from], self.grid.cells[to]);
        if a.row == b.row && b.column == a.column + 1 {
            if a.offset == b.offset {
                return Way::Straight;
            }
            self.book(a.row, a.column + 1, Track::Out(from));
            return Way::Step;
        }
        self.book(a.row, a.column + 1, Track::Out(from));
        self.book(b.row, b.column, Track::In(to));
        let (out, into) = ((a.column + 1) * 10 + 5, b.column * 10 + 5);
        if a.row == b.row || a.row + 1 == b.row {
            Way::Channel(self.shared_span(from, b.row, out.min(into), out.max(into)))
        } else {
            Way::Margin(self.shared_span(from, a.row + 1, 0, out), self.span(b.row, 0, into))
        }
    }

    fn book(&mut self, row: usize, gap: usize, track: Track) {
        let tracks = self.tracks.entry((row, gap)).or_default();
        if !tracks.contains(&track) {
            tracks.push(track);
        }
    }

    fn span(&mut self, channel: usize, low: usize, high: usize) -> usize {
        self.channels[channel].push(Span { low, high, lane: 0 });
        self.channels[channel].len() - 1
    }

    /// The span of a group's lines in a channel, made longer as needed.
    fn shared_span(&mut self, from: usize, channel: usize, low: usize, high: usize) -> usize {
        let Some(index) = self.shared.get(&(channel, from)).copied() else {
            let index = self.span(channel, low, high);
            self.shared.insert((channel, from), index);
            return index;
        };
        let span = &mut self.channels[channel][index];
        (span.low, span.high) = (span.low.min(low), span.high.max(high));
        index
    }

    /// Turns counts of tracks and lanes into coordinates.
    fn measure(&mut self) {
        let mut widest = vec![1; self.grid.columns + 1];
        for ((_, gap), tracks) in &self.tracks {
            widest[*gap] = widest[*gap].max(tracks.len().min(MAX_TRACKS));
        }
        let mut x = 0.0;
        for column in 0..self.grid.columns {
            self.xs.push(x);
            x += WIDTH + GAP_X + PITCH * (widest[column + 1] - 1) as f32;
        }
        let mut y = 0.0;
        for (row, spans) in self.channels.iter().enumerate() {
            let lanes = spans.iter().map(|s| s.lane + 1).max().unwrap_or(0);
            y += GAP_Y.max(2.0 * FIRST_LANE + PITCH * lanes as f32);
            self.ys.push(y);
            y += self.grid.row_heights.get(row).copied().unwrap_or(0.0);
        }
    }

    /// The upper left corner of a group.
    pub(super) fn position(&self, group: usize) -> Pos2 {
        let cell = self.grid.cells[group];
        pos2(self.xs[cell.column], self.ys[cell.row] + cell.offset)
    }

    fn lane_y(&self, channel: usize, span: usize) -> f32 {
        self.ys[channel] - FIRST_LANE - PITCH * self.channels[channel][span].lane as f32
    }

    fn track_x(&self, row: usize, gap: usize, track: Track) -> f32 {
        let tracks = self.tracks.get(&(row, gap)).map(Vec::as_slice).unwrap_or_default();
        let at = tracks.iter().position(|t| *t == track).unwrap_or(0) % MAX_TRACKS;
        match gap.checked_sub(1).and_then(|column| self.xs.get(column)) {
            Some(left) => left + WIDTH + FIRST_TRACK + PITCH * at as f32,
            None => -FIRST_TRACK - PITCH * at as f32,
        }
    }

    /// The height of a group's own arc, when it has one.
    fn arc(&self, group: usize, placed: &GroupBox) -> Option<f32> {
        let cell = self.grid.cells[group];
        Some(match self.arcs.get(&group)? {
            Some(span) => self.lane_y(cell.row, *span),
            None => placed.rect.top() - STACK_GAP * 0.5,
        })
    }

    /// The lines between groups.
    pub(super) fn edges(&self, placed: &[GroupBox]) -> Vec<Edge> {
        let mut margin = 0;
        let edges = self.ways.iter().map(|(from, to, way)| {
            let (start, end) = (placed[*from].outlet(), placed[*to].inlet());
            let (a, b) = (self.grid.cells[*from], self.grid.cells[*to]);
            let out = self.track_x(a.row, a.column + 1, Track::Out(*from));
            let into = self.track_x(b.row, b.column, Track::In(*to));
            let (kind, corners) = match way {
                Way::Straight => (EdgeKind::Main, vec![start, end]),
                Way::Step => (EdgeKind::Main, vec![start, pos2(out, start.y), pos2(out, end.y), end]),
                Way::Channel(span) => {
                    let lane = self.lane_y(b.row, *span);
                    let kind = if a.row == b.row { EdgeKind::Skip } else { EdgeKind::Main };
                    (kind, around(start, out, lane, into, end))
                }
                Way::Margin(below, above) => {
                    let (below, above) = (self.lane_y(a.row + 1, *below), self.lane_y(b.row, *above));
                    margin = (margin + 1) % MAX_TRACKS;
                    let side = -GAP_X - FIRST_TRACK - PITCH * (MAX_TRACKS + margin) as f32;
                    let mut corners = around(start, out, below, side, pos2(side, above));
                    corners.pop();
                    corners.extend([pos2(into, above), pos2(into, end.y), end]);
                    (EdgeKind::Skip, corners)
                }
            };
            line(kind, *from, *to, corners)
        });
        edges.collect()
    }
}

/// Out along a track to a lane, and from the lane along another track in.
fn around(start: Pos2, out: f32, lane: f32, into: f32, end: Pos2) -> Vec<Pos2> {
    vec![start, pos2(out, start.y), pos2(out, lane), pos2(into, lane), pos2(into, end.y), end]
}

/// Gives each span the lowest lane that is free over its whole length, short ones first.
fn share_lanes(spans: &mut [Span]) {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|i| (spans[*i].high - spans[*i].low, spans[*i].low));
    let mut lanes: Vec<Vec<(usize, usize)>> = Vec::new();
    for index in order {
        let Span { low, high, .. } = spans[index];
        let is_free = |lane: &Vec<(usize, usize)>| lane.iter().all(|(l, h)| high < *l || *h < low);
        let lane = lanes.iter().position(is_free).unwrap_or(lanes.len());
        if lane < MAX_LANES {
            if lane == lanes.len() {
                lanes.push(Vec::new());
            }
            lanes[lane].push((low, high));
        }
        spans[index].lane = lane % MAX_LANES;
    }
}

/// An edge along these corners.
fn line(kind: EdgeKind, from: usize, to: usize, corners: Vec<Pos2>) -> Edge {
    let points = rounded(&corners);
    let bounds = Rect::from_points(&corners);
    Edge { kind, from, to, corners, points, bounds, has_tip: true, has_dot: false }
}

/// The line with round bends.
fn rounded(corners: &[Pos2]) -> Vec<Pos2> {
    let mut points: Vec<Pos2> = Vec::with_capacity(corners.len() * (BEND_POINTS + 1));
    for (i, corner) in corners.iter().enumerate() {
        if i == 0 || i + 1 == corners.len() {
            points.push(*corner);
            continue;
        }
        let (before, after) = (corners[i - 1] - *corner, corners[i + 1] - *corner);
        let radius = BEND.min(before.length() / 2.0).min(after.length() / 2.0);
        let (a, b) = (*corner + before.normalized() * radius, *corner + after.normalized() * radius);
        for step in 0..=BEND_POINTS {
            let f = step as f32 / BEND_POINTS as f32;
            let (p, q) = (a + (*corner - a) * f, *corner + (b - *corner) * f);
            points.push(p + (q - p) * f);
        }
    }
    points
}

/// Where a group's port lies below its upper end; edges that end there run level.
const _: () = assert!(PORT_Y > BEND);

#[cfg(test)]
mod tests {
    use super::*;

    fn span(low: usize, high: usize) -> Span {
        Span { low, high, lane: 0 }
    }

    #[test]
    fn lines_that_overlap_get_lanes_of_their_own_and_short_ones_lie_lowest() {
        let mut spans = [span(0, 100), span(10, 20), span(15, 40), span(50, 60)];
        share_lanes(&mut spans);
        let lanes: Vec<usize> = spans.iter().map(|s| s.lane).collect();
        assert_eq!(lanes, [2, 0, 1, 0]);
    }

    #[test]
    fn arcs_of_neighbouring_blocks_share_a_lane() {
        let mut spans = [span(8, 12), span(18, 22), span(28, 32)];
        share_lanes(&mut spans);
        assert!(spans.iter().all(|s| s.lane == 0));
    }

    #[test]
    fn coincident_corners_make_no_bend_that_is_not_a_number() {
        let points = rounded(&[pos2(0.0, 0.0), pos2(0.0, 0.0), pos2(5.0, 0.0)]);
        assert!(points.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
    }
}
