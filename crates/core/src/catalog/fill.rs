//! What a page of artifacts shows beside the rows themselves: one statement of each kind for the whole page.

use super::{Artifact, Include, sql};
use crate::{App, Result, labels};
use haven_db::params;
use std::collections::HashMap;

/// The children of an artifact that is looked at by itself.
pub(super) const EVERY_CHILD: i64 = i64::MAX;
/// As many of each index's children does a list show: no real index has more, and a page of made-up ones stays small.
pub(super) const FIRST_CHILDREN: i64 = 500;

/// Adds children, and tags, labels and accessories as far as they are included.
pub(super) async fn fill(
    app: &App,
    artifacts: &mut [Artifact],
    include: Include,
    children: i64,
) -> Result<()> {
    let places: HashMap<i64, usize> =
        artifacts.iter().enumerate().map(|(place, artifact)| (artifact.id, place)).collect();
    let ids: Vec<i64> = artifacts.iter().map(|artifact| artifact.id).collect();
    let ids = || ids.iter().copied();
    for row in app.db.query_in(sql::REFERENCES_OF, ids(), params![children]).await? {
        let reference = sql::reference(&row)?;
        if let Some(place) = places.get(&reference.parent_id) {
            artifacts[*place].references.push(reference);
        }
    }
    if include.tags {
        for row in app.db.query_in(sql::TAGS_OF, ids(), &[]).await? {
            let tag = sql::tag(&row)?;
            if let Some(place) = places.get(&tag.artifact_id) {
                artifacts[*place].tags.push(tag);
            }
        }
    }
    if include.labels {
        for (artifact, label) in labels::of_artifacts(app, ids()).await? {
            if let Some(place) = places.get(&artifact) {
                artifacts[*place].labels.push(label);
            }
        }
    }
    if include.accessories {
        for row in app.db.query_in(sql::ACCESSORIES_OF, ids(), &[]).await? {
            let accessory = sql::accessory(&row)?;
            if let Some(place) = accessory.subject_artifact_id.and_then(|id| places.get(&id)) {
                artifacts[*place].accessories.push(accessory);
            }
        }
    }
    if include.inherited {
        for row in app.db.query_in(sql::INHERITED_BY, ids(), &[]).await? {
            if let Some(place) = places.get(&row.get::<i64>(9)?) {
                artifacts[*place].inherited.push(sql::accessory(&row)?);
            }
        }
    }
    Ok(())
}
