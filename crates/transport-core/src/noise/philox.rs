//! Philox4x32-10: ten rounds of multiply and xor turn a counter and a key into random bits.
//!
//! # References
//! Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// One block: 128 random bits for a 128-bit counter under a 64-bit key.
///
/// # Example
/// ```
/// use transport_core::noise::philox::philox4x32;
/// assert_eq!(philox4x32([0; 4], [0; 2])[0], 0x6627_e8d5);
/// ```
#[must_use]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox4x32_lanes(counter.map(|word| [u64::from(word)]), key).map(|[word]| word as u32)
}

/// `L` blocks under one key: word `w` of lane `l` is the low half of `counters[w][l]`. What stands
/// in a high half is of no consequence before, and of no meaning after.
///
/// A word has a lane of twice its width because a vector's product of two words fills that:
/// nothing has to be moved from lane to lane.
#[inline(always)]
pub(super) fn philox4x32_lanes<const L: usize>(
    counters: [[u64; L]; 4],
    key: [u32; 2],
) -> [[u64; L]; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counters, key);
    for _ in 0..ROUNDS {
        // A plain loop over indices: what the compiler turns into vector instructions.
        let mut l = 0;
        while l < L {
            let (p0, p1) = (product(MULTIPLIERS[0], c0[l]), product(MULTIPLIERS[1], c2[l]));
            c0[l] = (p1 >> 32) ^ c1[l] ^ k0 as u64;
            c2[l] = (p0 >> 32) ^ c3[l] ^ k1 as u64;
            c1[l] = p1;
            c3[l] = p0;
            l += 1;
        }
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
    [c0, c1, c2, c3]
}

/// The product of a word and a low half.
#[inline(always)]
fn product(a: u32, b: u64) -> u64 {
    a as u64 * (b & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors of the Random123 distribution (`kat_vectors`, philox4x32 10).
    #[test]
    fn published_vectors() {
        let ones = 0xffff_ffff;
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([ones; 4], [ones; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn high_halves_of_lanes_change_nothing() {
        let words = [7u64, 11, 13, 0xffff_ffff];
        let plain = philox4x32(words.map(|w| w as u32), [1, 2]);
        let soiled = philox4x32_lanes(words.map(|w| [w | 0xdead_beef_0000_0000; 3]), [1, 2]);
        assert_eq!(soiled.map(|lanes| lanes.map(|w| w as u32)), plain.map(|w| [w; 3]));
    }
}
