//! What bounds a push: hashing its bytes with OpenSSL on one processor, and writing them with an fsync.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use clap::Args;

use super::push::settle;
use super::{report, speed};
use crate::Result;
use crate::blob::Blobs;
use crate::noise::Watch;
use crate::peer::Common;
use crate::sample::Unit;

/// How much, and where to.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// Mebibytes that are written.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Seconds of hashing.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// A folder on the disk that the registries use.
    #[arg(long)]
    folder: PathBuf,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let blobs = Blobs::new(options.size);
    for _ in 0..options.common.rounds {
        let watch = Watch::begin()?;
        let value = hash(options.seconds)?;
        let found = vec![("1 client".to_owned(), value, Unit::Speed)];
        report(&options.common, "push", "sha256 alone", found, watch.end()?)?;
        let watch = Watch::begin()?;
        let found = vec![("1 client".to_owned(), write(options, &blobs)?, Unit::Speed)];
        report(&options.common, "push", "disk alone", found, watch.end()?)?;
    }
    Ok(())
}

fn hash(seconds: u32) -> Result<f64> {
    let seconds = seconds.to_string();
    let output = Command::new("openssl")
        .args(["speed", "-seconds", &seconds, "-bytes", "1048576", "sha256"])
        .output()?;
    last_value(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "openssl speed said nothing".into())
}

/// The last line is `sha256  440123.39k`: thousands of bytes for each second.
fn last_value(text: &str) -> Option<f64> {
    let value: f64 = text.split_whitespace().last()?.strip_suffix('k')?.parse().ok()?;
    Some(value / 1e3)
}

fn write(options: &Options, blobs: &Blobs) -> Result<f64> {
    let path = options.folder.join("yardstick");
    settle()?;
    let began = Instant::now();
    let mut file = std::fs::File::create(&path)?;
    for piece in blobs.pieces(0) {
        file.write_all(&piece)?;
    }
    file.sync_all()?;
    let took = began.elapsed();
    std::fs::remove_file(path)?;
    Ok(speed(blobs.size(), took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_speaks_in_thousands() {
        let text = "type       1048576 bytes\nsha256     440123.39k\n";
        assert!((last_value(text).unwrap() - 440.123_39).abs() < 1e-9);
        assert_eq!(last_value("no such algorithm"), None);
    }
}
