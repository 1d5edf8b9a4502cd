//! Uniform rectangular meshes of a line or a plane.

use super::FokkerPlanckError;
use transport_core::{Density, Interval, Space, device::to_host};

/// One side of a mesh: an interval cut into equal cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// What is cut.
    pub interval: Interval,
    /// Into how many cells.
    pub cells: usize,
}

impl Axis {
    /// `cells` equal cells of `[start, end]`.
    #[must_use]
    pub fn new(start: f64, end: f64, cells: usize) -> Self {
        Self { interval: Interval { start, end }, cells }
    }

    /// The width of a cell.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.interval.length() / self.cells as f64
    }

    /// The centre of cell `i`.
    #[must_use]
    pub fn centre(&self, i: usize) -> f64 {
        self.interval.start + (i as f64 + 0.5) * self.width()
    }
}

/// A rectangle of equal cells, in one or two dimensions, the last axis fastest.
///
/// A density on it is one value per cell: the cell's average, which equals the value at its centre
/// to second order.
///
/// # Example
/// ```
/// use transport_sde::fokker_planck::{Axis, Mesh};
/// let mesh = Mesh::new(vec![Axis::new(0.0, 1.0, 2), Axis::new(0.0, 1.0, 4)]).unwrap();
/// assert_eq!((mesh.len(), mesh.volume()), (8, 0.125));
/// assert_eq!(mesh.locate(&[0.6, 0.1]), Some(4));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    axes: Vec<Axis>,
}

impl Mesh {
    /// The product of the axes. The implicit solver's band is as wide as the last one.
    ///
    /// # Errors
    /// [`FokkerPlanckError`] unless there are one or two axes, finite, not empty, of two cells or
    /// more.
    pub fn new(axes: Vec<Axis>) -> Result<Self, FokkerPlanckError> {
        if axes.is_empty() || axes.len() > 2 {
            return Err(FokkerPlanckError::Axes { found: axes.len() });
        }
        for (axis, side) in axes.iter().enumerate() {
            let Interval { start, end } = side.interval;
            if !(side.cells >= 2 && end > start && (end - start).is_finite()) {
                return Err(FokkerPlanckError::Axis { axis, cells: side.cells, start, end });
            }
        }
        Ok(Self { axes })
    }

    /// The axes.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The dimension.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.axes.len()
    }

    /// The number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.cells).product()
    }

    /// Never true: a mesh has at least two cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The volume of a cell.
    #[must_use]
    pub fn volume(&self) -> f64 {
        self.axes.iter().map(Axis::width).product()
    }

    /// How far apart neighbours along an axis are numbered.
    pub(super) fn stride(&self, axis: usize) -> usize {
        self.axes[axis + 1..].iter().map(|axis| axis.cells).product()
    }

    /// The coordinates of cell `index` along each axis.
    fn coordinates(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.dim()).map(move |axis| index / self.stride(axis) % self.axes[axis].cells)
    }

    /// The cells that have a neighbour above them along an axis: its inner faces, by lower cell.
    pub(super) fn lower_cells(&self, axis: usize) -> impl Iterator<Item = usize> + '_ {
        let (stride, cells) = (self.stride(axis), self.axes[axis].cells);
        (0..self.len()).filter(move |index| index / stride % cells + 1 < cells)
    }

    /// The centres, `[len, d]` row-major.
    #[must_use]
    pub fn centres(&self) -> Vec<f64> {
        (0..self.len()).flat_map(|index| self.centre(index)).collect()
    }

    /// The centre of one cell.
    #[must_use]
    pub fn centre(&self, index: usize) -> Vec<f64> {
        self.coordinates(index).zip(&self.axes).map(|(i, axis)| axis.centre(i)).collect()
    }

    /// The cell that holds `x`, if the mesh does.
    ///
    /// # Panics
    /// When `x` has fewer coordinates than the mesh.
    #[must_use]
    pub fn locate(&self, x: &[f64]) -> Option<usize> {
        let mut index = 0;
        for (axis, side) in self.axes.iter().enumerate() {
            let place = (x[axis] - side.interval.start) / side.width();
            if !(place >= 0.0 && place < side.cells as f64) {
                return None;
            }
            index += place as usize * self.stride(axis);
        }
        Some(index)
    }

    /// The density of a law at the centres.
    #[must_use]
    pub fn density(&self, law: &dyn Density, space: &Space) -> Vec<f64> {
        let x = space.tensor(self.centres(), [self.len(), self.dim()]);
        to_host(law.log_prob(x)).into_iter().map(f64::exp).collect()
    }

    /// The density of points `[n, d]` by counting. What falls outside is counted in `n` only.
    #[must_use]
    pub fn histogram(&self, points: &[f64]) -> Vec<f64> {
        let n = (points.len() / self.dim()) as f64;
        let mut density = vec![0.0; self.len()];
        for cell in points.chunks_exact(self.dim()).filter_map(|x| self.locate(x)) {
            density[cell] += 1.0 / (n * self.volume());
        }
        density
    }

    /// `∫ f` by the midpoint rule: of a density, the mass.
    #[must_use]
    pub fn integrate(&self, values: &[f64]) -> f64 {
        values.iter().sum::<f64>() * self.volume()
    }

    /// `∫ f q`: an expectation.
    #[must_use]
    pub fn expect(&self, density: &[f64], values: &[f64]) -> f64 {
        density.iter().zip(values).map(|(q, f)| q * f).sum::<f64>() * self.volume()
    }

    /// `∫ |p − q|`, twice the total variation.
    #[must_use]
    pub fn l1(&self, p: &[f64], q: &[f64]) -> f64 {
        p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() * self.volume()
    }

    /// The density scaled to mass one.
    #[must_use]
    pub fn normalised(&self, density: &[f64]) -> Vec<f64> {
        let mass = self.integrate(density);
        density.iter().map(|q| q / mass).collect()
    }
}
