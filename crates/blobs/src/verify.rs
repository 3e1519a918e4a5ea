//! Reading a blob to see whether it is still what its digest says.

use futures::StreamExt as _;
use haven_oci::Digest;
use tokio::task::spawn_blocking;

use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::store::BlobStore;

/// Whether the `size` bytes in the store are those that the digest names. A slice at a time is in memory; `progress` hears
/// the length of each.
///
/// # Errors
/// When the blob cannot be read to its end.
pub async fn verify(
    store: &dyn BlobStore,
    digest: &Digest,
    size: u64,
    mut progress: impl FnMut(u64) + Send,
) -> Result<bool> {
    let failed = |error| Error::io(format!("read blob {digest}"), error);
    let mut body = store.read(digest, size, 0..size).await?;
    let mut hasher = Hasher::new(digest.algorithm());
    while let Some(slice) = body.next().await {
        let slice = slice.map_err(failed)?;
        progress(slice.len() as u64);
        let hashed = spawn_blocking(move || {
            hasher.update(&slice);
            hasher
        });
        let died = |error| Error::with_source(Kind::Unavailable, "a task of the blob store died", error);
        hasher = hashed.await.map_err(died)?;
    }
    Ok(hasher.matches(digest))
}
