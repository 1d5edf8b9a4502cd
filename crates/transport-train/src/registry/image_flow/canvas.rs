//! Where a run's states stand in whole images.

use super::CHUNK;
use crate::batch::Rows;
use crate::problem::Schema;
use crate::weights::{Array, Weights, WeightsError};
use transport_models::flow::image::Levels;

/// How whole images hold the states that a run hands out, which leave out the pixels that never
/// change: a state is `z = (v − mean) / scale` at the pixels `columns`.
pub(super) struct Canvas {
    pub(super) columns: Vec<usize>,
    /// An image with the constants in their places.
    pub(super) blank: Vec<f64>,
    mean: f64,
    scale: f64,
    pub(super) levels: Levels,
}

impl Canvas {
    pub(super) fn of(schema: &Schema, levels: Levels) -> Self {
        let scaler = &schema.scaler;
        let columns = scaler.active_columns();
        // A state of zeros is the mean, which no range clips.
        let blank = scaler.inverse(&vec![0.0; scaler.output_dim()]);
        let mean = columns.first().map_or(0.0, |j| blank[*j]);
        Self { columns, blank, mean, scale: scaler.common_scale().unwrap_or(1.0), levels }
    }

    /// As arrays beside the law's parameters; numbers in two parts, which keep 48 bits of each.
    pub(super) fn weights(&self) -> Weights {
        let array = |values: Vec<f32>| Array { shape: vec![values.len()], values };
        let Levels { start, width, whole } = self.levels;
        let split = |x: f64| [x as f32, (x - f64::from(x as f32)) as f32];
        let numbers = [self.mean, self.scale, start, width, f64::from(u8::from(whole))];
        let mut weights = Weights::default();
        weights.put(
            "canvas",
            Weights(
                [
                    ("columns", self.columns.iter().map(|j| *j as f32).collect()),
                    ("blank", self.blank.iter().map(|v| *v as f32).collect()),
                    ("numbers", numbers.into_iter().flat_map(split).collect()),
                ]
                .map(|(name, values)| (name.to_owned(), array(values)))
                .into(),
            ),
        );
        weights
    }

    pub(super) fn read(weights: &Weights, d: usize, pixels: usize) -> Result<Self, WeightsError> {
        let read = |name: &str, count: usize| -> Result<Vec<f64>, WeightsError> {
            Ok(weights.get(name, &[count])?.values.iter().map(|v| f64::from(*v)).collect())
        };
        let columns: Vec<usize> = read("columns", d)?.into_iter().map(|v| v as usize).collect();
        let numbers: Vec<f64> = read("numbers", 10)?.chunks(2).map(|c| c[0] + c[1]).collect();
        let levels = Levels { start: numbers[2], width: numbers[3], whole: numbers[4] > 0.5 };
        if columns.iter().any(|j| *j >= pixels) || !(numbers[1] > 0.0 && levels.width > 0.0) {
            return Err(WeightsError::Missing { name: "canvas (with pixels of the image)".into() });
        }
        let (mean, scale, blank) = (numbers[0], numbers[1], read("blank", pixels)?);
        Ok(Self { columns, blank, mean, scale, levels })
    }

    /// Whole images from states.
    pub(super) fn images(&self, states: &[f64]) -> Vec<f64> {
        let mut images = Vec::with_capacity(states.len());
        for state in states.chunks_exact(self.columns.len()) {
            let mut image = self.blank.clone();
            for (j, z) in self.columns.iter().zip(state) {
                image[*j] = z * self.scale + self.mean;
            }
            images.extend(image);
        }
        images
    }

    /// Rows of whole images, in a pixel's own units, from rows of states.
    pub(super) fn whole(&self, rows: &Rows) -> Rows {
        let mut states = Vec::with_capacity(rows.len() * self.blank.len());
        for part in rows.states.chunks(rows.dim * CHUNK) {
            let part: Vec<f64> = part.iter().map(|v| f64::from(*v)).collect();
            states.extend(self.images(&part).into_iter().map(|v| self.level(v) as f32));
        }
        let (contexts, context_dim) = (rows.contexts.clone(), rows.context_dim);
        Rows { dim: self.blank.len(), states, contexts, context_dim }
    }

    /// A value that scaling has moved, a whole number again where it was one.
    pub(super) fn level(&self, v: f64) -> f64 {
        if self.levels.whole { v.round() } else { v }
    }

    /// States from whole images.
    pub(super) fn states(&self, images: &[f64]) -> Vec<f64> {
        let state = |image: &[f64]| -> Vec<f64> {
            self.columns.iter().map(|j| (image[*j] - self.mean) / self.scale).collect()
        };
        images.chunks_exact(self.blank.len()).flat_map(state).collect()
    }

    /// `log |dv/dz|`; a pixel that never changes counts as the box of its level, of volume 1.
    pub(super) fn log_det(&self) -> f64 {
        self.columns.len() as f64 * self.scale.ln()
    }
}
