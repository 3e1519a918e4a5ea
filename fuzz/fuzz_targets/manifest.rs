//! Manifests: an accepted document keeps the promises that its readers rely on, and survives being written again.
//! The first byte chooses the content type, the rest is the body.

#![no_main]

use haven_oci::media_type::{
    DOCKER_FOREIGN_LAYER, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST,
};
use haven_oci::{ErrorCode, Manifest, ManifestKind};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let content_type = match choice % 5 {
        0 => OCI_MANIFEST,
        1 => OCI_INDEX,
        2 => DOCKER_MANIFEST,
        3 => DOCKER_MANIFEST_LIST,
        _ => return assert!(Manifest::parse(&String::from_utf8_lossy(body), b"{}").is_err()),
    };
    match Manifest::parse(content_type, body) {
        Ok(manifest) => {
            promises(&manifest, content_type, body.len());
            assert_eq!(written_again(&manifest), manifest);
        }
        Err(error) => assert_eq!(error.code, ErrorCode::ManifestInvalid),
    }
});

fn promises(manifest: &Manifest, content_type: &str, len: usize) {
    assert_eq!(manifest.media_type, content_type);
    assert_eq!(manifest.size, len as u64);
    match manifest.kind {
        ManifestKind::Image => assert!(manifest.config.is_some() && manifest.manifests.is_empty()),
        ManifestKind::Index => assert_eq!(manifest.blobs().count(), 0),
    }
    let is_image = matches!(content_type, OCI_MANIFEST | DOCKER_MANIFEST);
    assert_eq!(manifest.kind == ManifestKind::Image, is_image);
    assert!(!is_image || manifest.effective_artifact_type().is_some());
    assert_ne!(manifest.effective_artifact_type(), Some(""));

    let everything = manifest.blobs().chain(&manifest.manifests).chain(&manifest.subject);
    let total: u128 = everything.map(|descriptor| u128::from(descriptor.size)).sum();
    assert!(total + u128::from(manifest.size) <= i64::MAX as u128);
    let elsewhere = manifest.blobs().filter(|blob| !blob.urls.is_empty());
    assert_eq!(manifest.required_blobs().count() + elsewhere.count(), manifest.blobs().count());
    assert!(manifest.required_blobs().all(|blob| blob.media_type != DOCKER_FOREIGN_LAYER));
}

/// The manifest after a round trip; the length of the document is the one thing that may change.
fn written_again(manifest: &Manifest) -> Manifest {
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "subject": manifest.subject,
        "artifactType": manifest.artifact_type,
        "annotations": manifest.annotations,
    });
    match manifest.kind {
        ManifestKind::Image => {
            document["config"] = json!(manifest.config);
            document["layers"] = json!(manifest.layers);
        }
        ManifestKind::Index => document["manifests"] = json!(manifest.manifests),
    }
    let again = Manifest::parse(&manifest.media_type, document.to_string().as_bytes()).unwrap();
    Manifest { size: manifest.size, ..again }
}
