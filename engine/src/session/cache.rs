//! Statistics that were computed before, by what they depend on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::score::FloatScores;

use crate::strategy::TensorStatistics;

/// Numbers kept at most (histogram bins over all entries).
const CAPACITY_BINS: usize = 8 << 20;

/// Statistics of one network and one set of pictures, oldest dropped first.
#[derive(Debug, Default)]
pub struct StatisticsCache {
    entries: Mutex<Entries>,
    float_scores: Mutex<Option<Arc<FloatScores>>>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<[u8; 32], Vec<TensorStatistics>>,
    order: VecDeque<[u8; 32]>,
    bins: usize,
}

fn bins(statistics: &[TensorStatistics]) -> usize {
    statistics.iter().map(|s| s.histogram.len() + 1).sum()
}

impl StatisticsCache {
    /// The float network's scores that were kept last.
    pub(super) fn float_scores(&self) -> Option<Arc<FloatScores>> {
        self.float_scores.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep_float_scores(&self, scores: Arc<FloatScores>) {
        *self.float_scores.lock().unwrap_or_else(PoisonError::into_inner) = Some(scores);
    }

    pub(super) fn get(&self, key: &[u8; 32]) -> Option<Vec<TensorStatistics>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).by_key.get(key).cloned()
    }

    pub(super) fn insert(&self, key: [u8; 32], statistics: &[TensorStatistics]) {
        let size = bins(statistics);
        if size > CAPACITY_BINS {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.bins + size > CAPACITY_BINS {
            let Some(oldest) = entries.order.pop_front() else { break };
            if let Some(dropped) = entries.by_key.remove(&oldest) {
                entries.bins -= bins(&dropped);
            }
        }
        if entries.by_key.insert(key, statistics.to_vec()).is_none() {
            entries.order.push_back(key);
            entries.bins += size;
        }
    }
}
