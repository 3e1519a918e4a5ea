//! What kind of artifact a manifest is. Pure.

use haven_oci::{Descriptor, Digest, Manifest, ManifestKind, TagName, media_type};
use serde_json::{Map, Value, json};

/// What is derived from a manifest and its config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Class {
    /// IMAGE, CHART, …
    pub kind: String,
    pub media_type: String,
    /// Empty for an index that names none.
    pub artifact_type: String,
    /// Digest of a built-in picture.
    pub icon: &'static str,
    pub extra_attrs: Map<String, Value>,
}

/// What a manifest hangs on, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) subject: Digest,
    pub(super) kind: &'static str,
}

pub(super) const COSIGN: &str = "signature.cosign";
const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const COSIGN_SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const SBOM: &str = "application/vnd.goharbor.harbor.sbom.v1";
const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
const CNAB: &str = "application/vnd.cnab.manifest.v1";
const WASM: &str = "application/vnd.wasm.config.v1+json";
const CNAI: &str = "application/vnd.cncf.model.manifest.v1+json";
const NYDUS: &str = "containerd.io/snapshot/nydus-bootstrap";
const CNAB_ANNOTATION: &str = "org.opencontainers.artifactType";

/// Attributes of an image's config that lists show.
const IMAGE_ATTRS: [&str; 4] = ["created", "architecture", "os", "config"];

impl Class {
    /// Whether the config tells something about this kind of artifact.
    pub(crate) fn reads_config(manifest: &Manifest, config: &Descriptor) -> bool {
        let kind = kind(&processor(manifest, &config.media_type));
        kind == "IMAGE" || keeps_config(&kind)
    }

    /// Derives everything from a manifest and, where it matters, its config's bytes. A config that is no JSON object
    /// tells nothing.
    pub(crate) fn of(manifest: &Manifest, config: Option<&[u8]>) -> Self {
        let media_type = media_type_of(manifest);
        let processor = processor(manifest, &media_type);
        let kind = kind(&processor);
        let config: Map<String, Value> =
            config.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let extra_attrs = match kind.as_str() {
            "IMAGE" if manifest.kind == ManifestKind::Image => image_attrs(&config),
            "WASM" => wasm_attrs(manifest),
            kind if keeps_config(kind) => without_skipped(config, manifest),
            _ => Map::new(),
        };
        Self {
            icon: icon(&kind),
            artifact_type: manifest.effective_artifact_type().unwrap_or_default().to_owned(),
            kind,
            media_type,
            extra_attrs,
        }
    }

    /// Whether it can be a signature of cosign's older form, which a tag ties to what it signs.
    pub(super) fn is_signature(manifest: &Manifest) -> bool {
        manifest.layers.iter().any(|layer| layer.media_type == COSIGN_LAYER)
    }

    /// The subject of this manifest, with what it is to it. `tag` is how it was pushed: cosign's older signatures are
    /// told by their tag.
    pub(super) fn attachment(&self, manifest: &Manifest, tag: Option<&TagName>) -> Option<Attachment> {
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
pub(super) fn accessory_icon(kind: &str) -> &'static str {
    match kind {
        COSIGN => "sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882",
        "signature.notation" => "sha256:3ac706e102bbe9362b400aa162df58135d35e66b9c3bee2165de92022d25fe34",
        "accelerator.nydus" => "sha256:dfcb6617cd9c144358dc1b305b87bbe34f0b619f1e329116e6aee2e41f2e34cf",
        "sbom.harbor" => "sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae",
        _ => "",
    }
}

fn icon(kind: &str) -> &'static str {
    match kind {
        "IMAGE" => "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06",
        "CHART" => "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518",
        "CNAB" => "sha256:089bdda265c14d8686111402c8ad629e8177a1ceb7dcd0f7f39b6480f623b3bd",
        "WASM" => "sha256:badd7693bcaf115be202748241dd0ea6ee3b0524bfab9ac22d1e1c43721afec6",
        "CNAI" => "sha256:1e1e5c5fdaf0931ec8655e835d1182f723a0c322a6760211622e1270f0193717",
        "SBOM" => "sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae",
        _ => "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f",
    }
}

fn media_type_of(manifest: &Manifest) -> String {
    let annotation = |name: &str| manifest.annotations.get(name).map(String::as_str);
    match (&manifest.kind, &manifest.config) {
        (ManifestKind::Image, Some(config)) => {
            let wasm = annotation("module.wasm.image/variant") == Some("compat")
                || annotation("run.oci.handler") == Some("wasm");
            if wasm { WASM.into() } else { config.media_type.clone() }
        }
        _ => {
            let told = annotation(CNAB_ANNOTATION).filter(|text| is_sound(text));
            told.unwrap_or(&manifest.media_type).to_owned()
        }
    }
}

/// Media types come checked, annotations may be any text.
fn is_sound(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The media type that decides the kind.
fn processor(manifest: &Manifest, media_type: &str) -> String {
    manifest.effective_artifact_type().filter(|kind| !kind.is_empty()).unwrap_or(media_type).to_owned()
}

fn kind(processor: &str) -> String {
    match processor {
        media_type::OCI_CONFIG
        | media_type::DOCKER_CONFIG
        | media_type::OCI_INDEX
        | media_type::DOCKER_MANIFEST_LIST => "IMAGE".into(),
        HELM => "CHART".into(),
        CNAB => "CNAB".into(),
        WASM => "WASM".into(),
        CNAI => "CNAI".into(),
        SBOM => "SBOM".into(),
        other => derived(other).unwrap_or_else(|| "UNKNOWN".into()),
    }
}

/// `application/vnd.<org>.<name>.config.<version>+json` is of the kind `<NAME>`.
fn derived(processor: &str) -> Option<String> {
    let rest = processor.strip_prefix("application/vnd.")?.strip_suffix("+json")?;
    let (_, rest) = rest.split_once('.')?;
    let (name, version) = rest.rsplit_once(".config.")?;
    (!name.is_empty() && !version.contains('.')).then(|| name.to_uppercase())
}

fn keeps_config(kind: &str) -> bool {
    !matches!(kind, "IMAGE" | "CNAB" | "WASM" | "SBOM" | "UNKNOWN")
}

fn image_attrs(config: &Map<String, Value>) -> Map<String, Value> {
    let mut attrs = Map::new();
    for name in IMAGE_ATTRS {
        if let Some(value) = config.get(name) {
            attrs.insert(name.into(), value.clone());
        }
    }
    let label = |name: &str| config.get("config")?.get("Labels")?.get(name)?.as_str();
    let author = config.get("author").and_then(Value::as_str).filter(|author| !author.is_empty());
    let author = author.or_else(|| label("org.opencontainers.image.authors")).or_else(|| label("maintainer"));
    if let Some(author) = author {
        attrs.insert("author".into(), author.into());
    }
    attrs
}

fn wasm_attrs(manifest: &Manifest) -> Map<String, Value> {
    let mut attrs = Map::new();
    if let Some(config) = &manifest.config {
        attrs.insert("manifest.config.mediaType".into(), json!(config.media_type));
    }
    if let Some(layer) = manifest.layers.first() {
        attrs.insert("manifest.layers.mediaType".into(), json!(layer.media_type));
        if let Some(title) = layer.annotations.get("org.opencontainers.image.title") {
            attrs.insert("org.opencontainers.image.title".into(), json!(title));
        }
    }
    attrs
}

/// Custom artifacts may keep some of their config to themselves.
fn without_skipped(mut config: Map<String, Value>, manifest: &Manifest) -> Map<String, Value> {
    const SKIP: &str = "io.goharbor.artifact.v1alpha1.skip-list";
    let list = manifest.config.as_ref().and_then(|config| config.annotations.get(SKIP));
    for name in list.into_iter().flat_map(|list| list.split(',')) {
        config.shift_remove(name.trim());
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest(config_type: &str, more: &str) -> Manifest {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config_type}","digest":"{DIGEST}","size":2}},"layers":[{{"mediaType":"{COSIGN_LAYER}","digest":"{DIGEST}","size":2}}]{more}}}"#
        );
        Manifest::parse(media_type::OCI_MANIFEST, text.as_bytes()).unwrap()
    }

    #[test]
    fn kinds_follow_the_config() {
        for (config, kind) in [
            (media_type::OCI_CONFIG, "IMAGE"),
            (media_type::DOCKER_CONFIG, "IMAGE"),
            (HELM, "CHART"),
            ("application/vnd.oras.foo.config.v1+json", "FOO"),
            ("application/vnd.oras.foo.bar.config.v1+json", "FOO.BAR"),
            ("application/vnd.foo.config.v1+json", "UNKNOWN"),
            ("application/vnd.oci.empty.v1+json", "UNKNOWN"),
        ] {
            assert_eq!(Class::of(&manifest(config, ""), None).kind, kind, "{config}");
        }
    }

    #[test]
    fn an_images_attributes_come_from_its_config() {
        let config = br#"{"created":"2024-01-01T00:00:00Z","os":"linux","architecture":"arm64","config":{"Labels":{"maintainer":"ann"}},"history":[]}"#;
        let class = Class::of(&manifest(media_type::OCI_CONFIG, ""), Some(config));
        assert_eq!(class.extra_attrs["author"], "ann");
        assert_eq!(class.extra_attrs["architecture"], "arm64");
        assert!(!class.extra_attrs.contains_key("history"));
        assert!(Class::of(&manifest(HELM, ""), Some(b"no json")).extra_attrs.is_empty());
    }

    #[test]
    fn signatures_hang_on_what_they_sign() {
        let tagged = manifest(media_type::OCI_CONFIG, "");
        let tag = format!("{}.sig", DIGEST.replace(':', "-")).parse().unwrap();
        let class = Class::of(&tagged, None);
        assert_eq!(class.attachment(&tagged, Some(&tag)).unwrap().kind, COSIGN);
        assert_eq!(class.attachment(&tagged, None), None);
        let subject = format!(
            r#","subject":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}},"artifactType":"{NOTATION}""#
        );
        let with_subject = manifest(media_type::OCI_EMPTY, &subject);
        let class = Class::of(&with_subject, None);
        assert_eq!(class.attachment(&with_subject, None).unwrap().kind, "signature.notation");
    }
}
