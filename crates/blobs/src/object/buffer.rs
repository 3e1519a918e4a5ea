//! Bytes on their way in, copied into blocks of a bounded size: a chunk of the network may hold on to far more memory
//! than it shows.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;
use object_store::PutPayload;

const BLOCK: usize = 1 << 20;
/// What an upload costs before its first byte.
const FIRST: usize = 16 << 10;

/// What was received and not yet sent on.
#[derive(Default)]
pub(super) struct Buffer {
    blocks: VecDeque<Bytes>,
    open: BytesMut,
    /// Once a block was full, those that follow are pages of their own.
    paged: Option<Paged>,
    is_large: bool,
    size: usize,
}

/// A block of pages of its own, which the system has back when nobody needs it any more. The heap would keep the holes that
/// blocks of many uploads at once leave in it.
struct Paged {
    pages: MmapMut,
    size: usize,
}

impl AsRef<[u8]> for Paged {
    fn as_ref(&self) -> &[u8] {
        self.pages.get(..self.size).unwrap_or_default()
    }
}

impl Buffer {
    /// All bytes, those of the open block included.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds bytes that come in one piece.
    pub(super) fn push_whole(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.size += bytes.len();
            self.blocks.push_back(bytes);
        }
    }

    /// Copies from the front of `chunk`, at most up to `room`; a block that became full is returned, too.
    pub(super) fn fill(&mut self, chunk: &mut Bytes, room: usize) -> Option<Bytes> {
        if self.is_large && self.open.is_empty() && self.paged.is_none() {
            // Where there are none, the heap will do.
            let pages = MmapMut::map_anon(BLOCK).ok();
            self.paged = pages.map(|pages| Paged { pages, size: 0 });
        }
        if let Some(paged) = &mut self.paged {
            let whole = BLOCK.min(paged.size + room);
            let taken = chunk.split_to(chunk.len().min(whole - paged.size));
            let end = paged.size + taken.len();
            if let Some(place) = paged.pages.get_mut(paged.size..end) {
                place.copy_from_slice(&taken);
            }
            (paged.size, self.size) = (end, self.size + taken.len());
            return (end == whole).then(|| self.close()).flatten();
        }
        let whole = BLOCK.min(self.open.len() + room);
        let taken = chunk.split_to(chunk.len().min(whole - self.open.len()));
        if self.open.capacity() < self.open.len() + taken.len() {
            // Doubling, so that a small blob costs little and a large one few copies.
            let wanted =
                (2 * self.open.len()).max(self.open.len() + taken.len()).clamp(FIRST, BLOCK.max(FIRST));
            self.open.reserve(wanted.max(self.open.len() + taken.len()) - self.open.len());
        }
        self.open.extend_from_slice(&taken);
        self.size += taken.len();
        (self.open.len() == whole).then(|| self.close()).flatten()
    }

    /// Ends the open block and returns it, if it has anything.
    pub(super) fn close(&mut self) -> Option<Bytes> {
        let block = match self.paged.take().filter(|paged| paged.size > 0) {
            Some(paged) => Bytes::from_owner(paged),
            None if self.open.is_empty() => return None,
            None => std::mem::take(&mut self.open).freeze(),
        };
        self.is_large |= block.len() == BLOCK;
        self.blocks.push_back(block.clone());
        Some(block)
    }

    /// Takes the first `size` bytes out, of which none may be in the open block.
    pub(super) fn take(&mut self, size: usize) -> PutPayload {
        let mut taken = Vec::new();
        let mut left = size;
        while let Some(mut block) = self.blocks.pop_front() {
            if block.len() > left {
                let head = block.split_to(left);
                self.blocks.push_front(block);
                block = head;
            }
            left -= block.len();
            taken.push(block);
            if left == 0 {
                break;
            }
        }
        self.size -= size - left;
        taken.into_iter().filter(|block| !block.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_blocks_hold_what_went_in() {
        let all: Vec<u8> =
            (0..5 * BLOCK + 77).map(|at| (at / 3).to_le_bytes()[0] ^ (at >> 9).to_le_bytes()[0]).collect();
        let (mut buffer, mut blocks) = (Buffer::default(), Vec::new());
        for (number, chunk) in all.chunks(70_001).enumerate() {
            let mut chunk = Bytes::copy_from_slice(chunk);
            while !chunk.is_empty() {
                blocks
                    .extend(buffer.fill(&mut chunk, if number % 7 == 0 { 50_000 } else { usize::MAX >> 1 }));
            }
        }
        blocks.extend(buffer.close());
        assert!(buffer.close().is_none());
        assert!(blocks.concat() == all && buffer.size() == all.len());
        let head: Vec<Bytes> = buffer.take(2 * BLOCK + 5).into_iter().collect();
        let tail: Vec<Bytes> = buffer.take(all.len()).into_iter().collect();
        assert!([head.concat(), tail.concat()].concat() == all);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(chunks: Vec<Vec<u8>>, first in 0_usize..500, room in 1_usize..300) {
            let all = chunks.concat();
            let mut buffer = Buffer::default();
            let mut blocks = Vec::new();
            for chunk in chunks {
                let mut chunk = Bytes::from(chunk);
                while !chunk.is_empty() {
                    blocks.extend(buffer.fill(&mut chunk, room));
                }
            }
            blocks.extend(buffer.close());
            prop_assert_eq!(buffer.size(), all.len());
            prop_assert_eq!(blocks.concat(), all.clone());
            let first = first.min(all.len());
            let head: Vec<Bytes> = buffer.take(first).into_iter().collect();
            let tail: Vec<Bytes> = buffer.take(all.len() - first).into_iter().collect();
            prop_assert_eq!([head.concat(), tail.concat()].concat(), all);
            prop_assert_eq!(buffer.size(), 0);
        }
    }
}
