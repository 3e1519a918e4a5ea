//! Chance that can be repeated: everything follows from one number.

use axum::body::Bytes;

/// A stream of numbers, the same for the same seed (SplitMix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Another stream.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Content that nobody else has: mostly some kilobytes, now and then a megabyte.
    pub(crate) fn content(&mut self) -> Bytes {
        let size = match self.below(20) {
            0 => 1 + self.below(8),
            1 | 2 => (256 << 10) + self.below(1 << 20),
            _ => 16 + self.below(40 << 10),
        };
        self.bytes(size)
    }

    /// As [`Dice::content`], but enough for a multipart of two or three parts.
    pub(crate) fn large(&mut self) -> Bytes {
        let size = (10 << 20) + self.below(6 << 20);
        self.bytes(size)
    }

    fn bytes(&mut self, size: usize) -> Bytes {
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        // Even the smallest must be unlike all others.
        bytes.truncate(size.max(8));
        bytes.into()
    }
}
