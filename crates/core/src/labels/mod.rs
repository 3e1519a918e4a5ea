//! Labels: words that artifacts carry, made for the whole registry or for one project. Owns `label` and
//! `artifact_label`; what an artifact or a label takes along when it goes is said by the keys between the tables.

mod attach;
mod manage;
mod sql;

pub use attach::{add, remove};
pub use manage::{NewLabel, Text, Wanted, create, delete, get, list, update};

use crate::{App, Error, Result};
use haven_db::{Read, Row, Timestamp, Tx, params};

/// Where a label may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the whole registry.
    Global,
    /// In the project of this id.
    Project(i64),
}

impl Scope {
    /// The letter on the wire and in the table.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Global => "g",
            Self::Project(_) => "p",
        }
    }

    /// The project, 0 for the whole registry.
    pub fn project(self) -> i64 {
        match self {
            Self::Global => 0,
            Self::Project(id) => id,
        }
    }
}

/// A label as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub color: String,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("label {id} not found"))
}

async fn by_id(app: &App, id: i64) -> Result<Option<Label>> {
    app.db.query_opt(sql::BY_ID, params![id]).await?.map(|row| sql::label(&row)).transpose()
}

/// The question for the labels of a page of artifacts.
pub(crate) fn of_artifacts(artifacts: impl IntoIterator<Item = i64>) -> Read {
    Read::about(sql::OF_ARTIFACTS, artifacts, &[])
}

/// A label in its answer, with the artifact that carries it.
pub(crate) fn of_artifact(row: &Row) -> Result<(i64, Label)> {
    Ok((row.get(8)?, sql::label(row)?))
}

/// Removes the labels of a project that goes.
pub(crate) async fn forget_project(tx: &mut Tx, project: i64) -> Result<()> {
    tx.execute(sql::DELETE_OF_PROJECT, params![project]).await?;
    Ok(())
}
