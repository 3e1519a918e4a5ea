//! What the rows of an artifact must say, as far as the bytes of its manifest tell it. Pure.

use super::class::{COSIGN, Class};
use crate::{Code, Error, Result};
use haven_oci::{Digest, Manifest, ManifestKind, media_type};

/// A manifest, understood.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) manifest: Manifest,
    /// All but the attributes that come from the config.
    pub(crate) class: Class,
    /// What it hangs on by its own word, and as what.
    pub(crate) subject: Option<(Digest, &'static str)>,
    /// A tag can have made it the signature of another artifact; the manifest does not say of which.
    pub(crate) signs_by_tag: bool,
}

impl Expected {
    /// Reads a manifest as the type it was pushed with, or, should that not fit, as the only one that does.
    pub(crate) fn of(pushed_as: &str, content: &[u8]) -> Option<Self> {
        let manifest = Manifest::parse(pushed_as, content).ok().or_else(|| only_reading(content))?;
        let class = Class::of(&manifest, None);
        let attachment = class.attachment(&manifest, None);
        Some(Self {
            subject: attachment.map(|attachment| (attachment.subject, attachment.kind)),
            signs_by_tag: manifest.subject.is_none() && Class::is_signature(&manifest),
            class,
            manifest,
        })
    }

    /// Whether the manifest allows that the artifact hangs on another one in this way.
    pub(crate) fn allows(&self, subject: &str, kind: &str) -> bool {
        match &self.subject {
            Some((own, as_what)) => own.as_str() == subject && *as_what == kind,
            None => self.signs_by_tag && kind == COSIGN,
        }
    }
}

fn only_reading(content: &[u8]) -> Option<Manifest> {
    let types = [
        media_type::OCI_MANIFEST,
        media_type::OCI_INDEX,
        media_type::DOCKER_MANIFEST,
        media_type::DOCKER_MANIFEST_LIST,
    ];
    let mut readings = types.into_iter().filter_map(|name| Manifest::parse(name, content).ok());
    let first = readings.next()?;
    readings.next().is_none().then_some(first)
}

/// The bytes of a manifest and of all that it refers to; `children` are those of an index's parts.
///
/// # Errors
/// `ManifestInvalid` when they are out of range.
pub(crate) fn total_size(manifest: &Manifest, children: impl IntoIterator<Item = i64>) -> Result<i64> {
    let rest = match manifest.kind {
        ManifestKind::Image => manifest
            .blobs()
            .try_fold(0i64, |sum, blob| to_i64(blob.size).map(|size| sum.saturating_add(size)))?,
        ManifestKind::Index => children.into_iter().fold(0i64, i64::saturating_add),
    };
    Ok(to_i64(manifest.size)?.saturating_add(rest))
}

/// A size as the database keeps it.
///
/// # Errors
/// `ManifestInvalid` when it is out of range.
pub(crate) fn to_i64(size: u64) -> Result<i64> {
    i64::try_from(size)
        .map_err(|_| Error::new(Code::ManifestInvalid, "a size in the manifest is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_wrong_type_is_put_right_where_only_one_can_be() {
        let index =
            br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let read = |pushed_as| Expected::of(pushed_as, index).unwrap().manifest.media_type;
        assert_eq!(read(media_type::OCI_INDEX), media_type::OCI_INDEX);
        assert_eq!(read(media_type::OCI_MANIFEST), media_type::OCI_INDEX);
        let either = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}},"layers":[]}}"#
        );
        assert!(Expected::of("application/json", either.as_bytes()).is_none(), "both formats fit");
        assert!(Expected::of(media_type::OCI_MANIFEST, b"{}").is_none());
    }

    #[test]
    fn a_subject_is_the_only_one_that_is_allowed() {
        let text = |more: &str, layer: &str| {
            format!(
                r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}},"layers":[{{"mediaType":"{layer}","digest":"{DIGEST}","size":3}}]{more}}}"#
            )
        };
        let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
        let of = |text: String| Expected::of(media_type::OCI_MANIFEST, text.as_bytes()).unwrap();
        let subject = format!(r#","subject":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}}"#);
        let hangs = of(text(&subject, signature));
        assert!(hangs.allows(DIGEST, "subject.accessory") && !hangs.allows("sha256:1", "subject.accessory"));
        assert!(!hangs.allows(DIGEST, COSIGN));
        let signs = of(text("", signature));
        assert!(signs.allows("sha256:1", COSIGN) && !signs.allows("sha256:1", "subject.accessory"));
        assert!(!of(text("", "a/b")).allows("sha256:1", COSIGN));
        let size = text("", "a/b").len() as i64;
        assert_eq!(total_size(&of(text("", "a/b")).manifest, []).unwrap(), size + 5);
    }
}
