//! What lists show of an artifact beside its type: taken from its config or its manifest.

use super::super::config::Config;
use haven_oci::Manifest;
use serde_json::{Map, Value, json};

/// What an image's config says; what may be long comes last, so that the rest has room.
pub(super) fn of_image(config: &Config<'_>) -> Map<String, Value> {
    let mut attrs = config.only(&["created", "architecture", "os", "config"]);
    if let Some(author) = config.text("author").or_else(|| labelled_author(&attrs)) {
        attrs.insert("author".into(), author.into());
    }
    attrs
}

fn labelled_author(attrs: &Map<String, Value>) -> Option<String> {
    let labels = attrs.get("config")?.get("Labels")?;
    let label = |name: &str| labels.get(name)?.as_str().filter(|author| !author.is_empty());
    label("org.opencontainers.image.authors").or_else(|| label("maintainer")).map(str::to_owned)
}

/// What a WebAssembly module's manifest says of its parts.
pub(super) fn of_wasm(manifest: &Manifest) -> Map<String, Value> {
    let mut attrs = Map::new();
    if let Some(config) = &manifest.config {
        attrs.insert("manifest.config.mediaType".into(), json!(config.media_type));
    }
    if let Some(layer) = manifest.layers.first() {
        attrs.insert("manifest.layers.mediaType".into(), json!(layer.media_type));
        let title = layer.annotations.get("org.opencontainers.image.title");
        if let Some(title) = title.filter(|title| title.len() < 1024) {
            attrs.insert("org.opencontainers.image.title".into(), json!(title));
        }
    }
    attrs
}

/// The config of an artifact of a kind of its own, which may keep some of it to itself.
pub(super) fn of_custom(config: &Config<'_>, manifest: &Manifest) -> Map<String, Value> {
    const SKIP: &str = "io.goharbor.artifact.v1alpha1.skip-list";
    let list = manifest.config.as_ref().and_then(|config| config.annotations.get(SKIP));
    let skipped: Vec<&str> = list.into_iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    config.without(&skipped)
}
