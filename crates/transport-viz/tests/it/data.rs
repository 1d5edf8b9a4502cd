//! Data as users have them, from a small fixed generator.

/// splitmix64: Steele, Lea & Flood (2014).
pub struct Draw(pub u64);

impl Draw {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box–Muller.
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Two interleaved half circles with noise, `[n, 2]`.
pub fn moons(n: usize, noise: f64, seed: u64) -> Vec<f64> {
    let mut draw = Draw(seed);
    (0..n)
        .flat_map(|i| {
            let angle = std::f64::consts::PI * draw.uniform();
            let (s, c) = angle.sin_cos();
            let (x, y) = if i % 2 == 0 { (c, s) } else { (1.0 - c, 0.5 - s) };
            [x + noise * draw.normal(), y + noise * draw.normal()]
        })
        .collect()
}

/// Noise on its way to the moons at time t, `[n, 2]`.
pub fn between(n: usize, t: f64, seed: u64) -> Vec<f64> {
    let mut draw = Draw(seed + 99);
    moons(n, 0.06, seed).into_iter().map(|x| t * x + (1.0 - t) * draw.normal()).collect()
}

/// A table of `k` correlated columns of unlike scales, `[n, k]`.
pub fn table(n: usize, k: usize, seed: u64) -> Vec<f64> {
    let mut draw = Draw(seed);
    (0..n)
        .flat_map(|_| {
            let common = draw.normal();
            let scales = [1.0, 40.0, 0.01, 5000.0, 1.0, 2.0, 3.0, 4.0];
            let row: Vec<f64> = (0..k)
                .map(|j| scales[j % 8] * (2.0 + 0.7 * common + 0.5 * draw.normal()))
                .map(|v| if v > 0.0 { v } else { 0.3 * v })
                .collect();
            row
        })
        .collect()
}

/// 8x8 pictures of an ellipse with noise, values 0 to 16, `[n, 64]`.
pub fn digits(n: usize, seed: u64) -> Vec<f64> {
    let mut draw = Draw(seed);
    let mut out = Vec::new();
    for _ in 0..n {
        let (a, b, tilt) = (1.2 + draw.uniform(), 2.2 + draw.uniform(), draw.uniform() - 0.5);
        for y in 0..8 {
            for x in 0..8 {
                let (u, v) = (f64::from(x) - 3.5, f64::from(y) - 3.5);
                let r = ((u + tilt * v) / a).hypot(v / b);
                out.push(16.0 * (-(6.0 * (r - 1.0)).powi(2) / 6.0).exp() + draw.uniform());
            }
        }
    }
    out
}

/// A falling loss with heavy noise.
pub fn loss(n: usize, floor: f64, seed: u64) -> Vec<(f64, f64)> {
    let mut draw = Draw(seed);
    (0..n)
        .map(|i| {
            let step = 10.0 * i as f64;
            let level = floor + 3.0 * (-step / 1500.0).exp();
            (step, level * (0.25 * draw.normal()).exp())
        })
        .collect()
}
