//! What a push reads of an artifact's own bytes to tell what it is: never more than bounded parts of them.

use super::class::{Class, ConfigPlace};
use super::{icons, sql};
use crate::registry::read_whole;
use crate::{App, Code, Result};
use haven_db::params;
use haven_oci::{Descriptor, Digest, Manifest, RepositoryName};
use std::collections::HashMap;

/// Larger configs are kept, but not shown.
const MAX_CONFIG: u64 = 1 << 20;

/// Tells what a manifest is. `sizes` are those of its blobs that the project has.
///
/// # Errors
/// When database or storage fail. A config that makes no sense is no error.
pub(crate) async fn classify(
    app: &App,
    repository: &RepositoryName,
    manifest: &Manifest,
    sizes: &HashMap<String, u64>,
) -> Result<Class> {
    let config = match Class::config_place(manifest) {
        ConfigPlace::Nowhere => None,
        ConfigPlace::Own(config) => match sizes.get(config.digest.as_str()) {
            Some(size) if *size <= MAX_CONFIG => Some(read_whole(app, &config.digest, *size).await?),
            _ => None,
        },
        ConfigPlace::OfPart(part) => config_of_part(app, repository, part).await?,
    };
    let mut class = Class::of(manifest, config.as_deref());
    if let Some(layer) = class.icon_layer(manifest)
        && sizes.contains_key(layer.digest.as_str())
        && icons::is_picture(app, layer).await?
    {
        class.icon = layer.digest.to_string().into();
        class.own_icon = true;
    }
    Ok(class)
}

/// The config of an artifact that the repository has.
async fn config_of_part(app: &App, repository: &RepositoryName, part: &Digest) -> Result<Option<Vec<u8>>> {
    let row = app.db.query_opt(sql::MANIFEST_IN, params![repository.as_str(), part.as_str()]).await?;
    let Some(row) = row else { return Ok(None) };
    let (media_type, content): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let config = Manifest::parse(&media_type, &content).ok().and_then(|manifest| manifest.config);
    // What is to be had elsewhere may be nobody's here, or somebody else's: its digest alone must open nothing.
    let shown = |config: &Descriptor| config.urls.is_empty() && config.size <= MAX_CONFIG;
    let Some(config) = config.filter(shown) else { return Ok(None) };
    match read_whole(app, &config.digest, config.size).await {
        // What was lost tells nothing.
        Err(error) if error.code == Code::BlobUnknown => Ok(None),
        read => read.map(Some),
    }
}
