//! Icons of artifacts: pictures that Haven brings, and those that artifacts bring as one of their layers.
//!
//! The names of the built-in ones are the digests that clients of Harbor know; the pictures behind them are Haven's own.

mod sql;

use crate::registry::read_whole;
use crate::{App, Error, Result};
use bytes::Bytes;
use haven_db::params;
use haven_oci::{Descriptor, Digest};

/// A picture that stands for an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// `image/png`, `image/gif` or `image/jpeg`.
    pub content_type: &'static str,
    pub content: Bytes,
}

/// Larger layers are no icons.
pub(super) const MAX_ICON: u64 = 1 << 20;
/// Neither are pictures of more pixels in a row or column.
const MAX_SIDE: u32 = 4096;

const IMAGE: &str = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06";
const CHART: &str = "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518";
const CNAB: &str = "sha256:089bdda265c14d8686111402c8ad629e8177a1ceb7dcd0f7f39b6480f623b3bd";
const WASM: &str = "sha256:badd7693bcaf115be202748241dd0ea6ee3b0524bfab9ac22d1e1c43721afec6";
const CNAI: &str = "sha256:1e1e5c5fdaf0931ec8655e835d1182f723a0c322a6760211622e1270f0193717";
const UNKNOWN: &str = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f";
pub(super) const COSIGN: &str = "sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882";
pub(super) const NOTATION: &str = "sha256:3ac706e102bbe9362b400aa162df58135d35e66b9c3bee2165de92022d25fe34";
pub(super) const NYDUS: &str = "sha256:dfcb6617cd9c144358dc1b305b87bbe34f0b619f1e329116e6aee2e41f2e34cf";
pub(super) const SBOM: &str = "sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae";

/// Drawn by `scripts/draw-icons.py`.
const PICTURES: [(&str, &[u8]); 10] = [
    (IMAGE, include_bytes!("image.png")),
    (CHART, include_bytes!("chart.png")),
    (CNAB, include_bytes!("cnab.png")),
    (WASM, include_bytes!("wasm.png")),
    (CNAI, include_bytes!("model.png")),
    (COSIGN, include_bytes!("cosign.png")),
    (NOTATION, include_bytes!("notation.png")),
    (NYDUS, include_bytes!("nydus.png")),
    (SBOM, include_bytes!("sbom.png")),
    (UNKNOWN, include_bytes!("unknown.png")),
];

/// The name of the picture for a kind of artifact.
pub(super) fn built_in(kind: &str) -> &'static str {
    match kind {
        "IMAGE" => IMAGE,
        "CHART" => CHART,
        "CNAB" => CNAB,
        "WASM" => WASM,
        "CNAI" => CNAI,
        "SBOM" => SBOM,
        _ => UNKNOWN,
    }
}

/// The picture of that name, for everybody: an artifact that declares a layer its icon publishes that layer.
///
/// # Errors
/// `NotFound` when no artifact has such an icon.
pub async fn icon(app: &App, name: &str) -> Result<Icon> {
    let unknown = || Error::not_found(format!("the icon {name} not found"));
    if let Some((_, picture)) = PICTURES.iter().find(|(known, _)| *known == name) {
        return Ok(Icon { content_type: "image/png", content: Bytes::from_static(picture) });
    }
    let digest: Digest = name.parse().map_err(|_| unknown())?;
    let row = app.db.query_opt(sql::OWN_ICON, params![digest.as_str()]).await?;
    let size: i64 = row.ok_or_else(unknown)?.get(0)?;
    let size = size.unsigned_abs();
    if size > MAX_ICON {
        return Err(unknown());
    }
    let content = read_whole(app, &digest, size).await?;
    let content_type = recognise(&content).ok_or_else(unknown)?;
    Ok(Icon { content_type, content: content.into() })
}

/// Whether a layer is a picture that can be shown. Why not is for the log: the push itself is sound.
pub(super) async fn is_picture(app: &App, layer: &Descriptor) -> Result<bool> {
    let recognised = layer.size <= MAX_ICON
        && layer.urls.is_empty()
        && recognise(&read_whole(app, &layer.digest, layer.size).await?).is_some();
    if !recognised {
        tracing::info!(layer.digest = %layer.digest, layer.size, "a layer declared an icon is no such picture");
    }
    Ok(recognised)
}

/// The type of a picture by its first bytes, if it has a sensible size.
fn recognise(bytes: &[u8]) -> Option<&'static str> {
    let sides = |width: u32, height: u32| (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let header = bytes.get(12..24).filter(|header| header.starts_with(b"IHDR"))?;
        let side = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        return sides(side(4)?, side(8)?).then_some("image/png");
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        let side = |at: usize| bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes).map(u32::from);
        return sides(side(6)?, side(8)?).then_some("image/gif");
    }
    // Begins with a marker, and ends with the one that ends a picture.
    (bytes.starts_with(b"\xff\xd8\xff") && bytes.ends_with(b"\xff\xd9")).then_some("image/jpeg")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_has_a_picture_of_haven() {
        for kind in ["IMAGE", "CHART", "CNAB", "WASM", "CNAI", "SBOM", "UNKNOWN", "FOO"] {
            assert!(PICTURES.iter().any(|(name, _)| *name == built_in(kind)), "{kind}");
        }
        for (name, picture) in PICTURES {
            assert!(name.parse::<Digest>().is_ok() && recognise(picture) == Some("image/png"), "{name}");
            assert!(picture.len() < 2_000);
        }
    }

    #[test]
    fn pictures_are_told_by_their_bytes() {
        let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00;";
        let wide = b"GIF89a\xff\xff\x01\x00\x80\x00\x00;";
        let mut flat = PICTURES[0].1.to_vec();
        flat[20..24].fill(0);
        for (bytes, kind) in [
            (&gif[..], Some("image/gif")),
            (&wide[..], None),
            (&flat, None),
            (b"\xff\xd8\xff\xe0x\xff\xd9", Some("image/jpeg")),
            (b"\xff\xd8\xff\xe0x", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"\x89PNG\r\n\x1a\n", None),
            (b"", None),
        ] {
            assert_eq!(recognise(bytes), kind, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(start in 0usize..4, rest in prop::collection::vec(any::<u8>(), 0..40)) {
            let starts = [&b"\x89PNG\r\n\x1a\n"[..], b"GIF87a", b"\xff\xd8\xff", b""];
            recognise(&[starts[start], &rest].concat());
        }
    }
}
