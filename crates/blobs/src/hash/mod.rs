//! Hashing that can stop in one process and go on in another.
//!
//! `sha2` keeps the state and does the hashing. Only where it would fall back to portable code for SHA-256 although
//! the processor can do better, long runs of blocks pass by it.

#[cfg(target_arch = "x86_64")]
mod wide;

use haven_oci::{Algorithm, Digest};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

/// A hash in the making.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => update(hash, bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Whether everything hashed so far is the content that `digest` names.
    pub(crate) fn matches(self, digest: &Digest) -> bool {
        self.digest().as_ref() == Some(digest)
    }

    /// The name of everything hashed so far.
    pub(crate) fn digest(self) -> Option<Digest> {
        match self {
            Self::Sha256(hash) => Digest::from_parts(Algorithm::Sha256, &hash.finalize()),
            Self::Sha512(hash) => Digest::from_parts(Algorithm::Sha512, &hash.finalize()),
        }
    }

    /// The state in the form of `sha2` 0.11: chaining values, block count, and the bytes of an unfinished block.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Sha256(hash) => hash.serialize().to_vec(),
            Self::Sha512(hash) => hash.serialize().to_vec(),
        }
    }

    pub(crate) fn from_bytes(algorithm: Algorithm, state: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Sha256 => {
                let state = SerializedState::<Sha256>::try_from(state).ok()?;
                Some(Self::Sha256(Sha256::deserialize(&state).ok()?))
            }
            Algorithm::Sha512 => {
                let state = SerializedState::<Sha512>::try_from(state).ok()?;
                Some(Self::Sha512(Sha512::deserialize(&state).ok()?))
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn update(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(bytes);
}

#[cfg(target_arch = "x86_64")]
fn update(hash: &mut Sha256, bytes: &[u8]) {
    /// Below this, taking the state out and back in costs more than it gains.
    const LONG: usize = 4096;
    let rest = match wide::Wide::detect() {
        Some(wide) if bytes.len() >= LONG => update_wide(hash, bytes, wide),
        _ => bytes,
    };
    hash.update(rest);
}

/// Takes in most of `bytes`, which are at least a block, and returns the rest.
#[cfg(target_arch = "x86_64")]
fn update_wide<'a>(hash: &mut Sha256, bytes: &'a [u8], wide: wide::Wide) -> &'a [u8] {
    // The form of the state: eight chaining values, the number of blocks, the length of a block begun, its bytes.
    const COUNT: usize = 32;
    const BEGUN: usize = 40;
    let begun = usize::from(hash.serialize()[BEGUN]);
    let (head, bytes) = bytes.split_at((64 - begun) % 64);
    hash.update(head);
    let mut saved = hash.serialize();
    let (values, tail) = saved.split_at_mut(COUNT);
    let (values, count) = (values.as_chunks_mut::<4>().0, tail.first_chunk_mut::<8>());
    let mut state = std::array::from_fn(|i| u32::from_le_bytes(values[i]));
    let done = wide.compress(&mut state, bytes.as_chunks::<64>().0);
    for (value, word) in values.iter_mut().zip(state) {
        *value = word.to_le_bytes();
    }
    if let Some(count) = count {
        *count = (u64::from_le_bytes(*count) + done as u64).to_le_bytes();
    }
    match Sha256::deserialize(&saved) {
        Ok(after) => {
            *hash = after;
            &bytes[64 * done..]
        }
        // Only if the form were another one; then `sha2` does all of it.
        Err(_) => bytes,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hash_goes_on_from_its_saved_state(bytes: Vec<u8>, at: prop::sample::Index, long: bool) {
            let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
            let mut hasher = Hasher::new(algorithm);
            hasher.update(head);
            let mut resumed = Hasher::from_bytes(algorithm, &hasher.to_bytes()).unwrap();
            resumed.update(tail);
            prop_assert!(resumed.matches(&Digest::of(algorithm, &bytes)));
        }

        #[test]
        fn a_long_hash_has_the_same_state_as_that_of_sha2(
            seed: [u8; 31],
            lengths in prop::collection::vec(0..9000_usize, 1..5),
        ) {
            let (mut ours, mut theirs) = (Hasher::new(Algorithm::Sha256), Sha256::new());
            for length in lengths {
                let bytes: Vec<u8> = seed.into_iter().cycle().take(length).collect();
                ours.update(&bytes);
                theirs.update(&bytes);
                prop_assert_eq!(ours.to_bytes(), theirs.serialize().to_vec());
            }
        }

        #[test]
        fn a_damaged_state_is_no_panic(state: Vec<u8>, long: bool) {
            let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let _ = Hasher::from_bytes(algorithm, &state);
        }
    }
}
