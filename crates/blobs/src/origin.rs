//! Which file a mapped window shows, so that a socket can be given the file instead of the bytes.
//!
//! Slices travel as plain bytes through everything that lies between a blob and a socket. At the socket their
//! address tells where they came from: as long as a slice of a window lives, nothing else can lie at its address.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError, RwLock};

/// The windows of this process by the address at which they begin.
static WINDOWS: RwLock<BTreeMap<usize, Window>> = RwLock::new(BTreeMap::new());

struct Window {
    length: usize,
    origin: Origin,
}

/// A place in a file.
#[derive(Clone, Debug)]
pub struct Origin {
    pub file: Arc<File>,
    /// In bytes from the beginning of the file.
    pub offset: u64,
}

impl Origin {
    /// Where the file has exactly these bytes; `None` when they do not lie in one mapped window of a blob.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let address = bytes.as_ptr().addr();
        let windows = WINDOWS.read().unwrap_or_else(PoisonError::into_inner);
        let (start, window) = windows.range(..=address).next_back()?;
        let skipped = address - start;
        if skipped.checked_add(bytes.len())? > window.length {
            return None;
        }
        let Self { file, offset } = &window.origin;
        Some(Self { file: Arc::clone(file), offset: offset + skipped as u64 })
    }

    /// Reads as many bytes as `into` has. Where the file does not have them any more, or cannot deliver them, this is an
    /// error, while to touch the window would be a signal that ends the process.
    ///
    /// # Errors
    /// Those of the operating system; `UnexpectedEof` when the file has become too short.
    pub fn read(&self, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, self.offset)
    }
}

/// Keeps a window known. To be dropped before the window is unmapped, and its address free for others.
pub(crate) struct Known(usize);

impl Known {
    /// Makes known that `window` shows the file from `origin` on.
    pub(crate) fn new(window: &[u8], origin: Origin) -> Self {
        let start = window.as_ptr().addr();
        let window = Window { length: window.len(), origin };
        WINDOWS.write().unwrap_or_else(PoisonError::into_inner).insert(start, window);
        Self(start)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let gone = WINDOWS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        // The file may be closed by this, which is not to be done under the lock.
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slices_of_a_window_have_an_origin_and_only_while_it_is_known() {
        let memory = [0_u8; 100];
        let file = Arc::new(tempfile::tempfile().unwrap());
        let known = Known::new(&memory[10..90], Origin { file, offset: 4096 });
        let offset = |bytes: &[u8]| Origin::of(bytes).map(|origin| origin.offset);
        assert_eq!(offset(&memory[10..90]), Some(4096));
        assert_eq!(offset(&memory[30..90]), Some(4116));
        assert_eq!(offset(&memory[9..20]), None, "begins before it");
        assert_eq!(offset(&memory[30..91]), None, "ends after it");
        assert_eq!(offset(&memory[95..]), None);
        drop(known);
        assert_eq!(offset(&memory[10..90]), None);
    }
}
