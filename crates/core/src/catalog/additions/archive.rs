//! One document out of a tar archive that somebody pushed.
//!
//! The archive is hostile until read: it may be damaged, unpack to a thousand times its length, have entries without end
//! or names that lead out of it. Nothing is written anywhere, and memory holds one document at most. Pure.

use flate2::read::MultiGzDecoder;
use std::io::{self, ErrorKind, Read};

/// Why an archive was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It, or the document, is beyond the limits.
    TooLarge,
    /// It is no archive, or ends in the middle.
    Damaged,
}

/// How far an archive is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes, unpacked.
    pub(super) unpacked: u64,
    pub(super) entries: usize,
    /// Bytes of the document that is wanted.
    pub(super) document: u64,
}

const BLOCK: usize = 512;
/// Longer names and extended headers are nobody's.
const MAX_NAME: u64 = 64 << 10;

/// The first file whose path is wanted, in a gzipped archive.
pub(super) fn find_gzipped(
    bytes: &[u8],
    limits: Limits,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, Refused> {
    find(MultiGzDecoder::new(bytes), limits, wanted)
}

/// The first file whose path is wanted. Paths come as they are written, with whatever dots they have.
pub(super) fn find(
    reader: impl Read,
    limits: Limits,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, Refused> {
    let mut archive = Archive { reader: Bounded { reader, left: limits.unpacked } };
    let (mut path, mut size) = (None, None);
    for _ in 0..limits.entries {
        let Some(header) = archive.header()? else { return Ok(None) };
        match header.kind {
            // A name, or a name and a size, for the entry that follows.
            b'L' => path = Some(text(&archive.content(header.size, MAX_NAME)?)),
            b'x' => {
                let extended = archive.content(header.size, MAX_NAME)?;
                path = record(&extended, "path").map(|path| text(path.as_bytes())).or(path);
                size = record(&extended, "size").map(str::parse).transpose().map_err(|_| Refused::Damaged)?;
            }
            b'K' | b'g' => archive.skip(header.size)?,
            kind => {
                let size = size.take().unwrap_or(header.size);
                let path = path.take().unwrap_or(header.path);
                if matches!(kind, 0 | b'0' | b'7') && wanted(&path) {
                    return archive.content(size, limits.document).map(Some);
                }
                // Links, devices and folders have no content, whatever size they claim.
                archive.skip(if (b'1'..=b'6').contains(&kind) { 0 } else { size })?;
            }
        }
    }
    Err(Refused::TooLarge)
}

struct Archive<R> {
    reader: Bounded<R>,
}

struct Header {
    path: String,
    size: u64,
    kind: u8,
}

impl<R: Read> Archive<R> {
    /// The next header; none at the end, which is a block of zeros or just the end of the bytes.
    fn header(&mut self) -> Result<Option<Header>, Refused> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]).map_err(|error| refused(&error))? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(Refused::Damaged),
                read => filled += read,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        parse(&block).map(Some).ok_or(Refused::Damaged)
    }

    /// The content of the entry, with the padding after it read too.
    fn content(&mut self, size: u64, limit: u64) -> Result<Vec<u8>, Refused> {
        if size > limit {
            return Err(Refused::TooLarge);
        }
        let mut content = Vec::new();
        let read =
            (&mut self.reader).take(size).read_to_end(&mut content).map_err(|error| refused(&error))?;
        if read as u64 != size {
            return Err(Refused::Damaged);
        }
        self.pass(padding(size))?;
        Ok(content)
    }

    fn skip(&mut self, size: u64) -> Result<(), Refused> {
        self.pass(size.checked_add(padding(size)).ok_or(Refused::Damaged)?)
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Refused> {
        let passed = io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())
            .map_err(|error| refused(&error))?;
        if passed == bytes { Ok(()) } else { Err(Refused::Damaged) }
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// A reader that fails when it has given as much as it may.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

fn refused(error: &io::Error) -> Refused {
    if error.kind() == ErrorKind::FileTooLarge { Refused::TooLarge } else { Refused::Damaged }
}

/// Reads a header of the ustar, GNU or old form.
fn parse(block: &[u8; BLOCK]) -> Option<Header> {
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    if number(&block[148..156])? != sum {
        return None;
    }
    let mut path = text(until_nul(&block[..100]));
    // GNU's form has something else where ustar has the beginning of the path.
    if &block[257..263] == b"ustar\0" && block[345] != 0 {
        path = format!("{}/{path}", text(until_nul(&block[345..500])));
    }
    Some(Header { path, size: number(&block[124..136])?, kind: block[156] })
}

/// Octal digits between spaces and NULs, or GNU's big-endian binary number.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (first, rest) = (u64::from(field[0] & 0x7f), &field[1..]);
        return rest.iter().try_fold(first, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()));
    }
    let digits = field.trim_ascii_start();
    let digits = digits.split(|byte| matches!(byte, 0 | b' ')).next().unwrap_or_default();
    digits.iter().try_fold(0u64, |sum, byte| match byte {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add((byte - b'0').into()),
        _ => None,
    })
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(until_nul(bytes)).into_owned()
}

/// A value of an extended header: lines of `length key=value`.
fn record<'a>(mut header: &'a [u8], key: &str) -> Option<&'a str> {
    let mut found = None;
    while !header.is_empty() {
        let space = header.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&header[..space]).ok()?.parse().ok()?;
        let line = header.get(space + 1..length)?.strip_suffix(b"\n")?;
        let (name, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
        if name == key {
            found = Some(value);
        }
        header = &header[length..];
    }
    found
}

#[cfg(test)]
mod tests;
