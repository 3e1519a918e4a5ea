//! Windows of a blob file as memory, without copying.
//!
//! Safety: a mapping must not change or shrink under its reader. Committed blobs are immutable, an unlinked file keeps its
//! pages, and the length is checked before mapping; the argument is repeated at the one place where a map is made. What
//! others do to the file behind our back, and disks and networks that fail, are beyond that argument: touching the map is
//! a signal then, which ends the process. So the bytes are there for their address, and whoever wants to know them reads
//! the file.

#![expect(
    unsafe_code,
    reason = "a memory map is unsafe to make; the argument is at the one place where it is made"
)]

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Advice, Mmap, MmapOptions};
use rustix::fs::fadvise;
use rustix::io::{ReadWriteFlags, preadv2};

use crate::origin::{Known, Origin};

/// How far apart a file is probed: no more than the kernel reads ahead at a time.
const PROBE: usize = 128 << 10;

/// A mapped part of a file. What is first in it is dropped first.
struct Window {
    _known: Known,
    map: Mmap,
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// The bytes of `range`, mapped and already in memory: whoever reads them waits for no disk.
///
/// Blocks until the disk has delivered. The window is unmapped when its last slice is dropped. `None` where mapping is not
/// to be had: an old kernel, an odd file system, a failing disk.
pub(crate) fn window(file: &Arc<File>, range: Range<u64>) -> io::Result<Option<Bytes>> {
    let length = checked_length(file, &range)?;
    let Some(count) = NonZeroU64::new(length as u64) else { return Ok(Some(Bytes::new())) };
    let cached = is_cached(file, &range);
    if !cached {
        // Only a hint: the disk starts on the whole window at once, in large requests.
        let _ = fadvise(file, range.start, Some(count), rustix::fs::Advice::WillNeed);
    }
    match map(file, range.start, length, cached) {
        Ok(map) => Ok(Some(known(file, range.start, map))),
        Err(_) => Ok(None),
    }
}

/// As [`window`], if that waits for no disk: only what the kernel has in memory.
pub(crate) fn cached_window(file: &Arc<File>, range: &Range<u64>) -> io::Result<Option<Bytes>> {
    let length = checked_length(file, range)?;
    if length == 0 || !is_cached(file, range) {
        return Ok(None);
    }
    Ok(map(file, range.start, length, true).ok().map(|map| known(file, range.start, map)))
}

/// How long a range is, in a file that reaches to its end.
fn checked_length(file: &File, range: &Range<u64>) -> io::Result<usize> {
    if file.metadata()?.len() < range.end {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the blob became shorter while it was read",
        ));
    }
    length(range)
}

fn known(file: &Arc<File>, start: u64, map: Mmap) -> Bytes {
    let origin = Origin { file: Arc::clone(file), offset: start };
    Bytes::from_owner(Window { _known: Known::new(&map, origin), map })
}

/// Whether the kernel has the range in memory, as far as samples tell. Its pages then need not be brought into the map
/// one by one, which would be for nothing when the socket takes them from the file.
fn is_cached(file: &File, range: &Range<u64>) -> bool {
    (range.start..range.end).step_by(PROBE).chain([range.end - 1]).all(|at| {
        let mut byte = [0];
        preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) == Ok(1)
    })
}

/// The bytes of a short range, copied.
pub(crate) fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let mut bytes = vec![0; length(&range)?];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

/// As [`read`], without ever waiting for a disk: only what the kernel has in memory, at least a byte.
pub(crate) fn read_at_once(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; length(range).ok()?];
    let read = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], range.start, ReadWriteFlags::NOWAIT);
    bytes.truncate(read.ok()?);
    (!bytes.is_empty()).then(|| bytes.into())
}

fn length(range: &Range<u64>) -> io::Result<usize> {
    usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)
}

fn map(file: &File, start: u64, length: usize, cached: bool) -> io::Result<Mmap> {
    // SAFETY: nothing may write to or shorten the mapped part of the file while the map lives. Only committed blobs
    // get here, and those are immutable: this crate opens them for reading only, replaces them by rename and removes
    // them by unlink, both of which leave the mapped inode as it is. The caller has just checked that the file
    // reaches to the end of the window, so the map has no pages beyond the end of the file.
    let map = unsafe { MmapOptions::new().offset(start).len(length).map(file)? };
    map.advise(Advice::Sequential)?;
    if !cached {
        map.advise(Advice::PopulateRead)?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_window_shows_its_part_and_outlives_the_file() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let file = Arc::new(file);
        let bytes = window(&file, 4_099..300_001).unwrap().unwrap();
        let origin = Origin::of(&bytes[5..]).unwrap();
        assert!(Arc::ptr_eq(&origin.file, &file));
        assert_eq!(origin.offset, 4_104);
        let again = cached_window(&file, &(4_099..300_001)).unwrap();
        assert!(again.is_none_or(|again| again == bytes), "in memory or not, the same");
        drop((file, origin));
        assert_eq!(bytes, content[4_099..300_001]);
        assert_eq!(bytes.slice(10..20), content[4_109..4_119]);
    }

    #[test]
    fn a_window_beyond_the_end_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let file = Arc::new(file);
        assert_eq!(window(&file, 5..11).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(cached_window(&file, &(5..11)).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(window(&file, 4..4).unwrap(), Some(Bytes::new()));
        assert_eq!(read(&file, 2..5).unwrap(), "234");
        assert_eq!(read_at_once(&file, &(10..12)), None);
    }
}
