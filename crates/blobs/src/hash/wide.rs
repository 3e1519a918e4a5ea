//! SHA-256 of many blocks for processors with AVX2 and BMI but without SHA instructions.
//!
//! The compression is a chain, but what it takes from the message is not: the words of the schedule are computed for
//! eight blocks side by side, and then each block in turn runs its rounds over its column. The rounds are written as
//! assembly because compilers put the additions into an order in which they wait for each other, which costs a tenth.
//!
//! Safety: code for AVX2, BMI1 and BMI2 runs only through a [`Wide`], which only [`Wide::detect`] makes, after it has
//! found all three. The assembly reads the schedule within its bounds, writes no memory and uses no stack.

#![expect(unsafe_code, reason = "instructions that not every processor has; the argument is in the head")]

use std::arch::asm;
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_store_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};
use std::is_x86_feature_detected as has;

/// Blocks whose schedules are computed together: as many as a vector has lanes.
const LANES: usize = 8;
const ROUNDS: usize = 64;

pub(super) type Block = [u8; 64];
pub(super) type State = [u32; 8];

/// The round constants: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
#[rustfmt::skip]
const K: [u32; ROUNDS] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// For each round a row with its word of each block, the constant already added.
#[repr(align(64))]
struct Schedule([[u32; LANES]; ROUNDS]);

/// The proof that this processor has what the code here needs.
#[derive(Clone, Copy)]
pub(super) struct Wide(());

impl Wide {
    /// `None` also where there are SHA instructions, which are several times faster still.
    pub(super) fn detect() -> Option<Self> {
        (!has!("sha") && has!("avx2") && has!("bmi1") && has!("bmi2")).then_some(Self(()))
    }

    /// Takes in as many whole blocks as can be taken together, and says how many.
    pub(super) fn compress(self, state: &mut State, blocks: &[Block]) -> usize {
        let (groups, _) = blocks.as_chunks::<LANES>();
        let mut schedule = Schedule([[0; LANES]; ROUNDS]);
        for group in groups {
            // SAFETY: `self` proves that the processor has the instructions.
            unsafe {
                expand(&mut schedule, group);
                for lane in 0..LANES {
                    rounds(state, &schedule, lane);
                }
            }
        }
        LANES * groups.len()
    }
}

/// The words of eight blocks.
#[target_feature(enable = "avx2")]
fn expand(schedule: &mut Schedule, blocks: &[Block; LANES]) {
    let (low, high) = (load(blocks, 0), load(blocks, 32));
    let mut words: [__m256i; 16] = std::array::from_fn(|i| if i < 8 { low[i] } else { high[i - 8] });
    let (rows, constants) = (schedule.0.as_chunks_mut::<16>().0, K.as_chunks::<16>().0);
    for (nth, (rows, constants)) in rows.iter_mut().zip(constants).enumerate() {
        // Written out, so that the words stay in registers.
        macro_rules! step {
            ($($i:literal)*) => { $(
                if nth > 0 {
                    words[$i] = advanced(&words, $i);
                }
                put(&mut rows[$i], words[$i], constants[$i]);
            )* };
        }
        step!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn put(row: &mut [u32; LANES], word: __m256i, constant: u32) {
    let sum = _mm256_add_epi32(word, _mm256_set1_epi32(constant.cast_signed()));
    // SAFETY: a row is as long as a vector, and rows of a schedule are aligned.
    unsafe { _mm256_store_si256(row.as_mut_ptr().cast(), sum) };
}

/// Word `i` sixteen words later.
#[target_feature(enable = "avx2")]
#[inline]
fn advanced(words: &[__m256i; 16], i: usize) -> __m256i {
    let (one, fourteen) = (words[(i + 1) % 16], words[(i + 14) % 16]);
    let small0 = xor3(rotate::<7, 25>(one), rotate::<18, 14>(one), _mm256_srli_epi32::<3>(one));
    let small1 =
        xor3(rotate::<17, 15>(fourteen), rotate::<19, 13>(fourteen), _mm256_srli_epi32::<10>(fourteen));
    let sum = _mm256_add_epi32(words[i], words[(i + 9) % 16]);
    _mm256_add_epi32(sum, _mm256_add_epi32(small0, small1))
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// To the right; both numbers together are 32.
#[target_feature(enable = "avx2")]
#[inline]
fn rotate<const RIGHT: i32, const LEFT: i32>(words: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_srli_epi32::<RIGHT>(words), _mm256_slli_epi32::<LEFT>(words))
}

/// Half of each of eight blocks, from byte `at`: the first vector has the first word of each, and so on.
#[target_feature(enable = "avx2")]
#[inline]
fn load(blocks: &[Block; LANES], at: usize) -> [__m256i; 8] {
    #[rustfmt::skip]
    let big_endian = _mm256_setr_epi8(
        3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
    );
    let rows: [__m256i; 8] = std::array::from_fn(|i| {
        let half = &blocks[i][at..at + 32];
        // SAFETY: the slice has 32 bytes, and the load asks for no alignment.
        _mm256_shuffle_epi8(unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }, big_endian)
    });
    // Words of neighbouring rows side by side, then pairs of words, then halves.
    let quarter = |i: usize| {
        let low = [i, i + 2].map(|i| _mm256_unpacklo_epi32(rows[i], rows[i + 1]));
        let high = [i, i + 2].map(|i| _mm256_unpackhi_epi32(rows[i], rows[i + 1]));
        [
            _mm256_unpacklo_epi64(low[0], low[1]),
            _mm256_unpackhi_epi64(low[0], low[1]),
            _mm256_unpacklo_epi64(high[0], high[1]),
            _mm256_unpackhi_epi64(high[0], high[1]),
        ]
    };
    let (upper, lower) = (quarter(0), quarter(4));
    std::array::from_fn(|i| match i {
        0..4 => _mm256_permute2x128_si256::<0x20>(upper[i], lower[i]),
        _ => _mm256_permute2x128_si256::<0x31>(upper[i - 4], lower[i - 4]),
    })
}

/// One round as text. `x` comes as b ^ c, `y` leaves as a ^ b, which is b ^ c for the next round.
macro_rules! round {
    ($a:literal $b:literal $d:literal $e:literal $f:literal $g:literal $h:literal $x:literal $y:literal $row:literal) => {
        concat!(
            // h += word + choice(e, f, g) + Σ1(e)
            "add {",
            $h,
            ":e}, dword ptr [{words} + 32 * ",
            $row,
            "]\n",
            "andn {t:e}, {",
            $e,
            ":e}, {",
            $g,
            ":e}\n",
            "add {",
            $h,
            ":e}, {t:e}\n",
            "rorx {t:e}, {",
            $e,
            ":e}, 25\n",
            "rorx {u:e}, {",
            $e,
            ":e}, 11\n",
            "mov {",
            $y,
            ":e}, {",
            $f,
            ":e}\n",
            "and {",
            $y,
            ":e}, {",
            $e,
            ":e}\n",
            "xor {t:e}, {u:e}\n",
            "rorx {u:e}, {",
            $e,
            ":e}, 6\n",
            "add {",
            $h,
            ":e}, {",
            $y,
            ":e}\n",
            "xor {t:e}, {u:e}\n",
            "mov {",
            $y,
            ":e}, {",
            $a,
            ":e}\n",
            "add {",
            $h,
            ":e}, {t:e}\n",
            // d += h; h += majority(a, b, c) + Σ0(a)
            "xor {",
            $y,
            ":e}, {",
            $b,
            ":e}\n",
            "rorx {t:e}, {",
            $a,
            ":e}, 22\n",
            "rorx {u:e}, {",
            $a,
            ":e}, 13\n",
            "and {",
            $x,
            ":e}, {",
            $y,
            ":e}\n",
            "add {",
            $d,
            ":e}, {",
            $h,
            ":e}\n",
            "xor {",
            $x,
            ":e}, {",
            $b,
            ":e}\n",
            "xor {t:e}, {u:e}\n",
            "rorx {u:e}, {",
            $a,
            ":e}, 2\n",
            "add {",
            $h,
            ":e}, {",
            $x,
            ":e}\n",
            "xor {t:e}, {u:e}\n",
            "add {",
            $h,
            ":e}, {t:e}\n",
        )
    };
}

/// One block: the 64 rounds over its column.
#[target_feature(enable = "bmi1,bmi2")]
fn rounds(state: &mut State, schedule: &Schedule, lane: usize) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let mut both = b ^ c;
    for rows in schedule.0.as_chunks::<8>().0 {
        // SAFETY: reads one word in each of eight rows, all of them within `rows`. The processor has `andn` and `rorx`.
        unsafe {
            asm!(
                concat!(
                    round!("a" "b" "d" "e" "f" "g" "h" "x" "y" "0"),
                    round!("h" "a" "c" "d" "e" "f" "g" "y" "x" "1"),
                    round!("g" "h" "b" "c" "d" "e" "f" "x" "y" "2"),
                    round!("f" "g" "a" "b" "c" "d" "e" "y" "x" "3"),
                    round!("e" "f" "h" "a" "b" "c" "d" "x" "y" "4"),
                    round!("d" "e" "g" "h" "a" "b" "c" "y" "x" "5"),
                    round!("c" "d" "f" "g" "h" "a" "b" "x" "y" "6"),
                    round!("b" "c" "e" "f" "g" "h" "a" "y" "x" "7"),
                ),
                words = in(reg) rows.as_ptr().cast::<u32>().wrapping_add(lane),
                a = inout(reg) a, b = inout(reg) b, c = inout(reg) c, d = inout(reg) d,
                e = inout(reg) e, f = inout(reg) f, g = inout(reg) g, h = inout(reg) h,
                x = inout(reg) both, y = out(reg) _, t = out(reg) _, u = out(reg) _,
                options(nostack, readonly),
            );
        }
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = old.wrapping_add(new);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_compressed_as_sha2_does(state: State, seed: [u8; 32], count in 0..40_usize) {
            let Some(wide) = Wide::detect() else { return Ok(()) };
            let blocks: Vec<Block> = (0..count)
                .map(|i| std::array::from_fn(|j| seed[j % 32].wrapping_mul(31).wrapping_add((i * 64 + j) as u8) ^ seed[i % 32]))
                .collect();
            let (mut ours, mut theirs) = (state, state);
            let done = wide.compress(&mut ours, &blocks);
            prop_assert_eq!(done, count - count % LANES);
            sha2::block_api::compress256(&mut theirs, &blocks[..done]);
            prop_assert_eq!(ours, theirs);
        }
    }
}
