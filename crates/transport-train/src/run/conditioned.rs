//! Rows that are observed in part, and codes of rows.

use super::{Run, RunError};
use crate::config::{Config, SampleConfig};
use crate::context::ContextError;
use crate::registry::{Conditions, Seen, Way};
use transport_core::Noise;
use transport_data::{DataError, Table};
use transport_sde::Solver;
use transport_sde::inverse::{InverseError, Linear, Mask, Method, Operator};

/// How posterior draws are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditioning {
    /// Draws for each row.
    pub draws: usize,
    /// What they derive from: draw `k` of a row is the same whatever the number of rows.
    pub seed: u64,
    /// The diffusion sampler and its steps.
    pub plan: SampleConfig,
    /// How the observation enters.
    pub method: Method,
    /// The standard deviation of the observation's noise, in the model's space: in units of a column's
    /// standard deviation for a table.
    pub noise: f64,
    /// Values of the context columns by name, where the table does not have them.
    pub given: Vec<(String, f64)>,
}

impl Default for Conditioning {
    fn default() -> Self {
        Self {
            draws: 1,
            seed: 0,
            plan: SampleConfig { solver: Solver::Ddpm, steps: 100 },
            method: Method::PiGdm { variance: 1.0, from: 0.1 },
            noise: 0.0,
            given: Vec::new(),
        }
    }
}

impl Run {
    /// Rows with their gaps filled: draws of the missing values given the others, row after row.
    ///
    /// NaN stands for what is missing. Columns are taken by name where the names are the model's, else
    /// in order; context columns by name. Values that were observed without noise come back as they
    /// are.
    ///
    /// # Errors
    /// [`RunError`] when the columns do not fit, nothing of a row is observed, a value is infinite, a
    /// setting is out of range, or the model has no denoiser.
    pub fn impute(&self, x: &Table, how: &Conditioning) -> Result<Table, RunError> {
        let features = self.features(x)?;
        let (schema, d) = (&self.card.schema, self.card.schema.scaler.output_dim());
        let columns = features.cols();
        if let Some(k) = features.values().iter().position(|v| v.is_infinite()) {
            let (row, column) = (k / columns, schema.names[k % columns].clone());
            let value = features.values()[k];
            return Err(DataError::NotFinite { path: None, row: row + 1, column, value }.into());
        }
        let seen: Vec<bool> = features.values().iter().map(|v| !v.is_nan()).collect();
        let neutral = schema.scaler.inverse(&vec![0.0; d]);
        let fill = |(k, v): (usize, &f64)| if v.is_nan() { neutral[k % columns] } else { *v };
        let filled = features.values().iter().enumerate().map(fill).collect();
        let states = schema.scaler.transform(&Table::new(schema.names.clone(), filled)?)?;
        let active = schema.scaler.active_columns();
        let kept: Vec<bool> =
            seen.chunks_exact(columns).flat_map(|row| active.iter().map(|j| row[*j])).collect();
        Mask::check(&kept, d)?;
        let known = states.iter().zip(&kept).map(|(v, kept)| if *kept { *v } else { 0.0 });
        let known = repeated(&known.collect::<Vec<_>>(), d, how.draws);
        let kept = repeated(&kept, d, how.draws);
        let contexts = self.contexts_of(x, &how.given)?;
        let values = self.conditioned(x.rows(), contexts, &known, Seen::Mask(&kept), how)?;
        let mut rows = schema.scaler.inverse(&values);
        if how.noise == 0.0 {
            let given = repeated(features.values(), columns, how.draws);
            let pairs = rows.iter_mut().zip(given).filter(|(_, given)| !given.is_nan());
            pairs.for_each(|(value, given)| *value = given);
        }
        Ok(Table::new(schema.names.clone(), rows)?)
    }

    /// Draws of rows of which linear functions `y = A x + noise` are known, row after row.
    ///
    /// `A` and `y` are in the data's own units; the noise of [`Conditioning`] is in the model's.
    ///
    /// # Shapes
    /// `y`: `[n, m]` row-major; `a`: `[m, columns of the model]`.
    ///
    /// # Errors
    /// As [`Run::impute`].
    pub fn restore(&self, a: &Linear, y: &[f64], how: &Conditioning) -> Result<Table, RunError> {
        let schema = &self.card.schema;
        let (columns, m) = (schema.names.len(), a.outputs());
        let size = |what, expected, found| InverseError::Size { what, expected, found };
        if a.inputs() != columns {
            return Err(size("a row of the matrix", columns, a.inputs()).into());
        }
        if y.is_empty() || !y.len().is_multiple_of(m) {
            return Err(size("a row of the observation", m, y.len()).into());
        }
        // A (S z + o) = (A S) z + A o, with the constant columns in o alone; a common scale taken out
        // of both sides keeps A in the units of the model.
        let (scale, origin) = schema.to_data_units();
        let active = schema.scaler.active_columns();
        let unit = scale.iter().copied().fold(0.0, f64::max);
        let entries = (0..m).flat_map(|i| {
            let row = &a.values()[i * columns..(i + 1) * columns];
            active.iter().zip(&scale).map(move |(j, s)| row[*j] * s / unit)
        });
        let inner = Linear::new(entries.collect(), active.len())?;
        let mut rest = schema.scaler.inverse(&vec![0.0; active.len()]);
        active.iter().zip(&origin).for_each(|(j, o)| rest[*j] = *o);
        let shift = |i: usize| -> f64 {
            a.values()[i * columns..(i + 1) * columns].iter().zip(&rest).map(|(a, x)| a * x).sum()
        };
        let values: Vec<f64> =
            y.iter().enumerate().map(|(k, v)| (v - shift(k % m)) / unit).collect();
        let known = repeated(&values, m, how.draws);
        let rows = y.len() / m;
        let contexts = self.given_or_null(&how.given, rows)?;
        let values = self.conditioned(rows, contexts, &known, Seen::Linear(&inner), how)?;
        self.table(&values)
    }

    /// The codes of rows: where the model's flow, followed backwards, takes them; `[n, d]` row-major,
    /// of unit variance, `d` the number of columns that vary.
    ///
    /// # Errors
    /// [`RunError`] when the columns do not fit, a context is missing, or the model has no flow.
    pub fn encode(&self, x: &Table, plan: SampleConfig) -> Result<Vec<f64>, RunError> {
        let super::Encoded { states, contexts, .. } = self.encoded(x)?;
        let codes = self.generator.carry(&states, contexts.as_deref(), &plan, Way::ToNoise)?;
        codes.ok_or_else(|| self.without("flow"))
    }

    /// The rows of codes, each given the values of the context columns (or the null context).
    ///
    /// # Errors
    /// As [`Run::encode`].
    ///
    /// # Panics
    /// When the codes do not fill rows.
    pub fn decode(
        &self,
        codes: &[f64],
        given: &[(String, f64)],
        plan: SampleConfig,
    ) -> Result<Table, RunError> {
        let d = self.card.schema.scaler.output_dim();
        assert!(codes.len().is_multiple_of(d), "{} values, rows of {d}", codes.len());
        let contexts = self.given_or_null(given, codes.len() / d)?;
        let states = self.generator.carry(codes, contexts.as_deref(), &plan, Way::ToData)?;
        self.table(&states.ok_or_else(|| self.without("flow"))?)
    }

    fn without(&self, what: &'static str) -> RunError {
        RunError::NoDynamics { model: self.card.config.model.name.clone(), what }
    }

    fn conditioned(
        &self,
        rows: usize,
        contexts: Option<Vec<f32>>,
        values: &[f64],
        seen: Seen<'_>,
        how: &Conditioning,
    ) -> Result<Vec<f64>, RunError> {
        if how.draws == 0 {
            return Err(RunError::NoSamples);
        }
        how.method.check(how.noise)?;
        let checked = Config { sample: how.plan, ..self.card.config.clone() };
        checked.check()?;
        let contexts = contexts.map(|c| repeated(&c, c.len() / rows.max(1), how.draws));
        let noise = Noise::new(how.seed, rows * how.draws).purpose("condition");
        let conditions = Conditions { values, seen, noise: how.noise, method: how.method };
        let states =
            self.generator.condition(&conditions, &noise, contexts.as_deref(), &how.plan)?;
        states.ok_or_else(|| self.without("denoiser"))
    }

    /// The contexts of rows: given by name, else the table's own, else the null context.
    fn contexts_of(
        &self,
        x: &Table,
        given: &[(String, f64)],
    ) -> Result<Option<Vec<f32>>, ContextError> {
        let code = &self.card.schema.context;
        let own: Result<Vec<usize>, _> =
            code.columns.iter().map(|c| x.index_of(c.name())).collect();
        match own {
            Ok(columns) if given.is_empty() && !columns.is_empty() => {
                code.encode(&x.select_columns(&columns)).map(Some)
            }
            _ => self.given_or_null(given, x.rows()),
        }
    }

    fn given_or_null(
        &self,
        given: &[(String, f64)],
        n: usize,
    ) -> Result<Option<Vec<f32>>, ContextError> {
        if given.is_empty() && self.generator.knows_null() {
            return Ok(None);
        }
        let row = self.card.schema.context.encode_given(given)?;
        Ok((!row.is_empty()).then(|| row.repeat(n)))
    }
}

/// Each row `times` times, one after the other.
fn repeated<T: Copy>(values: &[T], columns: usize, times: usize) -> Vec<T> {
    values.chunks_exact(columns.max(1)).flat_map(|row| row.repeat(times)).collect()
}
