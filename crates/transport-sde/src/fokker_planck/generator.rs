//! The finite-volume operator: fluxes between neighbouring cells, that is, a Markov chain.

use super::{FokkerPlanckError, Mesh};
use crate::dynamics::{Diffusion, Sde};
use transport_core::{Space, Times, device::to_host};

/// Three-point Gauss–Legendre on [0, 1]: nodes and weights (Abramowitz & Stegun, table 25.4).
const NODES: [(f64, f64); 3] = [
    (0.112_701_665_379_258_31, 0.277_777_777_777_777_8),
    (0.5, 0.444_444_444_444_444_4),
    (0.887_298_334_620_741_7, 0.277_777_777_777_777_8),
];

/// `B(z) = z/(eᶻ − 1)`, the Bernoulli function: `B(−z) = eᶻ B(z)`, `B(0) = 1`.
fn bernoulli(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { z / z.exp_m1() }
}

/// The rates at which mass crosses an inner face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// The axis that the face is normal to.
    pub axis: usize,
    /// The cell below it.
    pub low: usize,
    /// The cell above it.
    pub high: usize,
    /// The rate from below to above.
    pub forward: f64,
    /// The rate from above to below.
    pub backward: f64,
}

impl Face {
    /// The current through the face, `j = h (forward q_low − backward q_high)`.
    fn current(&self, density: &[f64], mesh: &Mesh) -> f64 {
        let net = self.forward * density[self.low] - self.backward * density[self.high];
        net * mesh.axes()[self.axis].width()
    }
}

/// `−∇·j` on a mesh at one time, with Scharfetter–Gummel fluxes and reflecting walls.
///
/// In one cell-to-cell gap, `j = −½ e^Φ ∂(e^{−Φ} Σ q)` with `Φ′ = 2a/Σ`. Solved exactly for a
/// constant current, with the jump `P = ∫ 2a/Σ` of Φ by Gauss–Legendre:
///
/// ```text
/// j = (1/2h) [ B(−P) Σ_low q_low − B(P) Σ_high q_high ],     B(z) = z/(eᶻ − 1)
/// ```
///
/// All rates are non-negative and what leaves one cell enters its neighbour, so this is the
/// generator of a Markov chain: mass is kept and densities stay positive. Where the current
/// vanishes, `Σ q ∝ e^Φ` at the centres: a Gibbs state `exp(−2V/σ²)` is stationary up to rounding
/// (and the quadrature, exact for drifts of degree 5). Second order in the width; where the noise
/// vanishes (`Σ = 0`) or is far weaker than the drift across a cell, first-order upwind.
///
/// # References
/// Scharfetter & Gummel (1969); Chang & Cooper (1970), the same flux with its weights spelled out.
/// # Checked by
/// `tests/it/fokker_planck.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    mesh: Mesh,
    faces: Vec<Face>,
}

impl Generator {
    /// The operator of an SDE with a diagonal `Σ(x, t)` at time `t`.
    ///
    /// # Errors
    /// [`FokkerPlanckError`] when `Σ` is not diagonal or a coefficient is not finite.
    pub fn new(
        sde: &dyn Sde,
        mesh: &Mesh,
        t: f64,
        space: &Space,
    ) -> Result<Self, FokkerPlanckError> {
        let at_centres = variances(sde, &mesh.centres(), mesh.dim(), t, space)?;
        let mut faces = Vec::new();
        for axis in 0..mesh.dim() {
            faces.extend(axis_faces(sde, mesh, axis, t, space, &at_centres)?);
        }
        Ok(Self { mesh: mesh.clone(), faces })
    }

    /// The inner faces.
    #[must_use]
    pub fn faces(&self) -> &[Face] {
        &self.faces
    }

    pub(super) fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The current through each inner face, in the order of [`Generator::faces`].
    #[must_use]
    pub fn currents(&self, density: &[f64]) -> Vec<f64> {
        self.faces.iter().map(|face| face.current(density, &self.mesh)).collect()
    }

    /// `−∇·j`, the rate of change of the density in each cell.
    #[must_use]
    pub fn apply(&self, density: &[f64]) -> Vec<f64> {
        let mut rate = vec![0.0; density.len()];
        for face in &self.faces {
            let flow = face.forward * density[face.low] - face.backward * density[face.high];
            rate[face.low] -= flow;
            rate[face.high] += flow;
        }
        rate
    }

    /// `E‖v‖² = ∫ j²/q`, with the density of a face the mean of its cells'.
    #[must_use]
    pub fn kinetic_energy(&self, density: &[f64]) -> f64 {
        let term = |face: &Face| {
            let q = 0.5 * (density[face.low] + density[face.high]);
            let j = face.current(density, &self.mesh);
            if q > 0.0 { j * j / q } else { 0.0 }
        };
        self.faces.iter().map(term).sum::<f64>() * self.mesh.volume()
    }

    /// The total entropy production rate of the chain,
    ///
    /// ```text
    /// Σ_faces (k⁺ p_low − k⁻ p_high) log (k⁺ p_low / k⁻ p_high) ≥ 0
    /// ```
    ///
    /// which converges to `E[vᵀ (½Σ)⁻¹ v]` with the mesh. A face with no noise makes it infinite.
    ///
    /// # References
    /// Schnakenberg (1976), "Network theory of microscopic and macroscopic behavior of master
    /// equation systems", §7.
    #[must_use]
    pub fn entropy_production(&self, density: &[f64]) -> f64 {
        let term = |face: &Face| {
            let up = face.forward * density[face.low];
            let down = face.backward * density[face.high];
            // In a far tail both underflow, and neither counts.
            if up.max(down) < f64::MIN_POSITIVE { 0.0 } else { (up - down) * (up / down).ln() }
        };
        self.faces.iter().map(term).sum::<f64>() * self.mesh.volume()
    }
}

/// The rates of the faces normal to one axis.
fn axis_faces(
    sde: &dyn Sde,
    mesh: &Mesh,
    axis: usize,
    t: f64,
    space: &Space,
    at_centres: &[f64],
) -> Result<Vec<Face>, FokkerPlanckError> {
    let (d, h, stride) = (mesh.dim(), mesh.axes()[axis].width(), mesh.stride(axis));
    let lower: Vec<usize> = mesh.lower_cells(axis).collect();
    let between = |low: &usize| {
        let centre = mesh.centre(*low);
        NODES.into_iter().flat_map(move |(node, _)| {
            let mut x = centre.clone();
            x[axis] += node * h;
            x
        })
    };
    let points: Vec<f64> = lower.iter().flat_map(between).collect();
    let drift = drifts(sde, &points, d, t, space)?;
    let variance = variances(sde, &points, d, t, space)?;
    let faces = lower.into_iter().enumerate().map(|(k, low)| {
        let high = low + stride;
        let ends = [at_centres[low * d + axis], at_centres[high * d + axis]];
        let inside =
            NODES.map(|(_, weight)| weight).into_iter().enumerate().map(|(node, weight)| {
                let place = (k * NODES.len() + node) * d + axis;
                (weight, drift[place], variance[place])
            });
        let (forward, backward) = rates(inside, ends, h);
        Face { axis, low, high, forward, backward }
    });
    Ok(faces.collect())
}

/// The rates across one face from (weight, drift, variance) at the nodes and the variances at the
/// two centres.
fn rates(
    inside: impl Iterator<Item = (f64, f64, f64)> + Clone,
    ends: [f64; 2],
    h: f64,
) -> (f64, f64) {
    let noisy = ends.iter().all(|v| *v > 0.0) && inside.clone().all(|(_, _, v)| v > 0.0);
    if !noisy {
        let mean: f64 = inside.map(|(w, a, _)| w * a).sum();
        return (mean.max(0.0) / h, (-mean).max(0.0) / h);
    }
    let jump = h * inside.map(|(w, a, v)| w * 2.0 * a / v).sum::<f64>();
    let scale = 0.5 / (h * h);
    (scale * bernoulli(-jump) * ends[0], scale * bernoulli(jump) * ends[1])
}

fn drifts(
    sde: &dyn Sde,
    points: &[f64],
    d: usize,
    t: f64,
    space: &Space,
) -> Result<Vec<f64>, FokkerPlanckError> {
    let x = space.tensor(points.to_vec(), [points.len() / d, d]);
    finite("drift", to_host(sde.drift(x, Times::Same(t))), points, d, t)
}

/// The diagonal of `Σ = b bᵀ` at points `[n, d]`.
fn variances(
    sde: &dyn Sde,
    points: &[f64],
    d: usize,
    t: f64,
    space: &Space,
) -> Result<Vec<f64>, FokkerPlanckError> {
    let n = points.len() / d;
    let x = space.tensor(points.to_vec(), [n, d]);
    let values = match sde.diffusion(&x, Times::Same(t)) {
        Diffusion::Scalar(b) => vec![b * b; n * d],
        Diffusion::Diagonal(b) => to_host(b.expand([n, d])).into_iter().map(|b| b * b).collect(),
        Diffusion::Matrix(b) => {
            let sigma = to_host(b.clone().matmul(b.transpose()));
            diagonal(&sigma, points, d, t)?
        }
    };
    finite("variance", values, points, d, t)
}

/// The diagonals of row-major `[n, d, d]` matrices that have nothing else.
fn diagonal(
    sigma: &[f64],
    points: &[f64],
    d: usize,
    t: f64,
) -> Result<Vec<f64>, FokkerPlanckError> {
    let mut values = Vec::with_capacity(points.len());
    for (matrix, at) in sigma.chunks_exact(d * d).zip(points.chunks_exact(d)) {
        let scale = (0..d).map(|i| matrix[i * d + i]).fold(0.0, f64::max);
        for (k, value) in matrix.iter().enumerate() {
            if k % (d + 1) == 0 {
                values.push(*value);
            } else if value.abs() > 1e-12 * scale {
                return Err(FokkerPlanckError::NotDiagonal { at: at.to_vec(), t, value: *value });
            }
        }
    }
    Ok(values)
}

fn finite(
    what: &'static str,
    values: Vec<f64>,
    points: &[f64],
    d: usize,
    t: f64,
) -> Result<Vec<f64>, FokkerPlanckError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(k) => {
            let row = (k - k % d) / d;
            let at = points[row * d..(row + 1) * d].to_vec();
            Err(FokkerPlanckError::NotFinite { what, at, t, value: values[k] })
        }
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::bernoulli;

    #[test]
    fn bernoulli_keeps_its_ratio_and_its_limits() {
        for z in [1e-300, 1e-12, 1e-3, 0.5, 3.0, 40.0, 600.0] {
            let ratio = bernoulli(-z) / bernoulli(z);
            assert!((ratio.ln() - z).abs() <= 4e-16 * (1.0 + z), "{z}: {ratio}");
        }
        assert_eq!(bernoulli(0.0), 1.0);
        assert_eq!((bernoulli(-800.0), bernoulli(800.0)), (800.0, 0.0));
    }
}
