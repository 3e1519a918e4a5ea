//! A registry as a large company has it: many projects of many repositories with artifacts, tags, labels and a long audit
//! log, made by writing rows into the database of a Haven that is not running.
//!
//! Everything that lists and searches show is there; the bytes and the links of blobs are not. All projects are alike, so
//! that what a list has to answer is known by number.

mod sql;

use bytes::Bytes;
use clap::Args;
use haven_db::{Db, Engine, Row, Tx, Value, params};
use serde_json::json;
use std::collections::HashMap;

use crate::growth::Place;
use crate::rows::insert;
use crate::{Result, blob};

/// How large, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// How many projects there are to be.
    #[arg(long)]
    projects: u64,
    /// How many lines of the audit log about each project.
    #[arg(long, default_value_t = RECORDS)]
    records: u64,
    #[command(flatten)]
    place: Place,
}

/// Of each project.
pub(crate) const REPOSITORIES: u64 = 100;
/// Of each repository.
pub(crate) const ARTIFACTS: u64 = 10;
/// Of each artifact, which has one label, too.
pub(crate) const TAGS: u64 = 5;
/// Lines of the audit log about each project, unless another number is asked for.
pub(crate) const RECORDS: u64 = 1_000;
/// What the schema brings: the project `library`.
pub(crate) const EARLIER_PROJECTS: u64 = 1;

/// Labels of the whole system.
const LABELS: u64 = 10;
/// Projects of one transaction with the usual number of lines. Digests fall on pages all over the database; few commits
/// write each page few times.
const COMMIT: u64 = 50;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SIZE: i64 = 4_096;

/// The names by which load is aimed.
pub(crate) fn project(number: u64) -> String {
    format!("team{number:04}")
}

/// By its number in the project, without the project's name.
pub(crate) fn repository(number: u64) -> String {
    format!("service{number:03}")
}

/// By the artifact's number in the repository and its own.
pub(crate) fn tag(artifact: u64, number: u64) -> String {
    format!("v{artifact}.{number}")
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let db = options.place.open().await?;
    fill(&db, options.projects, options.records).await?;
    db.close().await;
    Ok(())
}

async fn fill(db: &Db, projects: u64, records: u64) -> Result<()> {
    let labels = labels(db).await?;
    let commit = (COMMIT * RECORDS / records.max(1)).clamp(1, COMMIT);
    let mut from = 0;
    while from < projects {
        let mut tx = db.begin().await?;
        if tx.engine() == Engine::Sqlite {
            tx.query(sql::CACHE, &[]).await?;
        }
        let to = projects.min(from + commit);
        for number in from..to {
            fill_project(&mut tx, number, records, &labels).await?;
        }
        tx.commit().await?;
        from = to;
    }
    // The program counts lines as they come, some minutes later; here they came long ago.
    for statement in sql::COUNT_RECORDS {
        db.execute(statement, &[]).await?;
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

async fn fill_project(tx: &mut Tx, number: u64, records: u64, labels: &[i64]) -> Result<()> {
    let row = params![project(number), number.is_multiple_of(2), moment(number)?];
    let id: i64 = tx.query_one(sql::INSERT_PROJECT, row).await?.get(0)?;
    for statement in [sql::INSERT_MEMBER, sql::INSERT_QUOTA, sql::INSERT_ALLOWLIST] {
        tx.execute(statement, params![id]).await?;
    }
    let name = |at: u64| format!("{}/{}", project(number), repository(at));
    let mut rows: Vec<Value> = Vec::new();
    for at in 0..REPOSITORIES {
        let (artifacts, created) = (i64::try_from(ARTIFACTS)?, moment(number * REPOSITORIES + at)?);
        rows.extend([id.into(), name(at).into(), artifacts.into(), created.into(), created.into()]);
    }
    let repositories = ids(&insert(tx, sql::REPOSITORIES, sql::RETURNING_NAME, 5, rows).await?)?;
    tx.execute(sql::INSERT_PARTS, params![id]).await?;
    let mut all = Vec::new();
    for at in 0..REPOSITORIES {
        let repository = *repositories.get(&name(at)).ok_or("a repository has no id")?;
        let first = (number * REPOSITORIES + at) * ARTIFACTS;
        all.extend((0..ARTIFACTS).map(|place| Made::new(repository, place, first + place)));
    }
    artifacts(tx, id, &all, labels).await?;
    record(tx, id, number, records).await
}

/// One artifact as it lies in several tables.
struct Made {
    repository: i64,
    /// Its number in the repository, which its tags carry.
    place: u64,
    /// Its number of all.
    number: u64,
    content: String,
    digest: String,
}

impl Made {
    fn new(repository: i64, place: u64, number: u64) -> Self {
        let named = |what: &str| blob::digest(format!("{what} {number}").as_bytes());
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let content = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": named("config"), "size": SIZE },
            "layers": [{ "mediaType": layer, "digest": named("layer"), "size": SIZE }],
        })
        .to_string();
        let digest = blob::digest(content.as_bytes());
        Self { repository, place, number, content, digest }
    }

    fn artifact(&self, project: i64) -> Result<[Value; 11]> {
        let (size, pushed) = (i64::try_from(self.content.len())?, moment(self.number)?);
        Ok([
            project.into(),
            self.repository.into(),
            (&self.digest).into(),
            "IMAGE".into(),
            CONFIG.into(),
            MANIFEST.into(),
            size.into(),
            (size + 2 * SIZE).into(),
            true.into(),
            pushed.into(),
            r#"{"architecture":"amd64","os":"linux"}"#.into(),
        ])
    }
}

/// All artifacts of a project with their tags and labels.
async fn artifacts(tx: &mut Tx, project: i64, all: &[Made], labels: &[i64]) -> Result<()> {
    let manifests =
        all.iter().flat_map(|it| [Value::from(&it.digest), Bytes::from(it.content.clone()).into()]);
    insert(tx, sql::MANIFESTS, "", 2, manifests.collect()).await?;
    let mut rows: Vec<Value> = Vec::new();
    for it in all {
        rows.extend(it.artifact(project)?);
    }
    let ids = ids(&insert(tx, sql::ARTIFACTS, sql::RETURNING_DIGEST, 11, rows).await?)?;
    let (mut tags, mut labelled): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (it, label) in all.iter().zip(labels.iter().cycle()) {
        let id = *ids.get(&it.digest).ok_or("an artifact has no id")?;
        for number in 0..TAGS {
            let pushed = moment(it.number)? + i64::try_from(number)?;
            tags.extend([it.repository.into(), id.into(), tag(it.place, number).into(), pushed.into()]);
        }
        labelled.extend([id.into(), (*label).into(), 0.into()]);
    }
    insert(tx, sql::TAGS, "", 4, tags).await?;
    insert(tx, sql::LABELLED, "", 3, labelled).await.map(drop)
}

async fn record(tx: &mut Tx, project: i64, number: u64, records: u64) -> Result<()> {
    let mut rows: Vec<Value> = Vec::new();
    for record in 0..records {
        let repository = repository(record % REPOSITORIES);
        let resource = format!("{}/{repository}:{}", self::project(number), tag(record % ARTIFACTS, 0));
        rows.extend([project.into(), "admin".into(), "create".into(), "artifact".into()]);
        rows.extend([resource.into(), Value::from(""), true.into()]);
        rows.push(moment(number * records + record)?.into());
    }
    insert(tx, sql::RECORDS, "", 8, rows).await.map(drop)
}

/// Ids by the name or digest that stands beside each.
fn ids(rows: &[Row]) -> Result<HashMap<String, i64>> {
    rows.iter().map(|row| Ok((row.get(1)?, row.get(0)?))).collect()
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
    async fn everything_is_there_as_often_as_it_is_to_be() {
        for engine in engines() {
            let db = fresh(engine).await.unwrap();
            fill(&db, 2, 1_500).await.unwrap();
            let row = db.query_one(sql::COUNT, params![]).await.unwrap();
            let counts: Vec<i64> = (0..9).map(|at| row.get(at).unwrap()).collect();
            assert_eq!(counts, [2 + 1, 200, 2_000, 10_000, 2_000, 3_000, 3_000, 0, 2]);
        }
    }
}
