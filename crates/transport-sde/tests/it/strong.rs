//! Strong orders: the error on shared paths falls as declared, towards the Itô solution.

use crate::problems::*;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::testkit::max_or_nan;
use transport_core::{Interval, Noise, Times};
use transport_sde::method::sde::*;
use transport_sde::{Grid, Sde, drive};

/// Numbers of every comparison: 1000 rows of four independent paths where the noise is diagonal,
/// 2000 paths in the plane where it is not.
const NUMBERS: usize = 4000;
const COLUMNS: usize = 4;
const FINE: usize = 1024;

fn tree(columns: usize) -> BrownianTree {
    let leaf = 1.0 / FINE as f64;
    BrownianTree::new(&Noise::new(41, NUMBERS / columns), columns, Interval::UNIT, leaf).unwrap()
}

fn end<M: SdeMethod>(sde: &dyn Sde, start: &[f64], steps: usize) -> Tensor<2> {
    let sde = M::bind(sde).expect("a method that fits");
    let mut stepper = SdeStepper::<M>::on_tree(sde, &tree(start.len()));
    let grid = Grid::uniform(Interval::UNIT, steps).unwrap();
    drive(&mut stepper, rows(NUMBERS / start.len(), start), &grid, |_, _, _| {}).unwrap()
}

fn rms(gap: Tensor<2>) -> f64 {
    gap.powi_scalar(2).mean().into_scalar::<f64>().sqrt()
}

/// The slope over three halvings of the step.
fn order<M: SdeMethod>(sde: &dyn Sde, start: &[f64], exact: &Tensor<2>) -> f64 {
    let error = |steps| rms(end::<M>(sde, start, steps) - exact.clone());
    (error(8) / error(64)).log2() / 3.0
}

/// `W_1` of the shared paths.
fn brownian(columns: usize) -> Tensor<2> {
    tree(columns).value(Times::Same(1.0), &space())
}

#[track_caller]
fn near(observed: f64, declared: f64, what: &str) {
    println!("{what}: {observed:.3}, declared {declared}");
    assert!((observed - declared).abs() < 0.2, "{what}: {observed} where {declared} is declared");
}

/// Constant and time-dependent additive noise under a nonlinear drift, against the finest grid.
fn check_additive<M: SdeMethod>() {
    let start = [0.4; COLUMNS];
    let pulsed = Pulsed { bend: 1.0 };
    for (name, sde) in [("constant", &BENT as &dyn Sde), ("time-dependent", &pulsed)] {
        let exact = end::<Shark>(sde, &start, FINE);
        near(order::<M>(sde, &start, &exact), M::STRONG.0, &format!("{:?}, {name}", M::default()));
    }
}

fn check_geometric<M: SdeMethod>(sde: &dyn Sde) {
    let start = [1.0; COLUMNS];
    let exact = GEOMETRIC.solution(rows(NUMBERS / COLUMNS, &start), 1.0, brownian(COLUMNS));
    near(order::<M>(sde, &start, &exact), M::STRONG.1, &format!("{:?}, geometric", M::default()));
}

fn check_diagonal<M: SdeMethod>() {
    check_geometric::<M>(&GEOMETRIC);
    let exact = Sinh::solution(brownian(COLUMNS), 1.0);
    let observed = order::<M>(&Sinh, &[0.0; COLUMNS], &exact);
    near(observed, M::STRONG.1, &format!("{:?}, sinh", M::default()));
}

fn check_commutative<M: SdeMethod>() {
    let exact = Spiral::solution(brownian(2), 1.0);
    let observed = order::<M>(&Spiral, &[1.0, 0.0], &exact);
    near(observed, M::STRONG.1, &format!("{:?}, spiral", M::default()));
}

#[test]
fn euler_maruyama() {
    check_additive::<EulerMaruyama>();
    check_diagonal::<EulerMaruyama>();
    check_commutative::<EulerMaruyama>();
}

#[test]
fn exponential_euler() {
    check_additive::<ExponentialEuler>();
    check_geometric::<ExponentialEuler>(&Split(GEOMETRIC));
}

#[test]
fn milstein() {
    check_additive::<Milstein>();
    check_diagonal::<Milstein>();
    check_commutative::<Milstein>();
}

#[test]
fn stochastic_heun() {
    check_additive::<StochasticHeun>();
    check_diagonal::<StochasticHeun>();
    check_commutative::<StochasticHeun>();
}

#[test]
fn sra1() {
    check_additive::<Sra1>();
}

#[test]
fn shark() {
    check_additive::<Shark>();
}

#[test]
fn srk() {
    check_additive::<Srk>();
    check_diagonal::<Srk>();
}

/// Near the Itô solution and far from Stratonovich's, where they differ by the factor `e^{σ²/2}`.
fn is_ito<M: SdeMethod>(sde: &dyn Sde) -> bool {
    let start = [1.0; COLUMNS];
    let ito = GEOMETRIC.solution(rows(NUMBERS / COLUMNS, &start), 1.0, brownian(COLUMNS));
    let stratonovich = ito.clone().mul_scalar((0.5 * GEOMETRIC.volatility.powi(2)).exp());
    let x = end::<M>(sde, &start, 256);
    let (near, far) = (rms(x.clone() - ito.clone()), rms(x - stratonovich));
    near < 0.05 * rms(ito) && far > 5.0 * near
}

#[test]
fn every_method_converges_to_the_ito_solution() {
    assert!(is_ito::<EulerMaruyama>(&GEOMETRIC));
    assert!(is_ito::<ExponentialEuler>(&Split(GEOMETRIC)));
    assert!(is_ito::<Milstein>(&GEOMETRIC));
    assert!(is_ito::<StochasticHeun>(&GEOMETRIC));
    assert!(is_ito::<Srk>(&GEOMETRIC));
}

/// A correction with the wrong sign, or forgotten, or halved, is noticed.
#[test]
fn wrong_corrections_are_rejected() {
    for factor in [-1.0, 0.0, 0.5] {
        assert!(!is_ito::<StochasticHeun>(&Misjudged(GEOMETRIC, factor)), "factor {factor}");
    }
    // Milstein's term has mean zero: a wrong one costs the order and not the limit.
    let start = [1.0; COLUMNS];
    let exact = GEOMETRIC.solution(rows(NUMBERS / COLUMNS, &start), 1.0, brownian(COLUMNS));
    for factor in [-1.0, 0.0, 0.5] {
        let observed = order::<Milstein>(&Misjudged(GEOMETRIC, factor), &start, &exact);
        assert!(observed < 0.8, "factor {factor}: {observed}");
    }
}

/// ShARK with areas of another convention: `I₍₁,₀₎/h` for `H`, or twice `H`.
#[derive(Clone, Copy, Debug, Default)]
struct MistakenArea;

impl SdeMethod for MistakenArea {
    type On<'s> = dyn transport_sde::dynamics::AdditiveNoise + 's;
    const NOISE: NoiseKind = NoiseKind::Additive;
    const STRONG: (f64, f64) = (1.5, 1.5);
    const WEAK: f64 = 2.0;
    const STAGES: usize = 2;
    const AREA: bool = true;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        Shark::bind(sde)
    }

    fn step(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> Tensor<2> {
        let doubled = path.area().mul_scalar(2.0);
        Shark.step(sde, x, span, &Increment::new(path.dw(), Some(doubled)))
    }
}

#[test]
fn areas_off_by_a_factor_cost_the_order() {
    let start = [0.4; COLUMNS];
    let exact = end::<Shark>(&BENT, &start, FINE);
    let observed = order::<MistakenArea>(&BENT, &start, &exact);
    assert!(observed < 1.2, "{observed}");
}

/// An Ornstein–Uhlenbeck process keeps its law exactly, however long the step: mean `e^{−λ}` and
/// variance `σ²(1 − e^{−2λ})/2λ`, at λ h = 5 where Euler–Maruyama explodes.
#[test]
fn exponential_euler_is_exact_in_law_for_ornstein_uhlenbeck() {
    let (rate, noise) = (20.0, 1.3);
    let sde = ornstein_uhlenbeck(rate, noise);
    let n = 40_000;
    let grid = Grid::uniform(Interval::UNIT, 4).unwrap();
    let mut stepper = SdeStepper::<ExponentialEuler>::new(&sde, &Noise::new(5, n));
    let x = to_host(drive(&mut stepper, rows(n, &[3.0]), &grid, |_, _, _| {}).unwrap());
    let variance = noise * noise * -(-2.0 * rate).exp_m1() / (2.0 * rate);
    let mean = x.iter().sum::<f64>() / n as f64;
    let spread = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
    assert!((mean - 3.0 * (-rate).exp()).abs() < 5.0 * (variance / n as f64).sqrt(), "{mean}");
    assert!((spread - variance).abs() < 5.0 * variance * (2.0 / n as f64).sqrt(), "{spread}");
}

/// Steps of one length per row are the same steps: what the adaptive driver takes.
#[test]
fn steps_per_row_equal_steps_of_the_batch() {
    fn check<M: SdeMethod>(sde: &dyn Sde, start: &[f64]) {
        let sde = M::bind(sde).unwrap();
        let (n, tree) = (5, tree(start.len()).rows(0..5));
        let same = Span::Same { t: 0.25, h: 0.125 };
        let path = tree.walk().increment(same, true, &space());
        let each = Span::Each { t: &[0.25; 5], h: &[0.125; 5] };
        let one = to_host(M::default().step(sde, rows(n, start), same, &path));
        let other = to_host(M::default().step(sde, rows(n, start), each, &path));
        let gap = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
        assert!(gap < 1e-14, "{:?}: {gap}", M::default());
    }
    let pulsed = Pulsed { bend: 1.0 };
    check::<EulerMaruyama>(&pulsed, &[0.4; 2]);
    check::<ExponentialEuler>(&pulsed, &[0.4; 2]);
    check::<Sra1>(&pulsed, &[0.4; 2]);
    check::<Shark>(&pulsed, &[0.4; 2]);
    check::<Srk>(&pulsed, &[0.4; 2]);
    check::<Srk>(&GEOMETRIC, &[0.4; 2]);
    check::<Milstein>(&Spiral, &[0.4, 1.0]);
    check::<StochasticHeun>(&Spiral, &[0.4, 1.0]);
}

/// By name, a method takes the SDEs that offer what it asks for, and no others.
#[test]
fn the_registry_asks_for_capabilities() {
    use transport_sde::Solver;
    let noise = Noise::new(0, 1);
    let fits =
        |name: &str, sde: &dyn Sde| Solver::by_name(name).unwrap().on_sde(sde, &noise).is_some();
    for name in ["euler-maruyama", "milstein", "stochastic-heun", "sra1", "shark", "srk"] {
        assert!(fits(name, &BENT), "{name}");
    }
    assert!(fits("srk", &GEOMETRIC) && fits("milstein", &GEOMETRIC));
    assert!(!fits("sra1", &GEOMETRIC) && !fits("shark", &GEOMETRIC));
    assert!(fits("stochastic-heun", &Spiral) && !fits("srk", &Spiral));
    assert!(!fits("heun", &BENT));
}

/// All registered methods, and adaptive steps, carry the oracle's family from `N(0, I)` to its law.
#[test]
fn every_method_samples_the_family() {
    use transport_core::law::{Gaussian, OracleFlow};
    use transport_core::schedule::Rectified;
    use transport_sde::dynamics::Epsilon;
    use transport_sde::{Family, SdeFlow, Solver, SolverKind};

    let n = 20_000;
    let check = |x: Tensor<2>, what: &str| {
        let values = to_host(x);
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        // Five standard errors, and the bias of 64 steps.
        assert!((mean - 1.0).abs() < 5.0 * 0.5 / (n as f64).sqrt() + 0.01, "{what}: {mean}");
        let allowed = 5.0 * 0.25 * (2.0 / n as f64).sqrt() + 0.012;
        assert!((variance - 0.25).abs() < allowed, "{what}: {variance}");
    };
    let field = OracleFlow { law: Gaussian::isotropic(vec![1.0], 0.5), schedule: Rectified };
    let sde = Family { field, schedule: Rectified, epsilon: Epsilon::Sigma(1.0) };
    let noise = Noise::new(71, n);
    let start = noise.purpose("start").normal(1, &space());
    let grid = Grid::uniform(Interval::UNIT, 64).unwrap();
    for solver in Solver::ALL.iter().filter(|solver| solver.kind() == SolverKind::Sde) {
        let flow = SdeFlow { sde: sde.clone(), grid: grid.clone(), solver: *solver };
        check(flow.solve(start.clone(), &noise).unwrap(), solver.name());
    }
    let tree = BrownianTree::new(&noise, 1, Interval::UNIT, 1e-4).unwrap();
    let control = SdeControl { rtol: 0.02, atol: 0.02, longest: 0.1, max_steps: 10_000 };
    let mut stepper = AdaptiveSde::<Shark>::new(&sde, &tree, control);
    let whole = Grid::uniform(Interval::UNIT, 1).unwrap();
    check(drive(&mut stepper, start, &whole, |_, _, _| {}).unwrap(), "adaptive ShARK");
}

/// At `σ = 0` the family's drift is the limit of its drift, for the batch and for single rows.
#[test]
fn the_familys_drift_is_continuous_at_the_data() {
    use transport_core::law::{Gaussian, OracleFlow};
    use transport_core::schedule::Rectified;
    use transport_core::{Field, ScoredField};
    use transport_sde::Family;
    use transport_sde::dynamics::Epsilon;

    /// As a network is: its noise `E[x₀|x]` is finite at σ = 0, its score `−E[x₀|x]/σ` is not.
    #[derive(Clone)]
    struct Learned(OracleFlow<Gaussian, Rectified>);
    impl Field for Learned {
        fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
            self.0.eval(x, t)
        }
    }
    impl ScoredField for Learned {
        fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
            let (velocity, score) = self.0.velocity_and_score(x, t);
            (velocity, t.scale(t.scale(score, |t| 1.0 - t), |t| 1.0 / (1.0 - t)))
        }

        fn velocity_and_noise(
            &self,
            x: Tensor<2>,
            t: Times<'_>,
            sigma: &dyn Fn(f64) -> f64,
        ) -> (Tensor<2>, Tensor<2>) {
            self.0.velocity_and_noise(x, t, sigma)
        }
    }
    let field =
        Learned(OracleFlow { law: Gaussian::isotropic(vec![1.0, 0.0], 0.5), schedule: Rectified });
    let x = Noise::new(3, 3).normal(2, &space());
    for epsilon in [Epsilon::Sigma(0.7), Epsilon::Reversal(1.0)] {
        let sde = Family { field: field.clone(), schedule: Rectified, epsilon };
        let drift = |t: Times<'_>| to_host(sde.drift(x.clone(), t));
        let (end, before) = (drift(Times::Same(1.0)), drift(Times::Same(1.0 - 1e-7)));
        let gap = end.iter().zip(&before).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
        assert!(gap < 1e-5, "{epsilon:?}: {gap}");
        let mixed = drift(Times::Each(&[0.4, 1.0, 0.9]));
        assert_eq!(mixed[2..4], end[2..4]);
        assert_eq!(mixed[..2], drift(Times::Same(0.4))[..2]);
    }
}
