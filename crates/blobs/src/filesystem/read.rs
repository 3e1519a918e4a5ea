//! Blobs on their way out: mapped windows, one ahead of the reader, handed out in slices.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::Digest;
use tokio::task::{JoinHandle, spawn_blocking};

use super::blocking;
use super::layout::Layout;
use crate::error::{Error, Kind, Result};
use crate::mapping;
use crate::store::{ByteStream, check_range};

/// Up to here a copy is cheaper than a map.
const SMALL: u64 = 256 << 10;
/// What one poll of the stream yields at most: half a window, for every slice costs a round through all that lies between
/// here and the socket.
const SLICE: usize = 4 << 20;
/// A short window first, so that the first byte of a cold blob does not wait for a long one.
const FIRST_WINDOW: u64 = 1 << 20;
/// Long enough to pay for its system calls, short enough that thousands of slow readers fit into memory.
const WINDOW: u64 = 8 << 20;

/// Streams a part of a blob.
pub(super) async fn read(
    layout: &Layout,
    digest: &Digest,
    size: u64,
    range: Range<u64>,
) -> Result<ByteStream> {
    check_range(size, &range)?;
    let (path, digest) = (layout.blob(digest), digest.clone());
    let windows = blocking(move || {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::no_blob(&digest),
            _ => Error::io(format!("read blob {digest}"), error),
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(Kind::Corrupt, format!("blob {digest} is not a file")));
        }
        if metadata.len() < size {
            return Err(Error::shorter(&digest, metadata.len(), size));
        }
        Windows::open(file, range).map_err(failed)
    })
    .await?;
    Ok(stream::try_unfold(windows, Windows::next_slice).boxed())
}

/// A file as a succession of windows.
struct Windows {
    file: Arc<File>,
    /// What no window has been asked for yet.
    rest: Range<u64>,
    /// What is left of the window in use.
    current: Bytes,
    ahead: Option<Ahead>,
}

/// The next window: there already, or on its way.
enum Ahead {
    Here(Bytes),
    Loading(JoinHandle<io::Result<Bytes>>),
}

impl Windows {
    /// Blocks for the first window, so that it comes with the same hop to the blocking threads as opening the file.
    fn open(file: File, range: Range<u64>) -> io::Result<Self> {
        let (file, length) = (Arc::new(file), range.end - range.start);
        if length <= SMALL {
            let current =
                mapping::read(&file, range.start, usize::try_from(length).map_err(io::Error::other)?)?;
            return Ok(Self { file, rest: range.end..range.end, current, ahead: None });
        }
        // A hint: larger requests to the disk.
        let _ = rustix::fs::fadvise(&*file, 0, None, rustix::fs::Advice::Sequential);
        let end = aligned_end(&range, FIRST_WINDOW);
        let current = mapping::window(&file, range.start..end)?;
        Ok(Self { file, rest: end..range.end, current, ahead: None })
    }

    async fn next_slice(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.current.is_empty() {
            self.load_ahead()?;
            let Some(ahead) = self.ahead.take() else { return Ok(None) };
            self.current = match ahead {
                Ahead::Here(window) => window,
                Ahead::Loading(window) => window.await.map_err(io::Error::other)??,
            };
        }
        let slice = self.current.split_to(self.current.len().min(SLICE));
        // A slow reader holds one window most of the time, a fast one finds the next one ready.
        if self.current.len() as u64 <= WINDOW / 2 {
            self.load_ahead()?;
        }
        Ok(Some((slice, self)))
    }

    /// Starts on the next window, unless there is none or it is on its way. One that is in memory needs no other thread.
    fn load_ahead(&mut self) -> io::Result<()> {
        if self.ahead.is_some() || self.rest.is_empty() {
            return Ok(());
        }
        let window = self.rest.start..aligned_end(&self.rest, WINDOW);
        self.rest.start = window.end;
        self.ahead = Some(match mapping::cached_window(&self.file, &window)? {
            Some(window) => Ahead::Here(window),
            None => {
                let file = Arc::clone(&self.file);
                Ahead::Loading(spawn_blocking(move || mapping::window(&file, window)))
            }
        });
        Ok(())
    }
}

/// Windows end at multiples of their length, so that they lie on whole pages of any size.
fn aligned_end(rest: &Range<u64>, length: u64) -> u64 {
    (rest.start / length).saturating_add(1).saturating_mul(length).min(rest.end)
}
