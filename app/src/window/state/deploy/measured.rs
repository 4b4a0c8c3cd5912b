//! What a board measured of a run.

use std::collections::HashMap;

use octet_engine::deploy::{Measurement, SURE_NAME_BYTES};

/// A measurement whose layers are found by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// As the file has it.
    pub measurement: Measurement,
    micros: HashMap<String, u64>,
}

impl Measured {
    /// Indexes a measurement. Layers of the same name are one operation in several parts: their times add up.
    pub fn new(measurement: Measurement) -> Self {
        let mut micros = HashMap::new();
        for layer in &measurement.layers {
            let sum: &mut u64 = micros.entry(layer.name.clone()).or_default();
            *sum = sum.saturating_add(layer.micros);
        }
        Self { measurement, micros }
    }

    /// Microseconds of an operation; `None` where the board told nothing, such as inside of fused blocks.
    pub fn layer_us(&self, name: &str) -> Option<f64> {
        if let Some(micros) = self.micros.get(name) {
            return Some(*micros as f64);
        }
        let is_start = |cut: &str| cut.len() >= SURE_NAME_BYTES && name.starts_with(cut);
        if name.len() <= SURE_NAME_BYTES {
            return None;
        }
        let mut found = self.micros.iter().filter(|(cut, _)| is_start(cut));
        // Where several may be meant, none is known.
        match (found.next(), found.next()) {
            (Some((_, micros)), None) => Some(*micros as f64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use octet_engine::deploy::MeasuredLayer;

    use super::*;

    #[test]
    fn layers_are_found_by_their_names_also_where_those_were_cut() {
        let long = "größe/".repeat(60);
        let layer = |name: &str, micros| MeasuredLayer {
            name: name.to_owned(),
            op: "Conv".to_owned(),
            micros,
            cycles: None,
            macs: 0,
        };
        let measured = Measured::new(Measurement {
            schema: 1,
            chip: "esp32s3".to_owned(),
            model_crc32: 0,
            network_us: 10,
            preprocess_us: None,
            postprocess_us: None,
            cycles: None,
            arena_bytes: None,
            layers: vec![layer("a", 3), layer("a", 4), layer(&long[..long.floor_char_boundary(210)], 5)],
        });
        assert_eq!(measured.layer_us("a"), Some(7.0));
        assert_eq!(measured.layer_us(&long), Some(5.0));
        assert_eq!(measured.layer_us("b"), None);
        // Two that it may be.
        let mut measurement = measured.measurement;
        measurement.layers.push(layer(&long[..long.floor_char_boundary(220)], 6));
        assert_eq!(Measured::new(measurement).layer_us(&long), None);
    }
}
