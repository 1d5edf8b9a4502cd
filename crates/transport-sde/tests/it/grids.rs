//! Step grids through a schedule.

use transport_core::Interval;
use transport_core::process::{Cosine, Edm, SubVp, Ve, Vp};
use transport_core::schedule::{Discrete, Noising, Rectified, Schedule, Trigonometric};
use transport_sde::grid::karras;
use transport_sde::{Finish, Grid, GridError, Spacing};

fn schedules() -> Vec<Box<dyn Schedule>> {
    vec![
        Box::new(Noising::new(Vp::default())),
        Box::new(Noising::new(SubVp::default())),
        Box::new(Noising::new(Ve::default())),
        Box::new(Noising::new(Cosine::default())),
        Box::new(Noising::new(Edm::default())),
        Box::new(Discrete::linear(1000, 1e-4, 0.02).unwrap()),
    ]
}

fn levels(schedule: &dyn Schedule, grid: &Grid) -> Vec<f64> {
    grid.times().iter().map(|t| schedule.at(*t)).map(|c| c.sigma / c.alpha).collect()
}

/// Karras's 18-step grid starts 80, 57.586 and has 0.002 as its last σ above 0 (Karras et al.
/// 2022, table 1, ρ = 7).
#[test]
fn karras_levels_are_the_papers() {
    let grid = karras(80.0, 0.002, 17, 7.0);
    assert_eq!(grid.len(), 18);
    assert!((grid[0] - 80.0).abs() < 1e-9 && (grid[17] - 0.002).abs() < 1e-12);
    assert!((grid[1] - 57.586).abs() < 5e-4, "{}", grid[1]);
}

#[test]
fn each_spacing_is_even_in_its_own_clock() {
    for schedule in schedules() {
        let schedule = &*schedule;
        let domain = schedule.domain();
        let at = |spacing| Grid::spaced(schedule, domain, spacing, 12, Finish::Declared).unwrap();
        let even = |values: &[f64], what: &str| {
            let step = values[1] - values[0];
            for pair in values.windows(2) {
                let gap = (pair[1] - pair[0] - step).abs();
                assert!(
                    gap < 1e-6 * (1.0 + step.abs()),
                    "{what} under {schedule:.20?}: {values:?}"
                );
            }
        };
        let map = |grid: Grid, f: &dyn Fn(f64) -> f64| {
            grid.times().iter().map(|t| f(*t)).collect::<Vec<_>>()
        };
        let ratio = |grid: Grid, f: &dyn Fn(f64) -> f64| {
            levels(schedule, &grid).into_iter().map(f).collect::<Vec<_>>()
        };
        even(&map(at(Spacing::Uniform), &|t| t), "uniform");
        even(
            &map(at(Spacing::Quadratic), &|t| ((domain.end - t) / domain.length()).sqrt()),
            "quadratic",
        );
        let angle =
            |t: f64| (1.0 - 2.0 * (t - domain.start) / domain.length()).clamp(-1.0, 1.0).acos();
        even(&map(at(Spacing::Cosine), &angle), "cosine");
        even(&ratio(at(Spacing::LogSnr), &f64::ln), "log-SNR");
        even(&ratio(at(Spacing::Karras { rho: 7.0 }), &|r| r.powf(1.0 / 7.0)), "Karras");
        even(&ratio(at(Spacing::Karras { rho: 1.0 }), &|r| r), "Karras with ρ = 1");
    }
}

#[test]
fn grids_end_where_asked() {
    for schedule in schedules() {
        let (schedule, domain) = (&*schedule, schedule.domain());
        for spacing in [Spacing::Uniform, Spacing::Quadratic, Spacing::Cosine, Spacing::LogSnr] {
            let grid = |finish| Grid::spaced(schedule, domain, spacing, 5, finish).unwrap();
            let (declared, clean) = (grid(Finish::Declared), grid(Finish::Clean));
            assert_eq!((declared.times()[0], declared.times()[5]), (domain.start, domain.end));
            assert_eq!(
                (clean.times()[0], clean.times()[4], clean.times()[5]),
                (domain.start, domain.end, 1.0)
            );
        }
        let one = Grid::sampling(schedule, 1).unwrap();
        assert_eq!(one.times(), [domain.start, 1.0]);
        assert_eq!(Grid::sampling(schedule, 0), Err(GridError::TooShort { found: 1 }));
    }
    assert_eq!(Grid::sampling(&Rectified, 4).unwrap().times(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(Grid::sampling(&Trigonometric, 2).unwrap().times(), [0.0, 0.5, 1.0]);
}

#[test]
fn lists_of_levels_are_met() {
    for schedule in schedules() {
        let first = levels(&*schedule, &Grid::sampling(&*schedule, 3).unwrap())[0];
        let wanted = [first, 1.5, 0.3, 0.05, 0.0];
        let grid = Grid::of_levels(&*schedule, &wanted).unwrap();
        for (got, wanted) in levels(&*schedule, &grid).into_iter().zip(wanted) {
            assert!(
                (got - wanted).abs() < 1e-9 * (1.0 + wanted),
                "{got} where {wanted} is asked for"
            );
        }
    }
}

#[test]
fn what_does_not_make_a_grid_is_named() {
    let vp = Noising::new(Vp::default());
    let spaced = |schedule: &dyn Schedule, within, spacing| {
        Grid::spaced(schedule, within, spacing, 4, Finish::Declared)
    };
    let error = spaced(&Rectified, Interval::UNIT, Spacing::LogSnr).unwrap_err();
    assert!(matches!(error, GridError::Unbounded { t: 0.0, ratio } if ratio.is_infinite()));
    let error = spaced(&vp, vp.sampling(), Spacing::Karras { rho: 7.0 }).unwrap_err();
    assert_eq!(error, GridError::Unbounded { t: 1.0, ratio: 0.0 });
    let error = spaced(&vp, vp.domain(), Spacing::Karras { rho: -1.0 }).unwrap_err();
    assert_eq!(error, GridError::Rho { rho: -1.0 });
    let empty = Interval { start: 0.5, end: 0.5 };
    assert!(matches!(spaced(&vp, empty, Spacing::Uniform), Err(GridError::NotMonotone { .. })));
    let error = Grid::of_levels(&vp, &[1e9, 1.0]).unwrap_err();
    assert!(matches!(error, GridError::Level { index: 0, value: 1e9, .. }));
    assert!(matches!(
        Grid::of_levels(&vp, &[1.0, f64::NAN]),
        Err(GridError::Level { index: 1, .. })
    ));
    assert!(matches!(Grid::of_levels(&vp, &[1.0, 2.0, 0.5]), Err(GridError::NotMonotone { .. })));
}
