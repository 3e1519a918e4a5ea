//! Tar archives made on the spot.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// A tar archive of these files, as tools write it.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend(header(path, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    archive
}

/// These bytes, gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gzipped archive, small on the outside, with one file of so many megabytes and then `web/values.yaml`.
pub fn bomb(megabytes: usize) -> Vec<u8> {
    let zeros = gzip(&vec![0; 1 << 20]);
    let mut bomb = gzip(&header("web/zeros", megabytes << 20));
    for _ in 0..megabytes {
        bomb.extend_from_slice(&zeros);
    }
    bomb.extend(gzip(&tar(&[("web/values.yaml", b"a: 1")])));
    bomb
}

fn header(path: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
