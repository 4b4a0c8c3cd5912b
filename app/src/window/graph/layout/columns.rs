//! Which groups stand above each other, in which order, and how many columns make a row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::place::Size;
use super::{GAP_X, GAP_Y, STACK_GAP, WIDTH};

/// How often the order within columns is improved in either direction.
const SWEEPS: usize = 4;

/// The groups of each column, from top to bottom: a group stands right of everything that it reads. Edges of a cycle
/// that point backwards are left out.
pub(super) fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let order = topological(count, edges);
    let mut place = vec![0; count];
    order.iter().enumerate().for_each(|(at, group)| place[*group] = at);
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in edges {
        if place[*from] < place[*to] {
            before[*to].push(*from);
            after[*from].push(*to);
        }
    }
    let mut rank = vec![0; count];
    let mut stacks: Vec<Vec<usize>> = Vec::new();
    for group in order {
        rank[group] = before[group].iter().map(|b| rank[*b] + 1).max().unwrap_or(0);
        if stacks.len() <= rank[group] {
            stacks.resize_with(rank[group] + 1, Vec::new);
        }
        stacks[rank[group]].push(group);
    }
    straighten(&mut stacks, &before, &after);
    stacks
}

/// Kahn's order, the smallest index first; what a cycle holds back comes last.
fn topological(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut waits_for = vec![0_usize; count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in edges {
        waits_for[*to] += 1;
        after[*from].push(*to);
    }
    let ready = waits_for.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| Reverse(i));
    let mut ready: BinaryHeap<Reverse<usize>> = ready.collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(group)) = ready.pop() {
        order.push(group);
        for next in &after[group] {
            waits_for[*next] -= 1;
            if waits_for[*next] == 0 {
                ready.push(Reverse(*next));
            }
        }
    }
    order.extend((0..count).filter(|i| waits_for[*i] > 0));
    order
}

/// Orders each column by the mean place of its neighbours, which takes crossings away (Sugiyama et al. 1981).
fn straighten(stacks: &mut [Vec<usize>], before: &[Vec<usize>], after: &[Vec<usize>]) {
    if stacks.iter().all(|s| s.len() < 2) {
        return;
    }
    let mut place = vec![0.0_f32; before.len()];
    let note = |stack: &[usize], place: &mut [f32]| {
        for (at, group) in stack.iter().enumerate() {
            place[*group] = (at as f32 + 0.5) / stack.len() as f32;
        }
    };
    stacks.iter().for_each(|s| note(s, &mut place));
    for sweep in 0..2 * SWEEPS + 1 {
        let forwards = sweep % 2 == 0;
        let neighbours = if forwards { before } else { after };
        let count = stacks.len();
        for at in 0..count {
            let stack = &mut stacks[if forwards { at } else { count - 1 - at }];
            if stack.len() < 2 {
                continue;
            }
            let mean = |group: usize| {
                let all = &neighbours[group];
                if all.is_empty() {
                    return place[group];
                }
                all.iter().map(|n| place[*n]).sum::<f32>() / all.len() as f32
            };
            let mut keyed: Vec<(f32, usize)> = stack.iter().map(|g| (mean(*g), *g)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *stack = keyed.into_iter().map(|(_, g)| g).collect();
            note(stack, &mut place);
        }
    }
}

/// Height of a column.
pub(super) fn stack_height(stack: &[usize], sizes: &[Size]) -> f32 {
    let all: f32 = stack.iter().map(|g| sizes[*g].outer + STACK_GAP).sum();
    (all - STACK_GAP).max(0.0)
}

/// The number of columns with which everything is drawn largest on a canvas of this shape.
pub(super) fn best_length(stacks: &[Vec<usize>], sizes: &[Size], aspect: i32) -> usize {
    let heights: Vec<f32> = stacks.iter().map(|s| stack_height(s, sizes)).collect();
    let width_to_height = (aspect as f32 / 8.0).exp();
    let zoom = |columns: usize| {
        let tall: f32 =
            heights.chunks(columns).map(|row| row.iter().copied().fold(0.0, f32::max) + GAP_Y).sum();
        let wide = columns as f32 * (WIDTH + GAP_X) + GAP_X;
        (width_to_height / wide).min(1.0 / (tall + GAP_Y * 0.5))
    };
    // Thousands of columns: neighbouring lengths look alike.
    let step = heights.len() / 1024 + 1;
    let lengths = (1..=heights.len()).step_by(step);
    lengths.max_by(|a, b| zoom(*a).total_cmp(&zoom(*b))).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_group_per_column() {
        assert_eq!(columns(3, &[(0, 1), (1, 2)]), [[0], [1], [2]]);
    }

    #[test]
    fn branches_stand_above_each_other_and_join_behind_the_longest() {
        let stacks = columns(5, &[(0, 1), (0, 2), (2, 3), (1, 4), (3, 4)]);
        assert_eq!(stacks, vec![vec![0], vec![1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn crossings_are_taken_away() {
        // Two parallel chains whose second members come in the wrong order.
        let stacks = columns(5, &[(0, 1), (0, 2), (1, 4), (2, 3)]);
        assert_eq!(stacks[2], [4, 3]);
    }

    #[test]
    fn a_cycle_loses_no_group() {
        let stacks = columns(3, &[(0, 1), (1, 2), (2, 1)]);
        let mut all: Vec<usize> = stacks.concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    }

    #[test]
    fn nothing_has_no_columns() {
        assert!(columns(0, &[]).is_empty());
        assert_eq!(best_length(&[], &[], 5), 1);
    }
}
