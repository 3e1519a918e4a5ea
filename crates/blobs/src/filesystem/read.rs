//! Blobs on their way out, slice by slice.
//!
//! For a socket the slices only show the file: they are cut from mapped windows, of which one is ahead of the reader. For
//! whoever looks at the bytes they are copies, and short, because thousands of slow readers may each hold some.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::Digest;
use rustix::fs::{Advice, fadvise};
use tokio::task::{JoinHandle, spawn_blocking};

use super::blocking;
use super::layout::Layout;
use crate::error::{Error, Kind, Result};
use crate::mapping;
use crate::store::{ByteStream, check_range};

/// Up to here a copy is cheaper than a map.
const SMALL: u64 = 256 << 10;
/// What a copied slice holds at most.
const PIECE: u64 = 64 << 10;
/// What a mapped slice holds at most: half a window, for every slice costs a round through all that lies between here and
/// the socket.
const SLICE: usize = 4 << 20;
/// A short window first, so that the first byte of a cold blob does not wait for a long one.
const FIRST_WINDOW: u64 = 1 << 20;
/// Long enough to pay for its system calls, short enough that thousands of slow readers fit into memory.
const WINDOW: u64 = 8 << 20;

/// How the bytes are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They show the file, as long as nothing goes wrong with it. Where mapping is not to be had, they are copied.
    Mapped,
    Copied,
}

/// Streams a part of a blob.
pub(super) async fn read(
    layout: &Layout,
    digest: &Digest,
    size: u64,
    range: Range<u64>,
    way: Way,
) -> Result<ByteStream> {
    check_range(size, &range)?;
    let (path, digest) = (layout.blob(digest), digest.clone());
    let reader = blocking(move || {
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
        Reader::open(file, range, way).map_err(failed)
    })
    .await?;
    Ok(stream::try_unfold(reader, Reader::next_slice).boxed())
}

/// A part of a file on its way out.
struct Reader {
    file: Arc<File>,
    /// What is neither in use nor on its way.
    rest: Range<u64>,
    /// What is left of the window or piece in use.
    current: Bytes,
    ahead: Option<Ahead>,
    way: Way,
}

/// The next window: there already, or on its way. None comes where mapping is not to be had.
enum Ahead {
    Here(Bytes),
    Loading { start: u64, window: JoinHandle<io::Result<Option<Bytes>>> },
}

impl Reader {
    /// Blocks for the first bytes, so that they come with the same hop to the blocking threads as opening the file.
    fn open(file: File, range: Range<u64>, way: Way) -> io::Result<Self> {
        let length = range.end - range.start;
        let mut reader = Self { file: Arc::new(file), rest: range, current: Bytes::new(), ahead: None, way };
        if length <= SMALL && way == Way::Mapped {
            reader.current = mapping::read(&reader.file, reader.rest.clone())?;
            reader.rest.start = reader.rest.end;
            return Ok(reader);
        }
        // A hint: larger requests to the disk.
        let _ = fadvise(&*reader.file, 0, None, Advice::Sequential);
        let first = match way {
            Way::Mapped => mapping::window(&reader.file, beginning(&reader.rest, FIRST_WINDOW))?,
            Way::Copied => Some(mapping::read(&reader.file, beginning(&reader.rest, PIECE))?),
        };
        match first {
            Some(bytes) => {
                reader.rest.start += bytes.len() as u64;
                reader.current = bytes;
            }
            None => reader.way = Way::Copied,
        }
        Ok(reader)
    }

    async fn next_slice(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.current.is_empty() {
            self.current = self.next_window().await?;
        }
        if self.current.is_empty() {
            self.current = self.next_piece().await?;
        }
        if self.current.is_empty() {
            return Ok(None);
        }
        let slice = self.current.split_to(self.current.len().min(SLICE));
        // A slow reader holds one window most of the time, a fast one finds the next one ready.
        if self.current.len() as u64 <= WINDOW / 2 {
            self.load_ahead()?;
        }
        Ok(Some((slice, self)))
    }

    /// The next window; empty when there is none.
    async fn next_window(&mut self) -> io::Result<Bytes> {
        self.load_ahead()?;
        let (start, window) = match self.ahead.take() {
            None => return Ok(Bytes::new()),
            Some(Ahead::Here(bytes)) => return Ok(bytes),
            Some(Ahead::Loading { start, window }) => (start, window),
        };
        match window.await.map_err(io::Error::other)?? {
            Some(bytes) => Ok(bytes),
            None => {
                (self.way, self.rest.start) = (Way::Copied, start);
                Ok(Bytes::new())
            }
        }
    }

    /// Starts on the next window, unless there is none or it is on its way. One that is in memory needs no other thread.
    fn load_ahead(&mut self) -> io::Result<()> {
        if self.way == Way::Copied || self.ahead.is_some() || self.rest.is_empty() {
            return Ok(());
        }
        let range = beginning(&self.rest, WINDOW);
        let start = range.start;
        self.rest.start = range.end;
        self.ahead = Some(match mapping::cached_window(&self.file, &range)? {
            Some(window) => Ahead::Here(window),
            None => {
                let file = Arc::clone(&self.file);
                Ahead::Loading { start, window: spawn_blocking(move || mapping::window(&file, range)) }
            }
        });
        Ok(())
    }

    /// The next bytes, copied; empty at the end.
    async fn next_piece(&mut self) -> io::Result<Bytes> {
        if self.rest.is_empty() {
            return Ok(Bytes::new());
        }
        let range = beginning(&self.rest, PIECE);
        let piece = match mapping::read_at_once(&self.file, &range) {
            Some(bytes) => bytes,
            None => {
                let (file, window) = (Arc::clone(&self.file), beginning(&self.rest, WINDOW));
                let reading = spawn_blocking(move || {
                    // Only a hint: the disk starts on what comes next, too.
                    let _ = fadvise(
                        &*file,
                        window.start,
                        NonZeroU64::new(window.end - window.start),
                        Advice::WillNeed,
                    );
                    mapping::read(&file, range)
                });
                reading.await.map_err(io::Error::other)??
            }
        };
        self.rest.start += piece.len() as u64;
        Ok(piece)
    }
}

/// The beginning of what is left. It ends at a multiple of the length, so that windows lie on whole pages of any size.
fn beginning(rest: &Range<u64>, length: u64) -> Range<u64> {
    rest.start..(rest.start / length).saturating_add(1).saturating_mul(length).min(rest.end)
}
