//! Initial value problems with known answers.

use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Space, Times};

/// A field given by what it does to one row.
#[derive(Clone, Copy, Debug)]
pub struct Rowwise(pub fn(f64, &[f64]) -> Vec<f64>);

impl Field for Rowwise {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ([n, d], space) = (x.dims(), Space::of(&x));
        let at = |row: usize| match t {
            Times::Same(t) => t,
            Times::Each(ts) => ts[row],
        };
        let values = to_host(x);
        let rows = values.chunks_exact(d).enumerate();
        space.tensor(rows.flat_map(|(row, x)| self.0(at(row), x)).collect(), [n, d])
    }
}

/// Nonlinear, coupled, not autonomous, and solved by [`verner_solution`].
///
/// Verner's test problem: `y₁ = e^{sin t²}`,
/// `y₂ = e^{5 sin t²}`, `y₃ = sin t² + 1`, `y₄ = cos t²`.
pub fn verner(t: f64, y: &[f64]) -> Vec<f64> {
    vec![
        2.0 * t * y[1].powf(0.2) * y[3],
        10.0 * t * (5.0 * (y[2] - 1.0)).exp() * y[3],
        2.0 * t * y[3],
        -2.0 * t * y[0].ln(),
    ]
}

pub fn verner_solution(t: f64) -> Vec<f64> {
    let (sin, cos) = (t * t).sin_cos();
    vec![sin.exp(), (5.0 * sin).exp(), sin + 1.0, cos]
}

/// A spiral onto the unit circle, nonlinear and not autonomous, solved by [`spiral_at`]:
/// `r′ = r (1 − r²) cos t`, `φ′ = 2 + cos t`.
pub fn spiral(t: f64, y: &[f64]) -> Vec<f64> {
    let inwards = (1.0 - y[0] * y[0] - y[1] * y[1]) * t.cos();
    let speed = 2.0 + t.cos();
    vec![inwards * y[0] - speed * y[1], inwards * y[1] + speed * y[0]]
}

/// The solution that starts at a radius and angle 0.
pub fn spiral_at(t: f64, start: f64) -> Vec<f64> {
    let radius = (1.0 + (start.powi(-2) - 1.0) * (-2.0 * t.sin()).exp()).powf(-0.5);
    let (sin, cos) = (2.0 * t + t.sin()).sin_cos();
    vec![radius * cos, radius * sin]
}

/// An initial value problem and its solution at `t`, from 0.
pub struct Problem {
    pub name: &'static str,
    pub field: fn(f64, &[f64]) -> Vec<f64>,
    pub t: f64,
    pub start: Vec<f64>,
    pub end: Vec<f64>,
}

impl Problem {
    /// `‖y − y_ref‖/‖y_ref‖`.
    pub fn error(&self, y: &[f64]) -> f64 {
        let norm = |values: Vec<f64>| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        norm(y.iter().zip(&self.end).map(|(a, b)| a - b).collect()) / norm(self.end.clone())
    }
}

/// The restricted three-body problem's periodic orbit, `[x, y, x′, y′]`, μ = 0.012277471.
/// Hairer, Nørsett & Wanner (1993), eq. (II.0.1).
pub fn arenstorf() -> Problem {
    fn field(_: f64, y: &[f64]) -> Vec<f64> {
        let mu = 0.012277471;
        let nu = 1.0 - mu;
        let d1 = ((y[0] + mu).powi(2) + y[1] * y[1]).powf(1.5);
        let d2 = ((y[0] - nu).powi(2) + y[1] * y[1]).powf(1.5);
        vec![
            y[2],
            y[3],
            y[0] + 2.0 * y[3] - nu * (y[0] + mu) / d1 - mu * (y[0] - nu) / d2,
            y[1] - 2.0 * y[2] - nu * y[1] / d1 - mu * y[1] / d2,
        ]
    }
    let orbit = vec![0.994, 0.0, 0.0, -2.0015851063790824];
    let t = 17.065216560157964;
    Problem { name: "arenstorf", field, t, start: orbit.clone(), end: orbit }
}

/// Predator and prey, with a = 1.5, b = 1, c = 3, d = 1; the end by DOP853 at rtol 1e-13.
pub fn lotka_volterra() -> Problem {
    Problem {
        name: "lotka_volterra",
        field: |_, y| vec![1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3.0 * y[1]],
        t: 10.0,
        start: vec![1.0, 1.0],
        end: vec![1.0263447675750506, 0.9096910781361666],
    }
}

/// σ = 10, ρ = 28, β = 8/3; the end by DOP853 at rtol 1e-13.
pub fn lorenz() -> Problem {
    Problem {
        name: "lorenz",
        field: |_, y| {
            vec![10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]]
        },
        t: 5.0,
        start: vec![1.0, 0.0, 0.0],
        end: vec![-6.974570472684116, -7.021060890821271, 25.11961649212717],
    }
}

/// Seven stars in a plane with masses 1 to 7: `[x, y, x′, y′]`.
/// Mazzia & Magherini, Test Set for Initial Value Problem Solvers (Bari), II-3.
pub fn pleiades() -> Problem {
    fn field(_: f64, y: &[f64]) -> Vec<f64> {
        let mut out = y[14..].to_vec();
        out.resize(28, 0.0);
        for i in 0..7 {
            for j in (0..7).filter(|j| *j != i) {
                let (dx, dy) = (y[j] - y[i], y[7 + j] - y[7 + i]);
                let pull = (j + 1) as f64 / (dx * dx + dy * dy).powf(1.5);
                out[14 + i] += pull * dx;
                out[21 + i] += pull * dy;
            }
        }
        out
    }
    #[rustfmt::skip]
    let start = vec![
        3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0, 3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0,
        0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5, 0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0,
    ];
    #[rustfmt::skip]
    let end = vec![
        0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.659709145577531,
        0.3425581707156584, 1.562172101400631, -0.7003092922212495,
        -3.943437585517392, -3.27138097397255, 5.225081843456543, -2.59061243497747,
        1.198213693392275, -0.2429682344935824, 1.09144924042898,
        3.417003806314313, 1.354584501625501, -2.590065597810775, 2.025053734714242,
        -1.155815100160448, -0.8072988170223021, 0.595239635420871,
        -3.74124496123401, 0.377345968575063, 0.9386858869551073, 0.3667922227200571,
        -0.347404635380849, 2.344915448180937, -1.947020434263292,
    ];
    Problem { name: "pleiades", field, t: 3.0, start, end }
}

/// Three reactions with rates 0.04, 3·10⁷ and 10⁴. Bari Test Set, II-10.
pub fn robertson() -> Problem {
    Problem {
        name: "robertson",
        field: |_, y| {
            let (slow, fast, back) = (0.04 * y[0], 3e7 * y[1] * y[1], 1e4 * y[1] * y[2]);
            vec![back - slow, slow - back - fast, fast]
        },
        t: 1e11,
        start: vec![1.0, 0.0, 0.0],
        end: vec![2.083340149701255e-8, 8.333360770334713e-14, 0.999999979166505],
    }
}

/// Van der Pol's oscillator with ε = 10⁻⁶. Bari Test Set, II-8 (in Hairer & Wanner's scaling).
pub fn vdpol() -> Problem {
    Problem {
        name: "vdpol",
        field: |_, y| vec![y[1], ((1.0 - y[0] * y[0]) * y[1] - y[0]) / 1e-6],
        t: 2.0,
        start: vec![2.0, 0.0],
        end: vec![1.706167732170469, -0.8928097010248125],
    }
}

/// High irradiance responses of a plant: eight reactants. Bari Test Set, II-1.
pub fn hires() -> Problem {
    fn field(_: f64, y: &[f64]) -> Vec<f64> {
        let bound = 280.0 * y[5] * y[7];
        vec![
            -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
            1.71 * y[0] - 8.75 * y[1],
            -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
            8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
            -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
            -bound + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
            bound - 1.81 * y[6],
            -bound + 1.81 * y[6],
        ]
    }
    #[rustfmt::skip]
    let end = vec![
        0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
        0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
        0.2849998395185769e-2, 0.2850001604814231e-2,
    ];
    let start = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057];
    Problem { name: "hires", field, t: 321.8122, start, end }
}

/// The Oregonator. Bari Test Set, II-9.
pub fn orego() -> Problem {
    fn field(_: f64, y: &[f64]) -> Vec<f64> {
        let (s, w, q) = (77.27, 0.161, 8.375e-6);
        vec![
            s * (y[1] - y[0] * y[1] + y[0] - q * y[0] * y[0]),
            (-y[1] - y[0] * y[1] + y[2]) / s,
            w * (y[0] - y[2]),
        ]
    }
    Problem {
        name: "orego",
        field,
        t: 360.0,
        start: vec![1.0, 2.0, 3.0],
        end: vec![1.000814870318523, 1228.178521549917, 132.0554942846706],
    }
}
