//! The canvas of a data set: how its rows stand in an image, in a model file and out of it.

use crate::problem::{Schema, Shape};
use crate::weights::{Array, Weights, WeightsError};
use transport_models::net::{Canvas, Pixels};

/// The image that rows of this schema stand in, with what the constant pixels hold.
#[must_use]
pub fn of(schema: &Schema) -> Option<Canvas> {
    let (image, scaler) = (schema.image?, &schema.scaler);
    let scale = scaler.common_scale()?;
    let columns = scaler.active_columns();
    // What is 0 in the model's space, and the constants, in data units.
    let origin = scaler.inverse(&vec![0.0; columns.len()]);
    let mean = *origin.get(*columns.first()?)?;
    let scaled = |value: f64| (value - mean) / scale;
    let background = origin.iter().map(|value| scaled(*value)).collect();
    let bounds = schema.range.map(|(low, high)| (scaled(low), scaled(high)));
    let (channels, height, width) = (image.channels, image.height, image.width);
    Some(Canvas { pixels: Pixels { channels, height, width }, columns, background, bounds })
}

const COLUMNS: &str = "canvas/columns";
const BACKGROUND: &str = "canvas/background";
const BOUNDS: &str = "canvas/bounds";

/// A canvas as arrays of a model file.
#[must_use]
pub fn keep(canvas: &Canvas) -> Weights {
    let array = |values: Vec<f32>| Array { shape: vec![values.len()], values };
    let bounds = canvas.bounds.map_or(Vec::new(), |(low, high)| vec![low as f32, high as f32]);
    let columns = canvas.columns.iter().map(|p| *p as f32).collect();
    let background = canvas.background.iter().map(|v| *v as f32).collect();
    let parts = [(COLUMNS, columns), (BACKGROUND, background), (BOUNDS, bounds)];
    Weights(parts.map(|(name, values)| (name.to_owned(), array(values))).into())
}

/// The canvas that [`keep`] wrote, if it wrote one.
///
/// # Errors
/// [`WeightsError`] when an array is missing or has another shape.
pub fn kept(shape: &Shape, weights: &Weights) -> Result<Option<Canvas>, WeightsError> {
    let Some(image) = shape.image.filter(|_| weights.0.contains_key(COLUMNS)) else {
        return Ok(None);
    };
    let wide = |array: &Array| array.values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let columns = wide(weights.get(COLUMNS, &[shape.dim])?);
    let bounds = weights.get(BOUNDS, &[2]).or_else(|_| weights.get(BOUNDS, &[0]))?;
    let bounds = match wide(bounds)[..] {
        [low, high] => Some((low, high)),
        _ => None,
    };
    if columns.iter().any(|p| *p as usize >= image.len()) {
        let name = format!("{COLUMNS} (with pixels of the image)");
        return Err(WeightsError::Missing { name });
    }
    let (channels, height, width) = (image.channels, image.height, image.width);
    Ok(Some(Canvas {
        pixels: Pixels { channels, height, width },
        columns: columns.into_iter().map(|p| p as usize).collect(),
        background: wide(weights.get(BACKGROUND, &[image.len()])?),
        bounds,
    }))
}
