//! A registry with very many artifacts, made by writing rows into the database of a Haven that is not running.
//!
//! Every artifact is a manifest of its own with a tag, a configuration of its own and a layer shared with others, spread
//! over a thousand repositories of the project `library`. The bytes of the blobs are not there; manifests can be pulled.

mod sql;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use haven_db::{Db, Engine, Options as Database, PostgresOptions, SqliteOptions, Tx, Value, params};
use serde_json::json;

use crate::rows::insert;
use crate::{Result, blob};

/// How many, where to.
#[derive(Args)]
pub(crate) struct Options {
    /// How many artifacts there are to be.
    #[arg(long)]
    artifacts: u64,
    #[command(flatten)]
    place: Place,
}

/// The database that is filled.
#[derive(Args)]
pub(crate) struct Place {
    /// The file of an SQLite database in which Haven made its schema.
    #[arg(long, required_unless_present = "postgres")]
    pub(crate) sqlite: Option<PathBuf>,
    /// Or the URL of a PostgreSQL database.
    #[arg(long, conflicts_with = "sqlite")]
    pub(crate) postgres: Option<String>,
}

impl Place {
    pub(crate) async fn open(&self) -> Result<Db> {
        let place = match (&self.sqlite, &self.postgres) {
            // A database that a power cut spoils is made again.
            (Some(path), _) => Database::Sqlite(SqliteOptions { durable: false, ..SqliteOptions::new(path) }),
            (None, Some(url)) => Database::Postgres(PostgresOptions::new(url)),
            (None, None) => return Err("no database".into()),
        };
        Ok(Db::open(place).await?)
    }
}

const REPOSITORIES: u64 = 1_000;
/// As many artifacts share a layer.
const SHARED: u64 = 100;
/// Artifacts that are made at once.
const ROWS: u64 = 1_000;
/// Artifacts of one transaction. Digests fall on pages all over the database; few commits write each page few times.
const COMMIT: u64 = 200_000;
/// The id of the project.
const LIBRARY: i64 = 1;

/// Repository and tag of the artifact with this number.
pub(crate) fn name(number: u64) -> (String, String) {
    (format!("library/growth{:03}", number % REPOSITORIES), format!("v{}", number / REPOSITORIES))
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let db = options.place.open().await?;
    fill(&db, options.artifacts).await?;
    db.close().await;
    Ok(())
}

async fn fill(db: &Db, count: u64) -> Result<()> {
    let repositories = repositories(db, count).await?;
    let mut from = 0;
    while from < count {
        let mut tx = db.begin().await?;
        if tx.engine() == Engine::Sqlite {
            tx.query(sql::CACHE, &[]).await?;
        }
        let end = count.min(from + COMMIT);
        while from < end {
            let to = end.min(from + ROWS);
            artifacts(&mut tx, from..to, &repositories).await?;
            from = to;
        }
        tx.commit().await?;
    }
    db.execute(sql::COUNT, &[]).await?;
    // Neither engine is to plan with what it knew of empty tables.
    db.execute(sql::ANALYZE, &[]).await?;
    Ok(())
}

/// The ids of the repositories, by number.
async fn repositories(db: &Db, artifacts: u64) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    let mut tx = db.begin().await?;
    for number in 0..REPOSITORIES.min(artifacts) {
        let row = tx.query_one(sql::INSERT_REPOSITORY, params![LIBRARY, name(number).0]).await?;
        ids.push(row.get(0)?);
    }
    tx.commit().await?;
    Ok(ids)
}

/// One artifact as it lies in several tables.
struct Made {
    number: u64,
    content: String,
    digest: String,
    config: String,
    layer: String,
}

impl Made {
    fn new(number: u64) -> Self {
        let config = blob::digest(format!("config {number}").as_bytes());
        let layer = blob::digest(format!("layer {}", number / SHARED).as_bytes());
        let content = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": config, "size": SIZE },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": SIZE }],
        })
        .to_string();
        let digest = blob::digest(content.as_bytes());
        Self { number, content, digest, config, layer }
    }

    fn artifact(&self, repositories: &[i64]) -> Result<[Value; 11]> {
        let repository = usize::try_from(self.number % REPOSITORIES)?;
        let repository = *repositories.get(repository).ok_or("a repository was not made")?;
        let size = i64::try_from(self.content.len())?;
        Ok([
            LIBRARY.into(),
            repository.into(),
            (&self.digest).into(),
            "IMAGE".into(),
            CONFIG.into(),
            MANIFEST.into(),
            size.into(),
            (size + 2 * SIZE).into(),
            true.into(),
            i64::try_from(self.number)?.into(),
            "{}".into(),
        ])
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SIZE: i64 = 4_096;

async fn artifacts(tx: &mut Tx, numbers: std::ops::Range<u64>, repositories: &[i64]) -> Result<()> {
    let made: Vec<Made> = numbers.map(Made::new).collect();
    let manifests =
        made.iter().flat_map(|it| [Value::from(&it.digest), Bytes::from(it.content.clone()).into()]);
    insert(tx, sql::MANIFESTS, "", 2, manifests.collect()).await?;
    let mut values = Vec::new();
    for it in &made {
        values.extend(it.artifact(repositories)?);
    }
    let rows = insert(tx, sql::ARTIFACTS, sql::RETURNING, 11, values).await?;
    let mut ids = std::collections::HashMap::new();
    for row in rows {
        ids.insert(row.get::<String>(1)?, row.get::<i64>(0)?);
    }
    let (mut tags, mut blobs, mut links, mut uses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for it in &made {
        let id = *ids.get(&it.digest).ok_or("an artifact has no id")?;
        let repository = it.artifact(repositories)?[1].clone();
        tags.extend([repository, id.into(), name(it.number).1.into(), i64::try_from(it.number)?.into()]);
        for digest in [&it.config, &it.layer] {
            blobs.extend([Value::from(digest), SIZE.into(), 0.into()]);
            links.extend([LIBRARY.into(), Value::from(digest), 0.into()]);
            uses.extend([id.into(), LIBRARY.into(), Value::from(digest)]);
        }
    }
    insert(tx, sql::TAGS, "", 4, tags).await?;
    insert(tx, sql::BLOBS, sql::KNOWN, 3, blobs).await?;
    insert(tx, sql::LINKS, sql::KNOWN, 3, links).await?;
    insert(tx, sql::USES, "", 3, uses).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use haven_db::testing::{engines, fresh};

    #[tokio::test]
    async fn what_was_filled_can_be_found() {
        for engine in engines() {
            let db = fresh(engine).await.unwrap();
            fill(&db, 2_100).await.unwrap();
            let (repository, tag) = name(2_050);
            let row = db.query_one(sql::FIND, params![repository, tag]).await.unwrap();
            let content: Vec<u8> = row.get(1).unwrap();
            assert_eq!(row.get::<String>(0).unwrap(), blob::digest(&content));
            assert_eq!(row.get::<i64>(2).unwrap(), 3, "artifacts of the repository");
            assert_eq!(row.get::<i64>(3).unwrap(), 2, "blobs of the artifact");
        }
    }
}
