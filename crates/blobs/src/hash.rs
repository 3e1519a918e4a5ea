//! Hashing that can stop in one process and go on in another.

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
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Whether everything hashed so far is the content that `digest` names.
    pub(crate) fn matches(self, digest: &Digest) -> bool {
        let ours = match self {
            Self::Sha256(hash) => Digest::from_parts(Algorithm::Sha256, &hash.finalize()),
            Self::Sha512(hash) => Digest::from_parts(Algorithm::Sha512, &hash.finalize()),
        };
        ours.as_ref() == Some(digest)
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
        fn a_damaged_state_is_no_panic(state: Vec<u8>, long: bool) {
            let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let _ = Hasher::from_bytes(algorithm, &state);
        }
    }
}
