//! How fast one blob goes in and out: `measure <folder> [MiB]`, beside what the bare disk and the bare hash take.
//!
//! Push: chunks of 64 KiB, as they come from a socket. Pull: once from the page cache, once from the disk.

#![expect(clippy::print_stdout, reason = "this is a program whose result is its output")]

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_blobs::{BlobStore, Filesystem};
use haven_oci::{Algorithm, Digest};
use rustix::fs::{Advice, fadvise};
use sha2::{Digest as _, Sha256};

const MEBIBYTE: usize = 1 << 20;
const CHUNK: usize = 64 << 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: measure <folder> [MiB]")?;
    let mebibytes: usize = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let block = noise();
    let digest = bare_hash(&block, mebibytes)?;
    bare_disk(Path::new(&folder), &block, mebibytes)?;

    let store = Filesystem::open(&folder)?;
    store.delete(&digest).await?;
    let id = format!("measure-{}", std::process::id());
    let size = (mebibytes * MEBIBYTE) as u64;
    let started = Instant::now();
    let mut upload = store.begin(&id, Algorithm::Sha256).await?;
    let chunks = (0..mebibytes * MEBIBYTE / CHUNK).map(move |index| {
        let at = index * CHUNK % MEBIBYTE;
        Ok(block.slice(at..at + CHUNK))
    });
    store.append(&mut upload, stream::iter(chunks).boxed(), None).await?;
    report("append", mebibytes, started);
    store.commit(upload, &digest).await?;
    report("append and commit", mebibytes, started);

    for _ in 0..3 {
        pull(&store, &digest, size, "pull, hot").await?;
    }
    let hex = digest.hex();
    let path = format!("{folder}/docker/registry/v2/blobs/sha256/{}/{hex}/data", hex.get(..2).unwrap_or(""));
    fadvise(File::open(path)?, 0, None, Advice::DontNeed)?;
    pull(&store, &digest, size, "pull, cold").await?;
    store.delete(&digest).await?;
    Ok(())
}

/// Touches every page of the blob where it is mapped, and copies nothing.
async fn pull(store: &Filesystem, digest: &Digest, size: u64, what: &str) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut slices = store.send(digest, size, 0..size).await?;
    let (mut bytes, mut sum) = (0, 0_u64);
    while let Some(slice) = slices.next().await {
        let slice = slice?;
        bytes += slice.len();
        sum += slice.iter().step_by(4096).map(|&byte| u64::from(byte)).sum::<u64>();
    }
    std::hint::black_box(sum);
    report(what, bytes / MEBIBYTE, started);
    Ok(())
}

fn bare_hash(block: &Bytes, mebibytes: usize) -> Result<Digest, Box<dyn Error>> {
    let started = Instant::now();
    let mut hasher = Sha256::new();
    (0..mebibytes).for_each(|_| hasher.update(block));
    let digest = Digest::from_parts(Algorithm::Sha256, &hasher.finalize()).ok_or("a hash of odd length")?;
    report("bare hash", mebibytes, started);
    Ok(digest)
}

fn bare_disk(folder: &Path, block: &[u8], mebibytes: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("measure.tmp");
    let started = Instant::now();
    let mut file = File::create(&path)?;
    for _ in 0..mebibytes {
        file.write_all(block)?;
    }
    file.sync_data()?;
    report("bare write and sync", mebibytes, started);
    std::fs::remove_file(path)?;
    Ok(())
}

/// A mebibyte that no disk compresses.
fn noise() -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(MEBIBYTE / 8).flatten().collect()
}

fn report(what: &str, mebibytes: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what:22} {seconds:8.3} s {:8.0} MiB/s", mebibytes as f64 / seconds);
}
