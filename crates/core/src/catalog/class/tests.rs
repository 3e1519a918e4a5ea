//! Kinds, attributes and attachments of manifests.

use super::attachment::Attachment;
use super::*;
use proptest::prelude::*;
use serde_json::json;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn descriptor(media_type: &str) -> Value {
    json!({ "mediaType": media_type, "digest": DIGEST, "size": 2 })
}

/// An image manifest with this config; members of `more` replace its own.
#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn manifest(config_type: &str, more: Value) -> Manifest {
    let mut document = json!({
        "schemaVersion": 2,
        "config": descriptor(config_type),
        "layers": [descriptor(COSIGN_LAYER)],
    });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    Manifest::parse(media_type::OCI_MANIFEST, document.to_string().as_bytes()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn index(more: Value) -> Manifest {
    let mut document = json!({ "schemaVersion": 2, "manifests": [] });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    Manifest::parse(media_type::OCI_INDEX, document.to_string().as_bytes()).unwrap()
}

#[test]
fn kinds_follow_the_config() {
    for (config, kind) in [
        (media_type::OCI_CONFIG, "IMAGE"),
        (media_type::DOCKER_CONFIG, "IMAGE"),
        (HELM, "CHART"),
        (WASM, "WASM"),
        (SBOM, "SBOM"),
        ("application/vnd.oras.foo.config.v1+json", "FOO"),
        ("application/vnd.oras.foo.bar.config.v1+json", "FOO.BAR"),
        ("application/vnd.foo.config.v1+json", "UNKNOWN"),
        ("application/vnd.a.b.config.v1.2+json", "UNKNOWN"),
        ("application/vnd.a..config.v1+json", "UNKNOWN"),
        ("application/vnd.oci.empty.v1+json", "UNKNOWN"),
    ] {
        assert_eq!(Class::of(&manifest(config, json!({})), None).kind, kind, "{config}");
    }
}

#[test]
fn what_the_manifest_says_of_itself_comes_first() {
    let model = manifest(media_type::OCI_EMPTY, json!({ "artifactType": CNAI }));
    let class = Class::of(&model, Some(br#"{"descriptor":{"name":"m"}}"#));
    assert_eq!((class.kind.as_str(), class.media_type.as_str()), ("CNAI", media_type::OCI_EMPTY));
    assert_eq!(class.extra_attrs["descriptor"]["name"], "m");
    let compat = json!({ "annotations": { "module.wasm.image/variant": "compat" } });
    let class = Class::of(&manifest(media_type::DOCKER_CONFIG, compat), Some(b"{}"));
    assert_eq!((class.kind.as_str(), class.media_type.as_str()), ("WASM", WASM));
    assert_eq!(class.extra_attrs["manifest.config.mediaType"], media_type::DOCKER_CONFIG);
    let other = json!({ "annotations": { "run.oci.handler": "crun" } });
    assert_eq!(Class::of(&manifest(media_type::OCI_CONFIG, other), None).kind, "IMAGE");
}

#[test]
fn an_index_is_what_its_annotation_says() {
    assert_eq!(Class::of(&index(json!({})), None).kind, "IMAGE");
    let part = |kind: &str| json!({ "mediaType": "a/b", "digest": DIGEST, "size": 2, "annotations": { CNAB_PART: kind } });
    let bundle = index(json!({
        "annotations": { TOLD_BY_INDEX: CNAB }, "manifests": [part("invocation"), part("config")],
    }));
    let class = Class::of(&bundle, Some(br#"{"name":"hello"}"#));
    assert_eq!((class.kind.as_str(), class.media_type.as_str()), ("CNAB", CNAB));
    assert_eq!(class.extra_attrs["name"], "hello");
    assert!(matches!(Class::config_place(&bundle), ConfigPlace::OfPart(digest) if digest.as_str() == DIGEST));
    let strange = index(json!({ "annotations": { TOLD_BY_INDEX: "a\nb" } }));
    assert_eq!(Class::of(&strange, None).media_type, media_type::OCI_INDEX);
    let bare = index(json!({ "annotations": { TOLD_BY_INDEX: CNAB } }));
    assert_eq!(Class::config_place(&bare), ConfigPlace::Nowhere);
}

#[test]
fn an_images_attributes_come_from_its_config() {
    let config = br#"{"created":"2024-01-01T00:00:00Z","os":"linux","architecture":"arm64","config":{"Labels":{"maintainer":"ann"}},"history":[]}"#;
    let class = Class::of(&manifest(media_type::OCI_CONFIG, json!({})), Some(config));
    assert_eq!(class.extra_attrs["author"], "ann");
    assert_eq!(class.extra_attrs["architecture"], "arm64");
    assert!(!class.extra_attrs.contains_key("history"));
    let long = format!(r#"{{"config":{{"x":"{}"}},"os":"linux"}}"#, "x".repeat(100_000));
    let class = Class::of(&manifest(media_type::OCI_CONFIG, json!({})), Some(long.as_bytes()));
    assert_eq!(Value::from(class.extra_attrs), json!({ "os": "linux" }));
    for config in [&b"no json"[..], b"[]", b"{\"os\":", b"\xff"] {
        assert!(Class::of(&manifest(HELM, json!({})), Some(config)).extra_attrs.is_empty());
    }
}

#[test]
fn a_custom_artifact_keeps_things_to_itself_and_brings_its_picture() {
    let mut config = descriptor("application/vnd.acme.widget.config.v1+json");
    config["annotations"] = json!({ "io.goharbor.artifact.v1alpha1.skip-list": "secret, parts" });
    let mut picture = descriptor("image/png");
    picture["annotations"] = json!({ ICON: "" });
    let layers = json!([descriptor("a/b"), picture]);
    let widget = manifest("x/y", json!({ "config": config, "layers": layers }));
    let class = Class::of(&widget, Some(br#"{"shade":"dark","secret":1,"parts":[]}"#));
    assert_eq!(Value::from(class.extra_attrs.clone()), json!({ "shade": "dark" }));
    assert_eq!(class.icon_layer(&widget).unwrap().media_type, "image/png");
    let chart = manifest(HELM, json!({ "layers": layers }));
    assert!(Class::of(&chart, None).icon_layer(&chart).is_none(), "only kinds of their own");
}

#[test]
fn signatures_hang_on_what_they_sign() {
    let tagged = manifest(media_type::OCI_CONFIG, json!({}));
    let tag = format!("{}.sig", DIGEST.replace(':', "-")).parse().unwrap();
    let class = Class::of(&tagged, None);
    let expected = Attachment { subject: DIGEST.parse().unwrap(), kind: "signature.cosign" };
    assert_eq!(class.attachment(&tagged, Some(&tag)), Some(expected));
    assert_eq!(class.attachment(&tagged, None), None);
    for tag in ["sha256-abc.sig", "latest", &format!("{}.att", DIGEST.replace(':', "-"))] {
        assert_eq!(class.attachment(&tagged, Some(&tag.parse().unwrap())), None, "{tag}");
    }
    let mut accelerated = descriptor("a/b");
    accelerated["annotations"] = json!({ "containerd.io/snapshot/nydus-bootstrap": "true" });
    for (config, more, kind) in [
        (
            media_type::OCI_EMPTY,
            json!({ "artifactType": "application/vnd.cncf.notary.signature" }),
            "signature.notation",
        ),
        (
            media_type::OCI_EMPTY,
            json!({ "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json" }),
            "signature.cosign",
        ),
        ("application/vnd.dev.cosign.artifact.sig.v1+json", json!({}), "signature.cosign"),
        (SBOM, json!({}), "sbom.harbor"),
        (media_type::OCI_CONFIG, json!({ "layers": [descriptor("a/b"), accelerated] }), "accelerator.nydus"),
        (media_type::OCI_CONFIG, json!({ "layers": [accelerated, descriptor("a/b")] }), "subject.accessory"),
        (media_type::OCI_EMPTY, json!({}), "subject.accessory"),
    ] {
        let mut more = more;
        more["subject"] = descriptor("a/b");
        let accessory = manifest(config, more);
        assert_eq!(Class::of(&accessory, None).attachment(&accessory, None).unwrap().kind, kind, "{config}");
    }
}

proptest! {
    #[test]
    fn a_kind_is_derived_as_the_pattern_says(org in "[a-z]{0,3}", name in "[a-z.]{0,6}", version in "[a-z0-9]{0,3}") {
        let media_type = format!("application/vnd.{org}.{name}.config.{version}+json");
        let expected = (!name.is_empty()).then(|| name.to_uppercase());
        prop_assert_eq!(derived(&media_type), expected);
    }

    #[test]
    fn no_media_type_is_too_odd(text in "[ -~]{0,40}") {
        let kind = kind(&text);
        prop_assert!(!kind.is_empty() && kind.len() <= text.len().max(7));
    }
}
