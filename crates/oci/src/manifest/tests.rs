//! What a manifest must be to be accepted, type by type.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::digest::{Algorithm, Digest};

const ALL_TYPES: [&str; 4] = [DOCKER_MANIFEST, OCI_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX];

fn descriptor(media_type: &str, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content.as_bytes()), "size": content.len()})
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "config": descriptor(media_type::OCI_CONFIG, "{}"),
        "layers": [descriptor(media_type::OCI_LAYER_GZIP, "one"), descriptor(media_type::OCI_LAYER_ZSTD, "three")],
    })
}

fn index() -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, "m")]})
}

fn with(mut document: Value, field: &str, value: Value) -> Value {
    document[field] = value;
    document
}

fn without(mut document: Value, field: &str) -> Value {
    document.as_object_mut().unwrap().remove(field);
    document
}

fn parse(content_type: &str, document: &Value) -> Result<Manifest, Error> {
    Manifest::parse(content_type, &serde_json::to_vec(document).unwrap())
}

fn refusal(content_type: &str, document: &Value) -> String {
    let error = parse(content_type, document).unwrap_err();
    assert_eq!(error.code, ErrorCode::ManifestInvalid);
    error.message
}

#[test]
fn an_image_is_read() {
    let document = with(image(), "annotations", json!({"k": "v"}));
    let manifest = parse(OCI_MANIFEST, &document).unwrap();
    assert_eq!(manifest.kind, ManifestKind::Image);
    assert_eq!(manifest.media_type, OCI_MANIFEST);
    assert_eq!(manifest.size, document.to_string().len() as u64);
    assert_eq!(manifest.annotations["k"], "v");
    let sizes: Vec<u64> = manifest.blobs().map(|blob| blob.size).collect();
    assert_eq!(sizes, [2, 3, 5]);
    assert_eq!(manifest.effective_artifact_type(), Some(media_type::OCI_CONFIG));
}

#[test]
fn an_index_is_read() {
    let manifest = parse(OCI_INDEX, &index()).unwrap();
    assert_eq!(manifest.kind, ManifestKind::Index);
    assert_eq!(manifest.manifests[0].digest, Digest::sha256(b"m"));
    assert_eq!(manifest.blobs().count(), 0);
    assert_eq!(manifest.effective_artifact_type(), None);
    let typed = with(index(), "artifactType", json!("a/b"));
    assert_eq!(parse(OCI_INDEX, &typed).unwrap().effective_artifact_type(), Some("a/b"));
}

#[test]
fn the_type_comes_from_the_header_alone() {
    for (content_type, document) in [
        (format!("{OCI_MANIFEST}; charset=utf-8"), image()),
        (OCI_MANIFEST.to_uppercase(), image()),
        (DOCKER_MANIFEST.to_owned(), image()),
        (DOCKER_MANIFEST.to_owned(), with(image(), "mediaType", json!(DOCKER_MANIFEST))),
        (OCI_INDEX.to_owned(), without(index(), "mediaType")),
        (OCI_INDEX.to_owned(), with(index(), "mediaType", json!(""))),
        (DOCKER_MANIFEST_LIST.to_owned(), with(index(), "mediaType", json!(DOCKER_MANIFEST_LIST))),
    ] {
        let manifest = parse(&content_type, &document).unwrap();
        assert!(content_type.to_lowercase().starts_with(&manifest.media_type));
    }
    for content_type in [
        "",
        "application/json",
        "text/plain",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.artifact.manifest.v1+json",
        media_type::OCI_CONFIG,
    ] {
        let message = refusal(content_type, &image());
        assert_eq!(message, format!("invalid manifest: unsupported media type \"{content_type}\""));
    }
}

#[test]
fn a_document_cannot_be_two_things() {
    for (content_type, document, why) in [
        (OCI_MANIFEST, with(image(), "mediaType", json!(OCI_INDEX)), "but it was sent as"),
        (OCI_MANIFEST, with(image(), "mediaType", json!(DOCKER_MANIFEST)), "but it was sent as"),
        (DOCKER_MANIFEST, with(image(), "mediaType", json!(OCI_MANIFEST)), "but it was sent as"),
        (OCI_INDEX, with(index(), "mediaType", json!(OCI_MANIFEST)), "but it was sent as"),
        (DOCKER_MANIFEST_LIST, without(index(), "mediaType"), "but it was sent as"),
        (OCI_MANIFEST, with(image(), "manifests", json!([])), "an image has no manifests"),
        (DOCKER_MANIFEST, with(image(), "manifests", json!([])), "an image has no manifests"),
        (OCI_INDEX, with(index(), "layers", json!([])), "an index has no layers"),
        (OCI_INDEX, with(index(), "config", image()["config"].clone()), "an index has no config"),
        (OCI_INDEX, without(image(), "layers"), "an index has no config"),
    ] {
        let message = refusal(content_type, &document);
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_list_that_go_left_empty_is_empty() {
    for document in
        [with(image(), "layers", json!([])), with(image(), "layers", json!(null)), without(image(), "layers")]
    {
        assert!(parse(OCI_MANIFEST, &document).unwrap().layers.is_empty());
    }
    let nothing = json!({"schemaVersion": 2, "manifests": null, "config": null, "layers": null, "subject": null,
        "annotations": null, "artifactType": null, "mediaType": null});
    assert_eq!(parse(OCI_INDEX, &nothing).unwrap().manifests, []);
}

#[test]
fn a_malformed_document_is_refused() {
    let digestless = json!({"mediaType": "a/b", "digest": "sha256:00", "size": 1});
    let negative = with(descriptor("a/b", "x"), "size", json!(-1));
    for document in [
        json!({}),
        json!([]),
        json!(null),
        without(image(), "schemaVersion"),
        with(image(), "schemaVersion", json!(1)),
        with(image(), "schemaVersion", json!("2")),
        without(image(), "config"),
        with(image(), "config", json!(null)),
        with(image(), "config", digestless.clone()),
        with(image(), "layers", json!({})),
        with(image(), "layers", json!([digestless])),
        with(image(), "layers", json!([negative])),
        with(image(), "layers", json!([null])),
        with(image(), "subject", json!("sha256:00")),
        with(image(), "subject", json!({"digest": Digest::sha256(b"")})),
        with(image(), "annotations", json!({"k": 1})),
        with(image(), "artifactType", json!("x".repeat(256))),
    ] {
        assert!(refusal(OCI_MANIFEST, &document).starts_with("invalid manifest: "), "{document}");
    }
    for bytes in [&b""[..], b"{", b"{} {}", b"\xff", b"{\"x\": \"\xff\"}"] {
        assert_eq!(Manifest::parse(OCI_INDEX, bytes).unwrap_err().code, ErrorCode::ManifestInvalid);
    }
    let twice = br#"{"schemaVersion": 2, "manifests": [], "manifests": []}"#;
    assert!(Manifest::parse(OCI_INDEX, twice).unwrap_err().message.contains("duplicate field"));
}

#[test]
fn what_is_to_be_had_elsewhere_is_not_required() {
    let mut document = image();
    document["layers"][0]["urls"] = json!(["https://example.com/layer", "http://mirror/x?y"]);
    document["layers"][1]["mediaType"] = json!(media_type::DOCKER_FOREIGN_LAYER);
    assert!(refusal(DOCKER_MANIFEST, &document).contains("has no urls"));
    document["layers"][1]["urls"] = json!(["HTTPS://example.com/foreign"]);
    let manifest = parse(DOCKER_MANIFEST, &document).unwrap();
    assert_eq!(manifest.blobs().count(), 3);
    assert_eq!(manifest.required_blobs().collect::<Vec<_>>(), [manifest.config.as_ref().unwrap()]);
}

#[test]
fn a_url_must_be_fetchable() {
    for url in [
        "",
        "x",
        "/layer",
        "ftp://x/y",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://x/#y",
        "https://x y",
    ] {
        let mut document = image();
        document["layers"][0]["urls"] = json!([url]);
        assert!(refusal(OCI_MANIFEST, &document).contains("invalid url"), "{url:?}");
    }
}

#[test]
fn a_subject_and_an_artifact_type_are_kept() {
    let subject = descriptor(OCI_MANIFEST, "subject");
    let document = with(with(image(), "subject", subject), "artifactType", json!("a/b"));
    for content_type in [OCI_MANIFEST, DOCKER_MANIFEST] {
        let manifest = parse(content_type, &document).unwrap();
        assert_eq!(manifest.subject.as_ref().unwrap().digest, Digest::sha256(b"subject"));
        assert_eq!(manifest.effective_artifact_type(), Some("a/b"));
    }
    let empty = with(image(), "artifactType", json!(""));
    assert_eq!(parse(OCI_MANIFEST, &empty).unwrap().effective_artifact_type(), Some(media_type::OCI_CONFIG));
}

#[test]
fn too_much_is_refused() {
    let padded = format!("{}{}", index(), " ".repeat(Manifest::MAX_BYTES));
    assert_eq!(Manifest::parse(OCI_INDEX, padded.as_bytes()).unwrap_err().code, ErrorCode::SizeInvalid);
    let fits = &padded.as_bytes()[..Manifest::MAX_BYTES];
    assert!(Manifest::parse(OCI_INDEX, fits).is_ok());

    let child = descriptor(OCI_MANIFEST, "m");
    let children = |count| with(index(), "manifests", vec![child.clone(); count].into());
    assert!(parse(OCI_INDEX, &children(MOST_DESCRIPTORS)).is_ok());
    assert!(refusal(OCI_INDEX, &children(MOST_DESCRIPTORS + 1)).contains("descriptors"));

    let mut heavy = image();
    heavy["layers"][0]["size"] = json!(i64::MAX);
    assert!(refusal(OCI_MANIFEST, &heavy).contains("sizes"));
}

#[test]
fn depth_does_not_exhaust_the_stack() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(500_000);
        for field in ["future", "config", "layers", "annotations"] {
            let body = format!("{{\"schemaVersion\":2,\"{field}\":{deep}");
            let body = &body.as_bytes()[..body.len().min(Manifest::MAX_BYTES)];
            assert_eq!(Manifest::parse(OCI_MANIFEST, body).unwrap_err().code, ErrorCode::ManifestInvalid);
        }
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let document = with(image(), "future", json!({"deep": [{"er": 1}]}));
    assert_eq!(parse(OCI_MANIFEST, &document).unwrap().layers.len(), 2);
}

fn any_descriptor() -> impl Strategy<Value = Descriptor> {
    let annotations = prop::collection::btree_map(".{0,8}", ".{0,8}", 0..3);
    let urls = prop::collection::vec("https?://[a-z][a-z./]{0,12}", 0..2);
    ("[a-z]{1,9}/[a-z.+]{1,9}", any::<[u8; 8]>(), any::<bool>(), 0..1_u64 << 40, urls, annotations).prop_map(
        |(media_type, content, long, size, urls, annotations)| {
            let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let digest = Digest::of(algorithm, &content);
            Descriptor { media_type, digest, size, urls, annotations, platform: None, artifact_type: None }
        },
    )
}

proptest! {
    #[test]
    fn every_image_round_trips(
        config in any_descriptor(),
        layers in prop::collection::vec(any_descriptor(), 0..4),
        subject in prop::option::of(any_descriptor()),
    ) {
        let document = json!({"schemaVersion": 2, "config": config, "layers": layers, "subject": subject});
        let manifest = parse(OCI_MANIFEST, &document).unwrap();
        prop_assert_eq!(manifest.config, Some(config));
        prop_assert_eq!(manifest.layers, layers);
        prop_assert_eq!(manifest.subject, subject);
    }

    #[test]
    fn every_index_round_trips(manifests in prop::collection::vec(any_descriptor(), 0..4)) {
        let document = json!({"schemaVersion": 2, "manifests": manifests});
        prop_assert_eq!(parse(OCI_INDEX, &document).unwrap().manifests, manifests);
    }

    #[test]
    fn bytes_never_panic(bytes: Vec<u8>, content_type: String) {
        let _ = Manifest::parse(&content_type, &bytes);
        for content_type in ALL_TYPES {
            let _ = Manifest::parse(content_type, &bytes);
        }
    }

    #[test]
    fn a_damaged_document_never_panics(at in 0..400_usize, byte: u8) {
        let mut bytes = image().to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        for content_type in ALL_TYPES {
            let _ = Manifest::parse(content_type, &bytes);
        }
    }
}
