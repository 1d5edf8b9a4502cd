//! The stream of one sample at one step: Philox blocks in order.

use super::double::pair;
use super::fill::{Source, vectorised};
use super::philox::philox4x32;
use rand::rand_core::{Infallible, TryRng};

/// A random stream owned by one (key, sample, step).
///
/// Implements [`rand::Rng`], so that everything written against the `rand` crate can draw from it.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    index: [u32; 2],
    step: u32,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    pub(super) fn new(key: u64, index: u64, step: u32) -> Self {
        Self {
            key: [key as u32, (key >> 32) as u32],
            index: [index as u32, (index >> 32) as u32],
            step,
            block: 0,
            words: [0; 4],
            used: 4,
        }
    }

    fn refill(&mut self) {
        self.words = philox4x32([self.index[0], self.index[1], self.step, self.block], self.key);
        self.block = self.block.wrapping_add(1);
        self.used = 0;
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.refill();
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    fn bits(&mut self) -> u64 {
        u64::from(self.word()) | (u64::from(self.word()) << 32)
    }

    /// A uniform draw on `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    /// A uniform draw from `0..n` (bias below 2⁻⁵³ n).
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Two independent standard normal draws from one block's worth of bits (Box & Muller, 1958).
    pub fn normal_pair(&mut self) -> (f64, f64) {
        pair([self.word(), self.word(), self.word(), self.word()].map(u64::from))
    }

    /// One standard normal draw.
    pub fn normal(&mut self) -> f64 {
        self.normal_pair().0
    }

    /// Fills a row with standard normal draws.
    pub fn fill_normal(&mut self, out: &mut [f64]) {
        if self.used == 4 {
            return self.fill_blocks(out);
        }
        for two in out.chunks_mut(2) {
            let (a, b) = self.normal_pair();
            two[0] = a;
            if let Some(second) = two.get_mut(1) {
                *second = b;
            }
        }
    }

    /// [`Stream::fill_normal`] from the start of a block.
    fn fill_blocks(&mut self, out: &mut [f64]) {
        let sample = u64::from(self.index[0]) | (u64::from(self.index[1]) << 32);
        let source = Source { key: self.key, step: self.step, sample, block: self.block };
        vectorised(source, out.len(), out);
        self.block = self.block.wrapping_add(out.len().div_ceil(2) as u32);
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Noise;
    use rand::{Rng, RngExt};

    #[test]
    fn speaks_the_rand_traits() {
        let mut stream = Noise::new(5, 1).stream(0);
        let dice: Vec<u32> = (0..100).map(|_| stream.random_range(1..=6)).collect();
        assert!(dice.iter().all(|d| (1..=6).contains(d)));
        let (mut a, mut b) = (Noise::new(5, 1).stream(0), Noise::new(5, 1).stream(0));
        let mut bytes = [0; 7];
        a.fill_bytes(&mut bytes);
        assert_eq!(bytes[..4], b.next_u32().to_le_bytes());
    }
}
