//! Blobs made in memory: the same noise again and again, told apart by their last eight bytes.

use bytes::Bytes;
use sha2::{Digest, Sha256};

const MEBIBYTE: usize = 1 << 20;
/// What a client written in Go sends in one chunk.
const CHUNK: usize = 32 << 10;
const SEED: usize = 8;

/// A family of blobs of one size.
#[derive(Clone)]
pub(crate) struct Blobs {
    block: Bytes,
    /// The block as chunks of a chunked body.
    framed: Bytes,
    blocks: usize,
    /// The hash of everything but the seed.
    hash: Sha256,
}

impl Blobs {
    /// Blobs of so many mebibytes, at least one.
    pub(crate) fn new(mebibytes: usize) -> Self {
        let block = noise();
        let blocks = mebibytes.max(1);
        let mut hash = Sha256::new();
        for _ in 1..blocks {
            hash.update(&block);
        }
        hash.update(&block[..MEBIBYTE - SEED]);
        let framed = block.chunks(CHUNK).flat_map(frame).collect::<Vec<u8>>().into();
        Self { block, framed, blocks, hash }
    }

    /// Bytes of each blob.
    pub(crate) fn size(&self) -> u64 {
        (self.blocks * MEBIBYTE) as u64
    }

    pub(crate) fn digest(&self, seed: u64) -> String {
        let mut hash = self.hash.clone();
        hash.update(seed.to_le_bytes());
        named(&hash.finalize())
    }

    /// The blob in pieces of a mebibyte.
    pub(crate) fn pieces(&self, seed: u64) -> impl Iterator<Item = Bytes> {
        let mut last = self.block[..MEBIBYTE - SEED].to_vec();
        last.extend_from_slice(&seed.to_le_bytes());
        std::iter::repeat_n(self.block.clone(), self.blocks - 1).chain([last.into()])
    }

    /// The blob as a chunked body, its end included.
    pub(crate) fn chunked(&self, seed: u64) -> impl Iterator<Item = Bytes> {
        let last = self.pieces(seed).last().unwrap_or_default();
        let mut last: Vec<u8> = last.chunks(CHUNK).flat_map(frame).collect();
        last.extend_from_slice(b"0\r\n\r\n");
        std::iter::repeat_n(self.framed.clone(), self.blocks - 1).chain([last.into()])
    }
}

/// The digest of these bytes, as registries write it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    named(&Sha256::digest(bytes))
}

/// A finished hash, as registries write it.
pub(crate) fn named(hash: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in hash {
        text.extend([byte >> 4, byte & 15].iter().filter_map(|half| char::from_digit((*half).into(), 16)));
    }
    text
}

fn frame(chunk: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
    framed.extend_from_slice(chunk);
    framed.extend_from_slice(b"\r\n");
    framed
}

/// A mebibyte that nothing on the way can compress.
fn noise() -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..MEBIBYTE / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_pieces() {
        let blobs = Blobs::new(3);
        for seed in [0, 7] {
            let whole: Vec<u8> = blobs.pieces(seed).flatten().collect();
            assert_eq!(whole.len() as u64, blobs.size());
            assert_eq!(blobs.digest(seed), digest(&whole));
        }
        assert_ne!(blobs.digest(0), blobs.digest(1));
    }

    #[test]
    fn chunks_hold_the_pieces() {
        let blobs = Blobs::new(2);
        let framed: Vec<u8> = blobs.chunked(5).flatten().collect();
        let mut rest = framed.as_slice();
        let mut whole = Vec::new();
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 4 + size..];
            if size == 0 {
                break;
            }
        }
        assert!(rest.is_empty());
        assert_eq!(digest(&whole), blobs.digest(5));
    }
}
