//! What an upload needs to go on in another process: its multipart, and the bytes that are not yet part of one.

use bytes::Bytes;
use haven_oci::Digest;

use crate::error::{Error, Kind, Result};
use crate::upload::{Upload, put_field, take, take_field};

const VERSION: u8 = 1;
const INLINE: u8 = 0;
const STAGED: u8 = 1;
const PLACED: u8 = 2;

/// The back end's part of an [`Upload`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) multipart: Option<Multipart>,
    pub(super) tail: Tail,
    /// Whether objects lie below the upload's own key.
    pub(super) littered: bool,
}

/// A multipart that was begun, and its parts that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Multipart {
    pub(super) id: String,
    /// The name of the object that remembers the id, for those who have no state.
    pub(super) marker: String,
    /// The blob whose key it makes; without one it makes an object of the upload.
    pub(super) target: Option<Digest>,
    /// As the service calls them, in order.
    pub(super) parts: Vec<String>,
    /// Bytes in these parts.
    pub(super) size: u64,
}

/// The bytes after the last part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Few enough to be kept in the state itself.
    Inline(Bytes),
    /// An object of the upload, by name.
    Staged(String),
    /// All bytes so far, as the blob that they make.
    Placed(Digest),
}

impl Default for Tail {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}

impl State {
    /// Reads the state of an upload.
    pub(super) fn of(upload: &Upload) -> Result<Self> {
        if upload.backend.is_empty() {
            return Ok(Self::default());
        }
        let mut rest = upload.backend.as_slice();
        let state = parse(&mut rest).filter(|state| rest.is_empty() && state.fits(upload.size));
        state.ok_or_else(|| Error::new(Kind::Invalid, format!("unreadable state of upload {}", upload.id)))
    }

    /// Bytes that are in parts.
    pub(super) fn in_parts(&self) -> u64 {
        self.multipart.as_ref().map_or(0, |multipart| multipart.size)
    }

    /// The blob as which all bytes so far lie in their place.
    pub(super) fn placed(self) -> Option<Digest> {
        match self.tail {
            Tail::Placed(digest) => Some(digest),
            Tail::Inline(_) | Tail::Staged(_) => None,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.littered)];
        match &self.tail {
            Tail::Inline(tail) => {
                bytes.push(INLINE);
                put_field(&mut bytes, tail);
            }
            Tail::Staged(name) => {
                bytes.push(STAGED);
                put_field(&mut bytes, name.as_bytes());
            }
            Tail::Placed(digest) => {
                bytes.push(PLACED);
                put_field(&mut bytes, digest.as_str().as_bytes());
            }
        }
        if let Some(multipart) = &self.multipart {
            let target = multipart.target.as_ref().map(Digest::as_str).unwrap_or_default();
            for field in [&multipart.id, &multipart.marker, target] {
                put_field(&mut bytes, field.as_bytes());
            }
            bytes.extend_from_slice(&multipart.size.to_le_bytes());
            for part in &multipart.parts {
                put_field(&mut bytes, part.as_bytes());
            }
        }
        bytes
    }

    fn fits(&self, size: u64) -> bool {
        match &self.tail {
            Tail::Inline(tail) => self.in_parts() + tail.len() as u64 == size,
            Tail::Staged(_) => self.in_parts() < size,
            Tail::Placed(_) => self.multipart.is_none() && size > 0,
        }
    }
}

fn parse(rest: &mut &[u8]) -> Option<State> {
    let [VERSION, littered @ (0 | 1), kind] = take(rest)? else { return None };
    let field = take_field(rest)?;
    let tail = match kind {
        INLINE => Tail::Inline(Bytes::copy_from_slice(field)),
        STAGED => Tail::Staged(text(field)?),
        PLACED => Tail::Placed(text(field)?.parse().ok()?),
        _ => return None,
    };
    let multipart = if rest.is_empty() { None } else { Some(parse_multipart(rest)?) };
    Some(State { multipart, tail, littered: littered == 1 })
}

fn parse_multipart(rest: &mut &[u8]) -> Option<Multipart> {
    let (id, marker, target) = (text(take_field(rest)?)?, text(take_field(rest)?)?, text(take_field(rest)?)?);
    let target = if target.is_empty() { None } else { Some(target.parse().ok()?) };
    let size = u64::from_le_bytes(take(rest)?);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        parts.push(text(take_field(rest)?)?);
    }
    Some(Multipart { id, marker, target, parts, size })
}

fn text(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use haven_oci::Algorithm;
    use proptest::prelude::*;

    use super::*;

    fn states() -> impl Strategy<Value = (State, u64)> {
        let multipart = ("[a-z]{0,9}", any::<bool>(), prop::collection::vec("[a-z\"]{1,40}", 0..20));
        let tail = (0_u8..3, prop::collection::vec(any::<u8>(), 0..99), any::<bool>());
        (prop::option::of(multipart), tail).prop_map(|(multipart, (kind, bytes, littered))| {
            let multipart = multipart.filter(|_| kind != PLACED).map(|(id, known, parts)| Multipart {
                id,
                marker: "m.multipart".to_owned(),
                target: known.then(|| Digest::sha256(b"t")),
                size: parts.len() as u64 * 5,
                parts,
            });
            let before = multipart.as_ref().map_or(0, |multipart| multipart.size);
            let (tail, size) = match kind {
                INLINE => (Tail::Inline(bytes.clone().into()), bytes.len() as u64),
                STAGED => (Tail::Staged("t".to_owned()), 1 + bytes.len() as u64),
                _ => (Tail::Placed(Digest::sha256(&bytes)), 1 + bytes.len() as u64),
            };
            (State { multipart, tail, littered }, before + size)
        })
    }

    fn upload(backend: Vec<u8>, size: u64) -> Upload {
        let mut upload = Upload::new("a", Algorithm::Sha256).unwrap();
        (upload.backend, upload.size) = (backend, size);
        upload
    }

    proptest! {
        #[test]
        fn a_state_survives_being_written_down((state, size) in states()) {
            prop_assert_eq!(State::of(&upload(state.to_bytes(), size)).unwrap(), state);
        }

        #[test]
        fn arbitrary_bytes_are_no_panic(bytes: Vec<u8>, size: u64) {
            let _ = State::of(&upload(bytes, size));
        }
    }

    #[test]
    fn a_state_that_does_not_fit_the_upload_is_refused() {
        let state = State { tail: Tail::Inline(Bytes::from_static(b"abc")), ..State::default() };
        assert!(State::of(&upload(state.to_bytes(), 3)).is_ok());
        assert_eq!(State::of(&upload(state.to_bytes(), 4)).unwrap_err().kind, Kind::Invalid);
        let mut newer = state.to_bytes();
        newer[0] += 1;
        assert_eq!(State::of(&upload(newer, 3)).unwrap_err().kind, Kind::Invalid);
    }
}
