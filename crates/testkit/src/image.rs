//! Images and other artifacts made on the spot, in the shapes that real tools push.

use crate::archive::{gzip, tar};
use haven_oci::{Digest, media_type};
use serde_json::{Value, json};

/// A manifest with the blobs it names.
#[derive(Clone, Debug)]
pub struct Image {
    pub media_type: String,
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
}

/// A layer, or a config.
#[derive(Clone, Debug)]
pub struct Part {
    media_type: String,
    bytes: Vec<u8>,
    annotations: Value,
}

impl Part {
    pub fn new(media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { media_type: media_type.into(), bytes: bytes.into(), annotations: Value::Null }
    }

    /// With one more annotation.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations[name] = value.into();
        self
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = descriptor(&self.media_type, &self.bytes);
        if !self.annotations.is_null() {
            descriptor["annotations"] = self.annotations.clone();
        }
        descriptor
    }
}

/// An OCI image whose one layer holds this text, so that different texts make different digests.
pub fn image(text: &str) -> Image {
    let config = json!({ "os": "linux", "architecture": "amd64", "config": { "Labels": { "text": text } } });
    Image::of(media_type::OCI_CONFIG, config.to_string().as_bytes(), &[text.as_bytes()], json!({}))
}

impl Image {
    /// An OCI manifest with this config and these layers; `more` is merged into it.
    pub fn of(config_type: &str, config: &[u8], layers: &[&[u8]], more: Value) -> Self {
        let layers: Vec<Part> =
            layers.iter().map(|bytes| Part::new("application/vnd.oci.image.layer.v1.tar", *bytes)).collect();
        Self::made_of(&Part::new(config_type, config), &layers, more)
    }

    /// As [`Image::of`], of parts with types and annotations of their own.
    #[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
    pub fn made_of(config: &Part, layers: &[Part], more: Value) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Part::descriptor).collect::<Vec<_>>(),
        });
        for (name, value) in more.as_object().unwrap() {
            manifest[name] = value.clone();
        }
        let blobs = std::iter::once(config).chain(layers).map(|part| part.bytes.clone()).collect();
        Self {
            media_type: media_type::OCI_MANIFEST.into(),
            manifest: manifest.to_string().into_bytes(),
            blobs,
        }
    }

    /// An index of these images; push them first.
    pub fn index(images: &[&Self]) -> Self {
        let child = |image: &&Self| {
            let mut child = image.descriptor();
            child["platform"] = json!({ "os": "linux", "architecture": "amd64" });
            child
        };
        Self::index_of(images.iter().map(child).collect(), json!({}))
    }

    /// An index with these descriptors; `more` is merged into it.
    #[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
    pub fn index_of(manifests: Vec<Value>, more: Value) -> Self {
        let mut index = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": manifests,
        });
        for (name, value) in more.as_object().unwrap() {
            index[name] = value.clone();
        }
        Self {
            media_type: media_type::OCI_INDEX.into(),
            manifest: index.to_string().into_bytes(),
            blobs: Vec::new(),
        }
    }

    /// An artifact of a type of its own that refers to this one.
    pub fn referrer(&self, artifact_type: &str) -> Self {
        let more = json!({
            "subject": self.descriptor(), "artifactType": artifact_type, "annotations": { "kind": "test" },
        });
        Self::of(media_type::OCI_EMPTY, b"{}", &[artifact_type.as_bytes()], more)
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> String {
        Digest::sha256(&self.manifest).to_string()
    }

    /// How another manifest refers to this one.
    pub fn descriptor(&self) -> Value {
        descriptor(&self.media_type, &self.manifest)
    }
}

/// What hangs on an image, as the tools of the field make it.
impl Image {
    /// cosign's older signature, with the tag that it is pushed by.
    pub fn cosign_by_tag(&self) -> (String, Self) {
        let payload = format!("{{\"critical\":{{\"image\":\"{}\"}}}}", self.digest());
        let layer = Part::new("application/vnd.dev.cosign.simplesigning.v1+json", payload)
            .annotated("dev.cosignproject.cosign/signature", "MEUCIQ");
        let config = Part::new(media_type::OCI_CONFIG, format!("{{\"signs\":\"{}\"}}", self.digest()));
        let signature = Self::made_of(&config, &[layer], json!({}));
        (format!("{}.sig", self.digest().replace(':', "-")), signature)
    }

    /// cosign's newer signature: a bundle with a subject.
    pub fn cosign(&self) -> Self {
        const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let layer = Part::new(BUNDLE, format!("bundle of {}", self.digest()));
        let more = json!({ "artifactType": BUNDLE, "subject": self.descriptor() });
        Self::made_of(&Part::new(media_type::OCI_EMPTY, "{}"), &[layer], more)
    }

    /// A signature by notation.
    pub fn notation(&self) -> Self {
        let config = Part::new("application/vnd.cncf.notary.signature", "{}");
        let layer = Part::new("application/jose+json", format!("signature of {}", self.digest()));
        let annotations = json!({ "io.cncf.notary.x509chain.thumbprint#S256": "[\"ab\"]" });
        let more = json!({ "subject": self.descriptor(), "annotations": annotations });
        Self::made_of(&config, &[layer], more)
    }

    /// This image in the format of nydus.
    pub fn nydus(&self) -> Self {
        let layers = [
            Part::new("application/vnd.oci.image.layer.nydus.blob.v1", format!("blob of {}", self.digest()))
                .annotated("containerd.io/snapshot/nydus-blob", "true"),
            Part::new(media_type::OCI_LAYER_GZIP, format!("bootstrap of {}", self.digest()))
                .annotated("containerd.io/snapshot/nydus-bootstrap", "true"),
        ];
        let config = Part::new(media_type::OCI_CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
        Self::made_of(&config, &layers, json!({ "subject": self.descriptor() }))
    }

    /// A bill of materials with this text.
    pub fn sbom(&self, text: &str) -> Self {
        const SBOM: &str = "application/vnd.goharbor.harbor.sbom.v1";
        let more = json!({ "subject": self.descriptor() });
        Self::made_of(&Part::new(SBOM, "{}"), &[Part::new(SBOM, text)], more)
    }

    /// A statement about it, as in-toto has it.
    pub fn in_toto(&self) -> Self {
        let layer = Part::new("application/vnd.in-toto+json", format!("statement of {}", self.digest()));
        let more = json!({ "artifactType": "application/vnd.in-toto+json", "subject": self.descriptor() });
        Self::made_of(&Part::new(media_type::OCI_EMPTY, "{}"), &[layer], more)
    }
}

/// A Helm chart with this description; `files` are what its archive holds, paths included.
pub fn chart(description: &Value, files: &[(&str, &[u8])]) -> Image {
    chart_of(description, gzip(&tar(files)))
}

/// A Helm chart whose archive is these bytes.
pub fn chart_of(description: &Value, archive: Vec<u8>) -> Image {
    let config = Part::new("application/vnd.cncf.helm.config.v1+json", description.to_string());
    let layers = [
        Part::new("application/vnd.cncf.helm.chart.provenance.v1.prov", "-----BEGIN PGP SIGNED MESSAGE-----"),
        Part::new("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive),
    ];
    Image::made_of(&config, &layers, json!({}))
}

/// A CNAB bundle with this description: its config, its invocation image, and the index of both.
pub fn cnab(bundle: &Value) -> [Image; 3] {
    let config = Image::of(media_type::OCI_CONFIG, bundle.to_string().as_bytes(), &[b"bundle"], json!({}));
    let invocation = image("invocation");
    let part = |image: &Image, kind: &str| {
        let mut part = image.descriptor();
        part["annotations"] = json!({ "io.cnab.manifest.type": kind });
        part
    };
    let annotations = json!({
        "org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1", "io.cnab.runtime_version": "v1.0.0",
    });
    let parts = vec![part(&config, "config"), part(&invocation, "invocation")];
    let index = Image::index_of(parts, json!({ "annotations": annotations }));
    [config, invocation, index]
}

/// A WebAssembly module.
pub fn wasm(title: &str) -> Image {
    let layer = Part::new("application/vnd.wasm.content.layer.v1+wasm", format!("\0asm {title}"))
        .annotated("org.opencontainers.image.title", title);
    let config = br#"{"history":[{"created_by":"build"}]}"#;
    Image::made_of(&Part::new("application/vnd.wasm.config.v1+json", config), &[layer], json!({}))
}

/// An AI model in the CNCF's format, each file in a layer of its own.
pub fn model(files: &[(&str, &[u8])]) -> Image {
    let layer = |(path, content): &(&str, &[u8])| {
        let document = ["README", "LICENSE"].iter().any(|name| path.starts_with(name));
        let kind = if document { "doc.v1.raw" } else { "weight.v1.raw" };
        Part::new(&format!("application/vnd.cncf.model.{kind}"), *content)
            .annotated("org.cncf.model.filepath", path)
    };
    let layers: Vec<Part> = files.iter().map(layer).collect();
    let config = Part::new(
        "application/vnd.cncf.model.config.v1+json",
        r#"{"descriptor":{"name":"tiny","family":"toys"},"config":{"paramSize":"8b"}}"#,
    );
    let more = json!({ "artifactType": "application/vnd.cncf.model.manifest.v1+json" });
    Image::made_of(&config, &layers, more)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(bytes), "size": bytes.len() })
}
