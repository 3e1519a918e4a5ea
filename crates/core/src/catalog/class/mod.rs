//! What kind of artifact a manifest is. Pure.

mod attachment;
mod attributes;
#[cfg(test)]
mod tests;

use super::config::Config;
use super::icons;
use haven_oci::{Descriptor, Digest, Manifest, ManifestKind, media_type};
use serde_json::{Map, Value};
use std::borrow::Cow;

pub(super) use attachment::{COSIGN, accessory_icon};

/// What is derived from a manifest and its config.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Class {
    /// IMAGE, CHART, …
    pub(crate) kind: String,
    pub(crate) media_type: String,
    /// Empty for an index that names none.
    pub(crate) artifact_type: String,
    /// Digest of a built-in picture, or of a layer.
    pub(crate) icon: Cow<'static, str>,
    /// The picture is a layer of the artifact.
    pub(crate) own_icon: bool,
    pub(crate) extra_attrs: Map<String, Value>,
}

/// Where the config lies that tells about an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigPlace<'a> {
    /// There is none that would tell anything.
    Nowhere,
    Own(&'a Descriptor),
    /// The config of one of the index's parts.
    OfPart(&'a Digest),
}

const SBOM: &str = "application/vnd.goharbor.harbor.sbom.v1";
const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
const CNAB: &str = "application/vnd.cnab.manifest.v1";
const WASM: &str = "application/vnd.wasm.config.v1+json";
const CNAI: &str = "application/vnd.cncf.model.manifest.v1+json";
const TOLD_BY_INDEX: &str = "org.opencontainers.artifactType";
const CNAB_PART: &str = "io.cnab.manifest.type";
const ICON: &str = "io.goharbor.artifact.v1alpha1.icon";

impl Class {
    /// Which config has to be read before [`Class::of`].
    pub(super) fn config_place(manifest: &Manifest) -> ConfigPlace<'_> {
        let kind = kind(&processor(manifest));
        if kind == "CNAB" {
            let is_config =
                |part: &&Descriptor| part.annotations.get(CNAB_PART).is_some_and(|kind| kind == "config");
            let part = manifest.manifests.iter().find(is_config);
            return part.map_or(ConfigPlace::Nowhere, |part| ConfigPlace::OfPart(&part.digest));
        }
        match &manifest.config {
            Some(config) if kind == "IMAGE" || keeps_config(&kind) => ConfigPlace::Own(config),
            _ => ConfigPlace::Nowhere,
        }
    }

    /// Derives everything from a manifest and, where it matters, its config's bytes. A config that is no JSON object
    /// tells nothing.
    pub(super) fn of(manifest: &Manifest, config: Option<&[u8]>) -> Self {
        let kind = kind(&processor(manifest));
        let config = config.map(Config::read).unwrap_or_default();
        let extra_attrs = match kind.as_str() {
            "IMAGE" if manifest.kind == ManifestKind::Image => attributes::of_image(&config),
            "WASM" => attributes::of_wasm(manifest),
            "CNAB" | "CHART" | "CNAI" => config.without(&[]),
            kind if keeps_config(kind) => attributes::of_custom(&config, manifest),
            _ => Map::new(),
        };
        Self {
            icon: icons::built_in(&kind).into(),
            own_icon: false,
            artifact_type: manifest.effective_artifact_type().unwrap_or_default().to_owned(),
            kind,
            media_type: media_type_of(manifest),
            extra_attrs,
        }
    }

    /// The layer that an artifact of a kind of its own brings as its picture.
    pub(super) fn icon_layer<'a>(&self, manifest: &'a Manifest) -> Option<&'a Descriptor> {
        let custom = keeps_config(&self.kind) && !matches!(self.kind.as_str(), "CHART" | "CNAI");
        manifest.layers.iter().find(|layer| custom && layer.annotations.contains_key(ICON))
    }
}

fn media_type_of(manifest: &Manifest) -> String {
    match (&manifest.kind, &manifest.config) {
        (ManifestKind::Image, _) if is_wasm(manifest) => WASM.into(),
        (ManifestKind::Image, Some(config)) => config.media_type.clone(),
        _ => {
            let told = manifest.annotations.get(TOLD_BY_INDEX).filter(|text| is_sound(text));
            told.unwrap_or(&manifest.media_type).clone()
        }
    }
}

/// Annotated as WebAssembly in the clothes of an image.
fn is_wasm(manifest: &Manifest) -> bool {
    let says = |name: &str, what: &str| manifest.annotations.get(name).is_some_and(|text| text == what);
    says("module.wasm.image/variant", "compat") || says("run.oci.handler", "wasm")
}

/// Media types come checked, annotations may be any text.
fn is_sound(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The media type that decides the kind: what the manifest says it is comes first, except that an image which its
/// annotations call WebAssembly is that.
fn processor(manifest: &Manifest) -> String {
    let media_type = media_type_of(manifest);
    match manifest.effective_artifact_type() {
        Some(said) if !said.is_empty() && media_type != WASM => said.to_owned(),
        _ => media_type,
    }
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
