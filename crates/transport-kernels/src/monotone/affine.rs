//! Shifts and affine maps, sixteen at a time.

use super::{Cotangent, Lanes, Map, SCALE, Way};
use crate::math::{exp, fma};
use crate::simd::LANES;

const INVERSE_SCALE: f32 = (1.0 / SCALE) as f32;

/// `f(x) = x + θ₁`.
pub(super) struct Shift;

impl Map for Shift {
    #[inline(always)]
    fn apply<const FMA: bool>(&mut self, way: Way, x: &Lanes, theta: &[Lanes]) -> (Lanes, Lanes) {
        let mut value = *x;
        for l in 0..LANES {
            value[l] = if way == Way::Along { x[l] + theta[0][l] } else { x[l] - theta[0][l] };
        }
        (value, [0.0; LANES])
    }

    #[inline(always)]
    fn gradient<const FMA: bool>(
        &mut self,
        way: Way,
        _x: &Lanes,
        _theta: &[Lanes],
        g: &Cotangent,
        out: &mut [Lanes],
    ) -> Lanes {
        let sign = if way == Way::Along { 1.0 } else { -1.0 };
        out[0] = g.value.map(|v| sign * v);
        g.value
    }
}

/// `a = θ / (1 + |θ|/s)`.
#[inline(always)]
fn log_scale(theta: f32) -> f32 {
    theta / (1.0 + theta.abs() * INVERSE_SCALE)
}

/// `f(x) = e^a x + θ₂`, `a = θ₁ / (1 + |θ₁|/s)`.
pub(super) struct Affine;

impl Map for Affine {
    #[inline(always)]
    fn apply<const FMA: bool>(&mut self, way: Way, x: &Lanes, theta: &[Lanes]) -> (Lanes, Lanes) {
        let (mut value, mut log_slope) = (*x, [0.0; LANES]);
        for l in 0..LANES {
            let a = log_scale(theta[0][l]);
            let b = theta[1][l];
            (value[l], log_slope[l]) = match way {
                Way::Along => (fma::<FMA>(x[l], exp::<FMA>(a), b), a),
                Way::Back => ((x[l] - b) * exp::<FMA>(-a), -a),
            };
        }
        (value, log_slope)
    }

    #[inline(always)]
    fn gradient<const FMA: bool>(
        &mut self,
        way: Way,
        x: &Lanes,
        theta: &[Lanes],
        g: &Cotangent,
        out: &mut [Lanes],
    ) -> Lanes {
        let mut dx = g.value;
        for l in 0..LANES {
            let a = log_scale(theta[0][l]);
            let (da, db);
            (dx[l], da, db) = match way {
                Way::Along => {
                    let step = g.value[l] * exp::<FMA>(a);
                    (step, fma::<FMA>(step, x[l], g.log_slope[l]), g.value[l])
                }
                Way::Back => {
                    let step = g.value[l] * exp::<FMA>(-a);
                    let da = -fma::<FMA>(step, x[l] - theta[1][l], g.log_slope[l]);
                    (step, da, -step)
                }
            };
            let shrink = 1.0 / (1.0 + theta[0][l].abs() * INVERSE_SCALE);
            out[0][l] = da * shrink * shrink;
            out[1][l] = db;
        }
        dx
    }
}
