//! What a page of artifacts shows beside the rows themselves: one statement of each kind for the whole page.

use super::{Artifact, Include, sql};
use crate::{App, Result, labels};
use haven_db::{Read, Row, params};
use haven_oci::media_type;
use std::collections::HashMap;

/// As many of each artifact's things are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    children: i64,
    tags: i64,
    accessories: i64,
}

/// Of an artifact that is looked at by itself.
pub(super) const WHOLE: Most = Most { children: i64::MAX, tags: i64::MAX, accessories: i64::MAX };
/// In a list: no real artifact has more, and a page of made-up ones stays small.
pub(super) const LISTED: Most = Most { children: 500, tags: 1_000, accessories: 100 };

/// Tags of a page that are shown without asking how they are spread over its artifacts, which takes twice as long.
const FEW_TAGS: i64 = 1_000;

/// Adds children, and tags, labels and accessories as far as they are included.
pub(super) async fn fill(app: &App, artifacts: &mut [Artifact], include: Include, most: Most) -> Result<()> {
    let places: HashMap<i64, usize> =
        artifacts.iter().enumerate().map(|(place, artifact)| (artifact.id, place)).collect();
    let ids: Vec<i64> = artifacts.iter().map(|artifact| artifact.id).collect();
    let ids = || ids.iter().copied();
    let is_index = |artifact: &&Artifact| media_type::is_index(&artifact.manifest_media_type);
    let indexes: Vec<i64> = artifacts.iter().filter(is_index).map(|index| index.id).collect();
    let [references, tags, labels, accessories, inherited] = app
        .db
        .read([
            Read::about(sql::REFERENCES_OF, indexes, params![most.children]),
            Read::about(sql::TAGS_OF, ids(), params![FEW_TAGS]).only_if(include.tags),
            labels::of_artifacts(ids()).only_if(include.labels),
            Read::about(sql::ACCESSORIES_OF, ids(), params![most.accessories]).only_if(include.accessories),
            Read::about(sql::INHERITED_BY, ids(), params![most.accessories]).only_if(include.inherited),
        ])
        .await?;
    for row in references {
        let reference = sql::reference(&row)?;
        if let Some(place) = places.get(&reference.parent_id) {
            artifacts[*place].references.push(reference);
        }
    }
    let are_few = i64::try_from(tags.len()).is_ok_and(|count| count < FEW_TAGS);
    let tags = if are_few { tags } else { newest_tags(app, ids(), most.tags).await? };
    for row in tags {
        let tag = sql::tag(&row)?;
        if let Some(place) = places.get(&tag.artifact_id) {
            artifacts[*place].tags.push(tag);
        }
    }
    for row in labels {
        let (artifact, label) = labels::of_artifact(&row)?;
        if let Some(place) = places.get(&artifact) {
            artifacts[*place].labels.push(label);
        }
    }
    for row in accessories {
        let accessory = sql::accessory(&row)?;
        if let Some(place) = accessory.subject_artifact_id.and_then(|id| places.get(&id)) {
            artifacts[*place].accessories.push(accessory);
        }
    }
    for row in inherited {
        if let Some(place) = places.get(&row.get::<i64>(9)?) {
            artifacts[*place].inherited.push(sql::accessory(&row)?);
        }
    }
    Ok(())
}

async fn newest_tags(app: &App, ids: impl Iterator<Item = i64>, most: i64) -> Result<Vec<Row>> {
    let [tags] = app.db.read([Read::about(sql::NEWEST_TAGS_OF, ids, params![most])]).await?;
    Ok(tags)
}
