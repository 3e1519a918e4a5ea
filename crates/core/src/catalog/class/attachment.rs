//! What a manifest hangs on, and as what.

use super::super::icons;
use super::{Class, SBOM};
use haven_oci::{Digest, Manifest, TagName, media_type};

/// A manifest's subject, with what it is to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) struct Attachment {
    pub(in crate::catalog) subject: Digest,
    pub(in crate::catalog) kind: &'static str,
}

pub(in crate::catalog) const COSIGN: &str = "signature.cosign";
const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const COSIGN_SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const NYDUS: &str = "containerd.io/snapshot/nydus-bootstrap";

impl Class {
    /// Whether it can be a signature of cosign's older form, which a tag ties to what it signs.
    pub(in crate::catalog) fn is_signature(manifest: &Manifest) -> bool {
        manifest.layers.iter().any(|layer| layer.media_type == COSIGN_LAYER)
    }

    /// The subject of this manifest, with what it is to it. `tag` is how it was pushed: cosign's older signatures are
    /// told by their tag.
    pub(in crate::catalog) fn attachment(
        &self,
        manifest: &Manifest,
        tag: Option<&TagName>,
    ) -> Option<Attachment> {
        if let Some(subject) = &manifest.subject {
            let kind = match self.artifact_type.as_str() {
                COSIGN_SIGNATURE | SIGSTORE_BUNDLE => COSIGN,
                NOTATION => "signature.notation",
                SBOM => "sbom.harbor",
                media_type::OCI_CONFIG | media_type::DOCKER_CONFIG
                    if manifest.layers.last().is_some_and(|layer| layer.annotations.contains_key(NYDUS)) =>
                {
                    "accelerator.nydus"
                }
                _ => "subject.accessory",
            };
            return Some(Attachment { subject: subject.digest.clone(), kind });
        }
        let hex = tag?.as_str().strip_prefix("sha256-")?.strip_suffix(".sig")?;
        let subject = format!("sha256:{hex}").parse().ok()?;
        Self::is_signature(manifest).then_some(Attachment { subject, kind: COSIGN })
    }
}

/// The picture that stands for what hangs on a subject.
pub(in crate::catalog) fn accessory_icon(kind: &str) -> &'static str {
    match kind {
        COSIGN => icons::COSIGN,
        "signature.notation" => icons::NOTATION,
        "accelerator.nydus" => icons::NYDUS,
        "sbom.harbor" => icons::SBOM,
        _ => "",
    }
}
