//! Images made on the spot.

use haven_oci::{Digest, media_type};
use serde_json::{Value, json};

/// A manifest with the blobs it names.
#[derive(Clone, Debug)]
pub struct Image {
    pub media_type: String,
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
}

/// An OCI image whose one layer holds this text, so that different texts make different digests.
pub fn image(text: &str) -> Image {
    let config = json!({ "os": "linux", "architecture": "amd64", "config": { "Labels": { "text": text } } });
    Image::of(media_type::OCI_CONFIG, config.to_string().as_bytes(), &[text.as_bytes()], json!({}))
}

impl Image {
    /// An OCI manifest with this config and these layers; `more` is merged into it.
    #[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
    pub fn of(config_type: &str, config: &[u8], layers: &[&[u8]], more: Value) -> Self {
        let layer = |bytes: &&[u8]| descriptor("application/vnd.oci.image.layer.v1.tar", bytes);
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor(config_type, config),
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        });
        for (name, value) in more.as_object().unwrap() {
            manifest[name] = value.clone();
        }
        let mut blobs = vec![config.to_vec()];
        blobs.extend(layers.iter().map(|layer| layer.to_vec()));
        Self {
            media_type: media_type::OCI_MANIFEST.into(),
            manifest: manifest.to_string().into_bytes(),
            blobs,
        }
    }

    /// An index of these images; push them first.
    pub fn index(images: &[&Self]) -> Self {
        let child = |image: &&Self| {
            let mut child = descriptor(&image.media_type, &image.manifest);
            child["platform"] = json!({ "os": "linux", "architecture": "amd64" });
            child
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": images.iter().map(child).collect::<Vec<_>>(),
        });
        Self {
            media_type: media_type::OCI_INDEX.into(),
            manifest: index.to_string().into_bytes(),
            blobs: Vec::new(),
        }
    }

    /// An artifact of a type of its own that refers to this one.
    pub fn referrer(&self, artifact_type: &str) -> Self {
        let subject = descriptor(&self.media_type, &self.manifest);
        let more =
            json!({ "subject": subject, "artifactType": artifact_type, "annotations": { "kind": "test" } });
        Self::of(media_type::OCI_EMPTY, b"{}", &[artifact_type.as_bytes()], more)
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> String {
        Digest::sha256(&self.manifest).to_string()
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(bytes), "size": bytes.len() })
}
