//! Copying an artifact to another repository, which may be of another project: rows only, no bytes pass.
//!
//! One transaction holds both repositories, so a copy is whole or it is not there. Both rows are taken in the order of
//! their names, so that two copies between the same repositories wait for each other and not for ever.

mod sql;

use super::delete::{artifact_by_digest, ids_in};
use super::push::relist_all;
use super::sql as rows;
use super::told::{self, Place};
use crate::access::{
    Grant,
    permissions::{CreateArtifact, ReadArtifact},
};
use crate::{App, Code, Error, Result, quota, registry};
use haven_db::list::{batches, in_list};
use haven_db::{Timestamp, Tx, Value, params};
use haven_oci::{Digest, Reference, RepositoryName};
use std::collections::BTreeSet;
use std::str::FromStr;

/// What is copied: `team/web:v1` or `team/web@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub repository: RepositoryName,
    pub reference: Reference,
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::bad_request(format!("invalid artifact to copy from: {text}"));
        // A digest has a colon too, and comes after the only @.
        let (repository, reference) =
            text.split_once('@').or_else(|| text.rsplit_once(':')).ok_or_else(invalid)?;
        let repository = repository.parse().map_err(|_| invalid())?;
        let reference: Reference = reference.parse().map_err(|_| invalid())?;
        let digest = matches!(reference, Reference::Digest(_));
        if digest != text.contains('@') {
            return Err(invalid());
        }
        Ok(Self { repository, reference })
    }
}

/// What is on its way.
struct Luggage {
    /// The artifact, its parts, and what hangs on any of them.
    all: BTreeSet<i64>,
    /// Whose tags come along: those of the artifact, and of what hangs on something.
    tagged: BTreeSet<i64>,
}

/// Copies an artifact with all its tags, its parts, and what hangs on it. One that is there already only gets the tags.
///
/// # Errors
/// `NotFound` without the source, `Denied` when it is an accessory of something, which is copied with that, and when the
/// project may not store so much.
pub async fn copy(
    app: &App,
    to: &Grant<CreateArtifact>,
    from: &Grant<ReadArtifact>,
    destination: &RepositoryName,
    source: &Source,
) -> Result<()> {
    let now = app.clock.now();
    let limits = quota::limits(app).await?;
    let mut tx = app.db.begin().await?;
    let (into, out_of) = hold_both(&mut tx, to, from, destination, source, now).await?;
    let unknown = || super::artifacts::unknown(&source.repository, &source.reference);
    if tx.query_opt(sql::LIVE_PROJECT, params![to.project.id]).await?.is_none() {
        return Err(Error::not_found(format!("project {} not found", to.project.name)));
    }
    let (statement, text) = match &source.reference {
        Reference::Tag(tag) => (sql::SOURCE_BY_TAG, tag.as_str()),
        Reference::Digest(digest) => (sql::SOURCE_BY_DIGEST, digest.as_str()),
    };
    let found = tx.query_opt(statement, params![out_of.ok_or_else(unknown)?, text]).await?;
    let found = found.ok_or_else(unknown)?;
    let (id, digest, accessory): (i64, String, bool) = (found.get(0)?, found.get(1)?, found.get(2)?);
    let digest: Digest = digest.parse()?;
    if accessory {
        let message =
            format!("{}@{digest} is an accessory, and is copied with its subject", source.repository);
        return Err(Error::new(Code::Denied, message));
    }
    let there = tx.query_opt(rows::ARTIFACT_BY_DIGEST, params![into, digest.as_str()]).await?.is_some();
    let luggage = if there { Luggage::tags_of(id) } else { Luggage::pack(&mut tx, id).await? };
    let added = registry::link_needed(&mut tx, to.project.id, &luggage.all, now).await?;
    let mut touched = bring(&mut tx, into, &luggage.all, now).await?;
    touched.extend(bring_tags(&mut tx, into, &luggage.tagged, now).await?);
    relist_all(&mut tx, into, &touched, now).await?;
    let brought = artifact_by_digest(&mut tx, into, &digest).await?.ok_or_else(unknown)?;
    let tag = match &source.reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(_) => None,
    };
    let place = Place::new(to, destination, into, now);
    told::pushed(app, &mut tx, &place, (brought, &digest), tag).await?;
    quota::charge(&mut tx, limits, to.project.id, added).await?;
    Ok(tx.commit().await?)
}

/// The ids of destination, made if it is new, and source, with both rows held.
async fn hold_both(
    tx: &mut Tx,
    to: &Grant<CreateArtifact>,
    from: &Grant<ReadArtifact>,
    destination: &RepositoryName,
    source: &Source,
    now: Timestamp,
) -> Result<(i64, Option<i64>)> {
    if *destination == source.repository {
        let id = super::open_repository(tx, to.project.id, destination, now).await?;
        return Ok((id, Some(id)));
    }
    let mut out_of = None;
    if source.repository < *destination {
        out_of = hold(tx, from, &source.repository).await?;
    }
    let into = super::open_repository(tx, to.project.id, destination, now).await?;
    if *destination < source.repository {
        out_of = hold(tx, from, &source.repository).await?;
    }
    Ok((into, out_of))
}

async fn hold(tx: &mut Tx, from: &Grant<ReadArtifact>, name: &RepositoryName) -> Result<Option<i64>> {
    let row = tx.query_opt(sql::HOLD_SOURCE, params![from.project.id, name.as_str()]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

impl Luggage {
    fn tags_of(id: i64) -> Self {
        Self { all: BTreeSet::new(), tagged: BTreeSet::from([id]) }
    }

    /// Level by level, each once: what hangs on something may hang on it in a circle.
    async fn pack(tx: &mut Tx, id: i64) -> Result<Self> {
        let mut luggage = Self { all: BTreeSet::from([id]), tagged: BTreeSet::from([id]) };
        let mut level = luggage.all.clone();
        while !level.is_empty() {
            let parts = ids_in(tx, rows::CHILDREN_OF, &level).await?;
            let hanging = ids_in(tx, rows::HANGING_ON, &level).await?;
            luggage.tagged.extend(&hanging);
            level = parts.union(&hanging).copied().filter(|id| !luggage.all.contains(id)).collect();
            luggage.all.extend(&level);
        }
        Ok(luggage)
    }
}

/// Makes the copies, and answers which artifacts they are.
async fn bring(tx: &mut Tx, into: i64, artifacts: &BTreeSet<i64>, now: Timestamp) -> Result<BTreeSet<i64>> {
    for statement in sql::TIMED {
        each(tx, statement, artifacts, &[into.into(), now.into()]).await?;
    }
    for statement in sql::UNTIMED {
        each(tx, statement, artifacts, &[into.into()]).await?;
    }
    each(tx, sql::COPIES, artifacts, &[into.into()]).await
}

/// Brings the tags, and answers which artifacts have one more or one less.
async fn bring_tags(
    tx: &mut Tx,
    into: i64,
    artifacts: &BTreeSet<i64>,
    now: Timestamp,
) -> Result<BTreeSet<i64>> {
    let mut touched = each(tx, sql::LOSE_TAGS, artifacts, &[into.into()]).await?;
    each(tx, sql::COPY_TAGS, artifacts, &[into.into(), now.into()]).await?;
    touched.extend(each(tx, sql::COPIES, artifacts, &[into.into()]).await?);
    Ok(touched)
}

/// Runs a statement on all artifacts, in batches, and answers the ids that it answers.
async fn each(
    tx: &mut Tx,
    statement: &str,
    artifacts: &BTreeSet<i64>,
    rest: &[Value],
) -> Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    for (marks, mut values) in batches(artifacts.iter().copied()) {
        values.extend_from_slice(rest);
        for row in tx.query(&in_list(statement, &marks), &values).await? {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_source_has_a_repository_and_a_reference() {
        let digest = Digest::sha256(b"x");
        let tag: Source = "team/tools/web:v1".parse().unwrap();
        assert_eq!((tag.repository.as_str(), tag.reference.to_string()), ("team/tools/web", "v1".into()));
        let by_digest: Source = format!("team/web@{digest}").parse().unwrap();
        assert_eq!(by_digest.reference, Reference::Digest(digest.clone()));
        for bad in [
            "",
            "team/web",
            "web:v1",
            "team/web:",
            "team/web@v1",
            "team/web:-x",
            "team/web@sha256:1",
            "/web:v1",
            "team/../web:v1",
            "TEAM/web:v1",
            "host.test:5000/team/web:v1",
            &format!("team/web:v1@{digest}"),
            &format!("team/web:{digest}"),
        ] {
            assert_eq!(bad.parse::<Source>().unwrap_err().code, Code::BadRequest, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in "[a-c/@:.-]{0,16}") {
            if let Ok(source) = text.parse::<Source>() {
                let separator = if matches!(source.reference, Reference::Tag(_)) { ':' } else { '@' };
                prop_assert_eq!(format!("{}{separator}{}", source.repository, source.reference), text);
            }
        }
    }
}
