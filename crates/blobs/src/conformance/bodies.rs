//! Content that can be made again, as bodies that arrive in pieces or break off, and as it is read.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::Digest;

use crate::error::Result;
use crate::store::{BlobStore, ByteStream};

/// `size` bytes that are different for every `seed` and do not repeat with any power of two.
pub fn content(seed: u64, size: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

/// `bytes` as a body of chunks of `size`.
pub fn body(bytes: &Bytes, size: usize) -> ByteStream {
    let bytes = bytes.clone();
    let starts = (0..bytes.len()).step_by(size);
    stream::iter(starts.map(move |at| Ok(bytes.slice(at..bytes.len().min(at + size))))).boxed()
}

/// A body that delivers `bytes` and then breaks.
pub fn broken_body(bytes: &Bytes, size: usize) -> ByteStream {
    let error = io::Error::from(io::ErrorKind::ConnectionReset);
    body(bytes, size).chain(stream::once(async { Err(error) })).boxed()
}

/// All that `range` of the blob yields.
pub async fn read_all(
    store: &dyn BlobStore,
    digest: &Digest,
    size: u64,
    range: Range<u64>,
) -> Result<Vec<u8>> {
    let stream = store.read(digest, size, range).await?;
    let slices: Vec<Bytes> = stream.try_collect().await.unwrap();
    Ok(slices.concat())
}

/// All that a socket is given of `range`.
pub(super) async fn send_all(
    store: &dyn BlobStore,
    digest: &Digest,
    size: u64,
    range: Range<u64>,
) -> Result<Vec<u8>> {
    let stream = store.send(digest, size, range).await?;
    let slices: Vec<Bytes> = stream.try_collect().await.unwrap();
    Ok(slices.concat())
}
