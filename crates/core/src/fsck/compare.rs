//! Rows against storage, purely.

use haven_blobs::Stored;
use haven_oci::Digest;

/// A blob as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) digest: Digest,
    /// In bytes.
    pub(super) size: u64,
    pub(super) lost: bool,
    /// The database has its bytes too.
    pub(super) manifest: bool,
}

/// One digest on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Alike, as far as can be told without reading.
    Same(Recorded),
    /// Storage has another size than the row.
    Sizes(Recorded, Stored),
    /// Only the row.
    Missing(Recorded),
    /// Only the bytes.
    Orphan(Stored),
}

/// Pairs what is on a shelf with its rows, whatever the order of either.
pub(super) fn pair(mut rows: Vec<Recorded>, mut stored: Vec<Stored>) -> Vec<Pair> {
    rows.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
    stored.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
    let mut pairs = Vec::with_capacity(rows.len().max(stored.len()));
    let mut stored = stored.into_iter().peekable();
    for row in rows {
        while let Some(orphan) = stored.next_if(|here| here.digest < row.digest) {
            pairs.push(Pair::Orphan(orphan));
        }
        pairs.push(match stored.next_if(|here| here.digest == row.digest) {
            Some(here) if here.size == row.size => Pair::Same(row),
            Some(here) => Pair::Sizes(row, here),
            None => Pair::Missing(row),
        });
    }
    pairs.extend(stored.map(Pair::Orphan));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn row(text: &str, size: u64) -> Recorded {
        Recorded { digest: Digest::sha256(text.as_bytes()), size, lost: false, manifest: false }
    }

    fn bytes(text: &str, size: u64) -> Stored {
        Stored { digest: Digest::sha256(text.as_bytes()), size, modified: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn every_digest_is_paired_once() {
        let rows = vec![row("a", 1), row("b", 2), row("c", 3), row("e", 5)];
        let stored = vec![bytes("d", 4), bytes("c", 3), bytes("a", 9), bytes("f", 6)];
        let mut pairs = pair(rows, stored);
        for expected in [
            Pair::Sizes(row("a", 1), bytes("a", 9)),
            Pair::Missing(row("b", 2)),
            Pair::Same(row("c", 3)),
            Pair::Orphan(bytes("d", 4)),
            Pair::Missing(row("e", 5)),
            Pair::Orphan(bytes("f", 6)),
        ] {
            let at = pairs.iter().position(|pair| *pair == expected);
            pairs.remove(at.unwrap_or_else(|| panic!("{expected:?} among {pairs:?}")));
        }
        assert_eq!(pairs, []);
    }
}
