//! A registry as a large company has it: many projects of many repositories with artifacts, tags, labels and a long audit
//! log, made by writing rows into the database of a Haven that is not running.
//!
//! Everything that lists and searches show is there; the bytes and the links of blobs are not.

mod sql;

use bytes::Bytes;
use clap::Args;
use haven_db::{Db, Engine, Tx, Value, params};
use serde_json::json;
use std::collections::HashMap;

use crate::growth::Place;
use crate::rows::insert;
use crate::{Result, blob};

/// How large.
#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    pub(crate) projects: u64,
    /// Of each project.
    #[arg(long, default_value_t = 100)]
    pub(crate) repositories: u64,
    /// Of each repository.
    #[arg(long, default_value_t = 10)]
    pub(crate) artifacts: u64,
    /// Of each artifact.
    #[arg(long, default_value_t = 5)]
    pub(crate) tags: u64,
    /// Audit records for each project.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) records: u64,
    #[command(flatten)]
    place: Place,
}

/// Labels of the whole system; every artifact has one.
const LABELS: u64 = 10;
/// Records of one statement.
const RECORDS: u64 = 1_000;
/// Projects of one transaction.
const COMMIT: u64 = 20;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SIZE: i64 = 4_096;

/// The names by which load is aimed.
pub(crate) fn project(number: u64) -> String {
    format!("team{number:04}")
}

pub(crate) fn repository(number: u64) -> String {
    format!("service{number:03}")
}

/// A tag of an artifact, both by their numbers.
pub(crate) fn tag(artifact: u64, number: u64) -> String {
    format!("v{artifact}.{number}")
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let db = options.place.open().await?;
    fill(&db, options).await?;
    db.close().await;
    Ok(())
}

async fn fill(db: &Db, options: &Options) -> Result<()> {
    let labels = labels(db).await?;
    let mut from = 0;
    while from < options.projects {
        let mut tx = db.begin().await?;
        if tx.engine() == Engine::Sqlite {
            tx.query(sql::CACHE, &[]).await?;
        }
        let to = options.projects.min(from + COMMIT);
        for number in from..to {
            fill_project(&mut tx, options, number, &labels).await?;
        }
        tx.commit().await?;
        from = to;
    }
    // Neither engine is to plan with what it knew of empty tables.
    db.execute(sql::ANALYZE, &[]).await?;
    Ok(())
}

async fn labels(db: &Db) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for number in 0..LABELS {
        let row = db.query_one(sql::INSERT_LABEL, params![format!("label{number}")]).await?;
        ids.push(row.get(0)?);
    }
    Ok(ids)
}

async fn fill_project(tx: &mut Tx, options: &Options, number: u64, labels: &[i64]) -> Result<()> {
    let (name, count) = (project(number), i64::try_from(options.repositories)?);
    let row = params![name.as_str(), number % 2 == 0, count, moment(number)?];
    let id: i64 = tx.query_one(sql::INSERT_PROJECT, row).await?.get(0)?;
    for statement in [sql::INSERT_MEMBER, sql::INSERT_QUOTA, sql::INSERT_ALLOWLIST] {
        tx.execute(statement, params![id]).await?;
    }
    let mut rows: Vec<Value> = Vec::new();
    for repository in 0..options.repositories {
        let (name, artifacts) = (format!("{name}/{}", self::repository(repository)), i64::try_from(options.artifacts)?);
        let created = moment(number * options.repositories + repository)?;
        rows.extend([id.into(), name.into(), artifacts.into(), created.into(), created.into()]);
    }
    let repositories = insert(tx, sql::REPOSITORIES, sql::RETURNING_ID, 5, rows).await?;
    for (at, row) in repositories.iter().enumerate() {
        let first = (number * options.repositories + at as u64) * options.artifacts;
        fill_repository(tx, options, id, row.get(0)?, first, labels).await?;
    }
    records(tx, options, id, number).await
}

/// An artifact's tags carry its number within the repository, so names are aimed at without asking.
async fn fill_repository(
    tx: &mut Tx,
    options: &Options,
    project: i64,
    repository: i64,
    first: u64,
    labels: &[i64],
) -> Result<()> {
    let made: Vec<(String, String)> = (first..first + options.artifacts).map(manifest).collect();
    let manifests = made.iter().flat_map(|(digest, content)| {
        [Value::from(digest), Bytes::from(content.clone()).into()]
    });
    insert(tx, sql::MANIFESTS, "", 2, manifests.collect()).await?;
    let mut artifacts: Vec<Value> = Vec::new();
    for (at, (digest, content)) in made.iter().enumerate() {
        let (size, pushed) = (i64::try_from(content.len())?, moment(first + at as u64)?);
        artifacts.extend([project.into(), repository.into(), digest.into(), "IMAGE".into(), CONFIG.into()]);
        artifacts.extend([MANIFEST.into(), size.into(), (size + 2 * SIZE).into(), true.into(), pushed.into()]);
        artifacts.push(r#"{"architecture":"amd64","os":"linux"}"#.into());
    }
    let mut ids: HashMap<String, i64> = HashMap::new();
    for row in insert(tx, sql::ARTIFACTS, sql::RETURNING_DIGEST, 11, artifacts).await? {
        ids.insert(row.get(1)?, row.get(0)?);
    }
    let (mut tags, mut labelled): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (at, (digest, _)) in made.iter().enumerate() {
        let id = *ids.get(digest).ok_or("an artifact has no id")?;
        for number in 0..options.tags {
            tags.extend([repository.into(), id.into(), tag(at as u64, number).into(), moment(number)?.into()]);
        }
        labelled.extend([id.into(), labels[at % labels.len()].into(), 0.into()]);
    }
    insert(tx, sql::TAGS, "", 4, tags).await?;
    insert(tx, sql::LABELLED, "", 3, labelled).await.map(drop)
}

fn manifest(number: u64) -> (String, String) {
    let named = |what: &str| blob::digest(format!("{what} {number}").as_bytes());
    let content = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": named("config"), "size": SIZE },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": named("layer"), "size": SIZE }],
    })
    .to_string();
    (blob::digest(content.as_bytes()), content)
}

async fn records(tx: &mut Tx, options: &Options, project: i64, number: u64) -> Result<()> {
    let mut from = 0;
    while from < options.records {
        let to = options.records.min(from + RECORDS);
        let mut rows: Vec<Value> = Vec::new();
        for record in from..to {
            let resource = format!("{}/{}:{}", self::project(number), repository(record % 100), tag(record % 10, 0));
            rows.extend([project.into(), "admin".into(), "create".into(), "artifact".into(), resource.into()]);
            rows.extend([Value::from(""), true.into(), moment(number * options.records + record)?.into()]);
        }
        insert(tx, sql::RECORDS, "", 8, rows).await?;
        from = to;
    }
    Ok(())
}

/// Moments that are all different, a second apart, after the first of 2024.
fn moment(number: u64) -> Result<i64> {
    Ok((1_704_067_200 + i64::try_from(number)?) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use haven_db::testing::{engines, fresh};

    #[tokio::test]
    async fn everything_is_there_as_often_as_it_was_asked_for() {
        for engine in engines() {
            let db = fresh(engine).await.unwrap();
            let place = Place { sqlite: None, postgres: None };
            let options = Options { projects: 3, repositories: 4, artifacts: 2, tags: 5, records: 7, place };
            fill(&db, &options).await.unwrap();
            let row = db.query_one(sql::COUNT, params![]).await.unwrap();
            let counts: Vec<i64> = (0..5).map(|at| row.get(at).unwrap()).collect();
            // The schema brings a project.
            assert_eq!(counts, [3 + 1, 12, 24, 120, 21]);
        }
    }
}
