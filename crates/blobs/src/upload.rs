//! Upload sessions: the state that a caller keeps in a row between two requests.
//!
//! Whoever holds the bytes of an [`Upload`] can go on with it, in another request, process or replica.

use std::fmt;

use haven_oci::{Algorithm, Digest};

use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;

const VERSION: u8 = 1;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

/// What the caller knows about the bytes that it is about to append. It is a hint and not written down: a back end may
/// take a shorter way, and promises the same without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Probably all there is, as most clients send a blob in one go.
    #[default]
    Whole,
    /// One of several pieces.
    Piece,
    /// The last bytes of the blob of this digest.
    Last(Digest),
}

/// An upload as of its last acknowledged byte.
#[derive(Clone)]
pub struct Upload {
    pub id: String,
    /// How many bytes are kept. Anything in the store beyond that was never acknowledged.
    pub size: u64,
    pub(crate) hasher: Hasher,
    /// What the back end needs to go on; empty for those that need nothing.
    pub(crate) backend: Vec<u8>,
    pub(crate) intent: Intent,
    /// Whether the bytes were put in place by the request that holds this value. Not written down.
    pub(crate) fresh: bool,
    /// The blob in whose place an append has put the bytes, or has tried to. Not written down.
    pub(crate) placing: Option<Digest>,
}

impl Upload {
    /// A new, empty upload, if the id is one that no path or key can be led astray by.
    pub(crate) fn new(id: &str, algorithm: Algorithm) -> Result<Self> {
        check_id(id)?;
        Ok(Self::resumed(id.to_owned(), 0, Hasher::new(algorithm), Vec::new()))
    }

    fn resumed(id: String, size: u64, hasher: Hasher, backend: Vec<u8>) -> Self {
        Self { id, size, hasher, backend, intent: Intent::default(), fresh: false, placing: None }
    }

    /// Says that the bytes to come are one of several pieces.
    pub fn expect_more(&mut self) {
        self.intent = Intent::Piece;
    }

    /// Says that the bytes to come are the last ones, and which blob they should make.
    pub fn expect(&mut self, digest: &Digest) {
        self.intent = Intent::Last(digest.clone());
    }

    /// The blob in whose place an append since the last look has put the bytes, or has tried to, whatever came of it: they
    /// may be there even when it failed.
    pub fn take_placing(&mut self) -> Option<Digest> {
        self.placing.take()
    }

    /// The hash function that runs along with the upload.
    pub fn algorithm(&self) -> Algorithm {
        self.hasher.algorithm()
    }

    /// The blob that a commit has made of it, if one has; none while there is nothing to be made.
    pub(crate) fn became(&self) -> Option<Digest> {
        self.hasher.clone().digest().filter(|_| self.size > 0)
    }

    /// The session as bytes, to be kept until the next request: about 170 plus what the back end needs.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = self.hasher.to_bytes();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.push(match self.algorithm() {
            Algorithm::Sha256 => SHA256,
            Algorithm::Sha512 => SHA512,
        });
        for field in [self.id.as_bytes(), &state, &self.backend] {
            put_field(&mut bytes, field);
        }
        bytes
    }

    /// The session that [`Upload::to_bytes`] wrote, here or in an earlier release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let upload = parse(&mut rest).filter(|_| rest.is_empty());
        let upload = upload.ok_or_else(|| Error::new(Kind::Invalid, "unreadable state of an upload"))?;
        check_id(&upload.id)?;
        Ok(upload)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("id", &self.id)
            .field("size", &self.size)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn parse(rest: &mut &[u8]) -> Option<Upload> {
    let [version] = take(rest)?;
    if version != VERSION {
        return None;
    }
    let size = u64::from_le_bytes(take(rest)?);
    let algorithm = match take(rest)? {
        [SHA256] => Algorithm::Sha256,
        [SHA512] => Algorithm::Sha512,
        _ => return None,
    };
    let id = str::from_utf8(take_field(rest)?).ok()?.to_owned();
    let hasher = Hasher::from_bytes(algorithm, take_field(rest)?)?;
    let backend = take_field(rest)?.to_vec();
    Some(Upload::resumed(id, size, hasher, backend))
}

pub(crate) fn put_field(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(field);
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

pub(crate) fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (field, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(field)
}

/// Ids become names of folders and keys of objects, so nothing else than `[a-z0-9-]{1,64}` passes.
pub(crate) fn check_id(id: &str) -> Result<()> {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, "an upload id is 1 to 64 characters of a-z, 0-9 and -"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_cannot_lead_out_of_its_folder() {
        let long = "a".repeat(65);
        for id in ["", ".", "..", "a/b", "../a", "A", "a b", "a\0", "é", &long] {
            assert_eq!(Upload::new(id, Algorithm::Sha256).unwrap_err().kind, Kind::Invalid, "{id:?}");
        }
        assert!(Upload::new("3f0c-9", Algorithm::Sha256).is_ok());
    }

    #[test]
    fn a_state_of_another_version_or_with_something_behind_it_is_refused() {
        let good = Upload::new("a", Algorithm::Sha512).unwrap().to_bytes();
        let mut newer = good.clone();
        newer[0] = VERSION + 1;
        let mut longer = good.clone();
        longer.push(0);
        for bytes in [&newer, &longer, &good[..good.len() - 1].to_vec(), &Vec::new()] {
            assert_eq!(Upload::from_bytes(bytes).unwrap_err().kind, Kind::Invalid);
        }
        assert!(Upload::from_bytes(&good).is_ok());
    }

    proptest! {
        #[test]
        fn a_session_survives_being_written_down(bytes: Vec<u8>, backend: Vec<u8>, id in "[a-z0-9-]{1,64}") {
            let mut upload = Upload::new(&id, Algorithm::Sha256).unwrap();
            upload.hasher.update(&bytes);
            upload.size = bytes.len() as u64;
            upload.backend = backend;
            let again = Upload::from_bytes(&upload.to_bytes()).unwrap();
            prop_assert_eq!((&again.id, again.size, &again.backend), (&upload.id, upload.size, &upload.backend));
            prop_assert!(again.hasher.matches(&Digest::sha256(&bytes)));
        }

        #[test]
        fn arbitrary_bytes_are_no_panic(bytes: Vec<u8>) {
            let _ = Upload::from_bytes(&bytes);
        }
    }
}
