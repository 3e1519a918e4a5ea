//! Manifests: reading the documents that images and indexes are made of.
//!
//! A manifest is stored and served as the bytes that were pushed; this is only the understanding of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::descriptor::{Descriptor, optional_type, or_default};
use crate::error::{Error, ErrorCode};
use crate::media_type::{self, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST};
use crate::text::excerpt;

/// The most descriptors that one manifest may have; far above what any image has, far below what would hurt.
const MOST_DESCRIPTORS: usize = 10_000;

/// What a manifest points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// A config and layers.
    Image,
    /// Other manifests.
    Index,
}

/// A manifest of one of the four supported types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub kind: ManifestKind,
    /// One of the four constants of [`media_type`], whatever the case it was sent in.
    pub media_type: String,
    /// Always there in an image, never in an index.
    pub config: Option<Descriptor>,
    pub layers: Vec<Descriptor>,
    pub manifests: Vec<Descriptor>,
    pub subject: Option<Descriptor>,
    pub artifact_type: Option<String>,
    pub annotations: BTreeMap<String, String>,
    /// The length of the document in bytes.
    pub size: u64,
}

/// The fields of all four types together. Having them all in one type is what shows a document that tries to be two
/// things at once, which clients would read differently from each other (CVE-2021-41190).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: i64,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default, deserialize_with = "optional_type")]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// The largest document that is read.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Understands `bytes` as the manifest type that the client named.
    ///
    /// The type is never guessed from the content: the same bytes must mean the same to whoever pulls them later.
    pub fn parse(content_type: &str, bytes: &[u8]) -> Result<Self, Error> {
        let (media_type, kind) = supported(content_type)?;
        if bytes.len() > Self::MAX_BYTES {
            let message = format!("manifest is larger than {} bytes", Self::MAX_BYTES);
            return Err(Error::new(ErrorCode::SizeInvalid, message));
        }
        // Checked as a whole, because fields that are skipped are not decoded.
        let text = std::str::from_utf8(bytes).map_err(invalid)?;
        let document: Document = serde_json::from_str(text).map_err(invalid)?;
        document.check(media_type, kind)?;
        Ok(Self {
            kind,
            media_type: media_type.to_owned(),
            config: document.config,
            layers: document.layers.unwrap_or_default(),
            manifests: document.manifests.unwrap_or_default(),
            subject: document.subject,
            artifact_type: document.artifact_type,
            annotations: document.annotations,
            size: bytes.len() as u64,
        })
    }

    /// The config and the layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    /// The blobs without which the manifest cannot be accepted: all but those that are to be had elsewhere.
    pub fn required_blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.blobs()
            .filter(|blob| blob.urls.is_empty() && blob.media_type != media_type::DOCKER_FOREIGN_LAYER)
    }

    /// What the manifest says it is; an image that does not say is what its config is.
    pub fn effective_artifact_type(&self) -> Option<&str> {
        let config = self.config.as_ref().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or(config)
    }
}

impl Document {
    fn check(&self, media_type: &str, kind: ManifestKind) -> Result<(), Error> {
        if self.schema_version != 2 {
            return Err(invalid(format!("schemaVersion is {}, not 2", self.schema_version)));
        }
        match self.media_type.as_deref() {
            None | Some("") if media_type != DOCKER_MANIFEST_LIST => {}
            embedded if embedded == Some(media_type) => {}
            embedded => {
                let embedded = excerpt(embedded.unwrap_or_default());
                return Err(invalid(format!("mediaType is \"{embedded}\", but it was sent as {media_type}")));
            }
        }
        match kind {
            ManifestKind::Image => self.check_image()?,
            ManifestKind::Index if self.config.is_some() => return Err(invalid("an index has no config")),
            ManifestKind::Index if self.layers.is_some() => return Err(invalid("an index has no layers")),
            ManifestKind::Index => {}
        }
        self.check_totals()
    }

    fn check_image(&self) -> Result<(), Error> {
        if self.manifests.is_some() {
            return Err(invalid("an image has no manifests"));
        }
        let Some(config) = &self.config else {
            return Err(invalid("an image needs a config"));
        };
        for blob in self.layers.iter().flatten().chain([config]) {
            if blob.urls.is_empty() && blob.media_type == media_type::DOCKER_FOREIGN_LAYER {
                return Err(invalid(format!("foreign layer {} has no urls", blob.digest)));
            }
            if let Some(url) = blob.urls.iter().find(|url| !is_web_address(url)) {
                return Err(invalid(format!("{} has an invalid url: {}", blob.digest, excerpt(url))));
            }
        }
        Ok(())
    }

    /// Refuses what is too much to record: sizes are added up later, and the sum must still be a size.
    fn check_totals(&self) -> Result<(), Error> {
        let lists = self.layers.iter().chain(&self.manifests).flatten();
        let all = lists.chain(&self.config).chain(&self.subject);
        if all.clone().count() > MOST_DESCRIPTORS {
            return Err(invalid(format!("more than {MOST_DESCRIPTORS} descriptors")));
        }
        let start = Manifest::MAX_BYTES as u64;
        match all.map(|descriptor| descriptor.size).try_fold(start, u64::checked_add) {
            Some(sum) if i64::try_from(sum).is_ok() => Ok(()),
            _ => Err(invalid("the sizes add up to more than 8 EiB")),
        }
    }
}

fn supported(content_type: &str) -> Result<(&'static str, ManifestKind), Error> {
    let essence = media_type::essence(content_type);
    [
        (DOCKER_MANIFEST, ManifestKind::Image),
        (OCI_MANIFEST, ManifestKind::Image),
        (DOCKER_MANIFEST_LIST, ManifestKind::Index),
        (OCI_INDEX, ManifestKind::Index),
    ]
    .into_iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(essence))
    .ok_or_else(|| invalid(format!("unsupported media type \"{}\"", excerpt(essence))))
}

/// Whether content can be fetched from there: an absolute http or https address without a fragment.
fn is_web_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && !rest.is_empty()
        && !rest.starts_with(['/', '?'])
        && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::ManifestInvalid, format!("invalid manifest: {why}"))
}

#[cfg(test)]
mod tests;
