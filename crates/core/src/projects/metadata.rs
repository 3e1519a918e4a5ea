//! The properties of a project, which are texts under the names of the REST API. `public` is a column, for rights
//! depend on it; the others are rows.

use super::sql;
use crate::access::{
    Grant,
    permissions::{CreateMetadata, DeleteMetadata, ListMetadata, ReadMetadata, UpdateMetadata},
};
use crate::{App, Code, Error, Result};
use haven_db::{Tx, params};
use std::collections::BTreeMap;

/// Properties by their name, as on the wire.
pub type Metadata = BTreeMap<String, String>;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    /// From which severity on a vulnerability counts.
    Severity,
}

pub(super) const PUBLIC: &str = "public";
/// Belongs to the rules of retention, which set it.
const RETENTION: &str = "retention_id";
/// What anybody may set who may change the project. Those that only a proxy cache has are left out, as they are dropped
/// from a project that is none.
const PROPERTIES: [(&str, Kind); 8] = [
    (PUBLIC, Kind::Flag),
    ("enable_content_trust", Kind::Flag),
    ("enable_content_trust_cosign", Kind::Flag),
    ("prevent_vul", Kind::Flag),
    ("severity", Kind::Severity),
    ("auto_scan", Kind::Flag),
    ("auto_sbom_generation", Kind::Flag),
    ("reuse_sys_cve_allowlist", Kind::Flag),
];
const SEVERITIES: [&str; 5] = ["none", "low", "medium", "high", "critical"];
const MAX_VALUE: usize = 255;

fn kind(key: &str) -> Option<Kind> {
    PROPERTIES.iter().find(|(known, _)| *known == key).map(|(_, kind)| *kind)
}

/// What `public` of a whole project says; nothing when it is empty or absent.
///
/// # Errors
/// `BadRequest` for what is neither true nor false.
pub(super) fn public(given: &Metadata) -> Result<Option<bool>> {
    match given.get(PUBLIC).map_or("", String::as_str) {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        other => Err(Error::bad_request(format!(
            "metadata.public should only be 'true' or 'false', but got: '{other}'"
        ))),
    }
}

/// The rows that the properties of a whole project become; what is none of ours is dropped.
///
/// # Errors
/// `BadRequest` for a value that is too long.
pub(super) fn rows(given: &Metadata) -> Result<Vec<(&str, String)>> {
    let ours = given.iter().filter(|(key, _)| *key != PUBLIC && kind(key).is_some());
    ours.map(|(key, value)| match kind(key) {
        _ if value.len() > MAX_VALUE => Err(invalid_value(value)),
        Some(Kind::Severity) => Ok((key.as_str(), value.to_lowercase())),
        _ => Ok((key.as_str(), value.clone())),
    })
    .collect()
}

/// The rules of retention may be repeated, as clients send back what they read, but not chosen.
///
/// # Errors
/// `BadRequest` when it is not what is stored.
pub(super) fn check_retention(given: &Metadata, stored: &str) -> Result<()> {
    match given.get(RETENTION) {
        Some(value) if value != stored => {
            Err(Error::bad_request(format!("invalid value: {value}, {RETENTION} cannot be set")))
        }
        _ => Ok(()),
    }
}

/// The value of one property by itself, in one spelling.
///
/// # Errors
/// `BadRequest` for a name or a value that cannot be.
fn checked(key: &str, value: &str) -> Result<String> {
    let one = match kind(key).ok_or_else(|| invalid_key(key))? {
        Kind::Flag => parse_flag(value).map(|flag| flag.to_string()),
        Kind::Severity => severity(value).map(str::to_owned),
    };
    one.ok_or_else(|| invalid_value(value))
}

/// How a stored value is shown: a severity that is none of ours may count for nothing, but is seen.
pub(super) fn shown(key: &str, value: String) -> String {
    match kind(key) {
        Some(Kind::Severity) => severity(&value).unwrap_or("unknown").to_owned(),
        _ => value,
    }
}

/// The spellings of Go.
fn parse_flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn severity(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    if text == "negligible" {
        return Some("none");
    }
    SEVERITIES.into_iter().find(|known| *known == text)
}

fn invalid_key(key: &str) -> Error {
    Error::bad_request(format!("invalid key: {}", beginning(key)))
}

fn invalid_value(value: &str) -> Error {
    Error::bad_request(format!("invalid value: {}", beginning(value)))
}

fn beginning(text: &str) -> String {
    text.chars().take(MAX_VALUE).collect()
}

/// All properties of a project.
///
/// # Errors
/// When the database fails.
pub async fn list_metadata(app: &App, grant: &Grant<ListMetadata>) -> Result<Metadata> {
    let mut all = Metadata::from([(PUBLIC.to_owned(), grant.project.public.to_string())]);
    for row in app.db.query(sql::METADATA, params![grant.project.id]).await? {
        let key: String = row.get(0)?;
        let value = shown(&key, row.get(1)?);
        all.insert(key, value);
    }
    Ok(all)
}

/// One property of a project, if it is set.
///
/// # Errors
/// When the database fails.
pub async fn metadata(app: &App, grant: &Grant<ReadMetadata>, key: &str) -> Result<Option<String>> {
    if key == PUBLIC {
        return Ok(Some(grant.project.public.to_string()));
    }
    let row = app.db.query_opt(sql::ONE_METADATA, params![grant.project.id, key]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?.map(|value| shown(key, value)))
}

/// Sets a property that is not set yet.
///
/// # Errors
/// `BadRequest` unless it is one property with a value that it can have, `Conflict` when it is set.
pub async fn add_metadata(app: &App, grant: &Grant<CreateMetadata>, given: &Metadata) -> Result<()> {
    let (key, value) = only(given)?;
    let value = checked(key, value)?;
    let mut tx = app.db.begin().await?;
    super::touch(&mut tx, &grant.project, app.clock.now()).await?;
    let set = params![grant.project.id, key, value];
    if key == PUBLIC || tx.execute(sql::INSERT_METADATA, set).await? == 0 {
        return Err(Error::new(Code::Conflict, format!("the metadata {key} already exists")));
    }
    super::record_update(app, &mut tx, grant).await?;
    Ok(tx.commit().await?)
}

/// Sets the property of that name, whether or not it was set before.
///
/// # Errors
/// `BadRequest` unless exactly this property is given, with a value that it can have.
pub async fn set_metadata(
    app: &App,
    grant: &Grant<UpdateMetadata>,
    key: &str,
    given: &Metadata,
) -> Result<()> {
    let (given, value) = only(given)?;
    if given != key {
        return Err(invalid_key(given));
    }
    let value = checked(key, value)?;
    let mut tx = app.db.begin().await?;
    super::touch(&mut tx, &grant.project, app.clock.now()).await?;
    if key == PUBLIC {
        tx.execute(sql::SET_PUBLIC, params![grant.project.id, value == "true"]).await?;
    } else {
        put(&mut tx, grant.project.id, key, &value).await?;
    }
    super::record_update(app, &mut tx, grant).await?;
    Ok(tx.commit().await?)
}

/// Takes a property away, whichever it is; a project without `public` is private.
///
/// # Errors
/// `NotFound` when the project has been deleted meanwhile.
pub async fn remove_metadata(app: &App, grant: &Grant<DeleteMetadata>, key: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    super::touch(&mut tx, &grant.project, app.clock.now()).await?;
    if key == PUBLIC {
        tx.execute(sql::SET_PUBLIC, params![grant.project.id, false]).await?;
    } else {
        tx.execute(sql::DELETE_ONE_METADATA, params![grant.project.id, key]).await?;
    }
    super::record_update(app, &mut tx, grant).await?;
    Ok(tx.commit().await?)
}

fn only(given: &Metadata) -> Result<(&str, &str)> {
    match given.first_key_value() {
        Some((key, value)) if given.len() == 1 => Ok((key, value)),
        _ => Err(Error::bad_request("only allow one key/value pair")),
    }
}

/// Writes a row, new or not.
pub(super) async fn put(tx: &mut Tx, project: i64, key: &str, value: &str) -> Result<()> {
    tx.execute(sql::PUT_METADATA, params![project, key, value]).await?;
    Ok(())
}

/// The rules of retention of a project; empty when it has none.
pub(super) async fn retention(tx: &mut Tx, project: i64) -> Result<String> {
    let row = tx.query_opt(sql::ONE_METADATA, params![project, RETENTION]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn one_property_has_one_spelling() {
        for (key, value, kept) in [
            ("auto_scan", "1", "true"),
            ("auto_scan", "T", "true"),
            ("public", "False", "false"),
            ("reuse_sys_cve_allowlist", "f", "false"),
            ("severity", "HIGH", "high"),
            ("severity", "Negligible", "none"),
        ] {
            assert_eq!(checked(key, value).unwrap(), kept, "{key} {value}");
        }
        for (key, value, why) in [
            ("auto_scan", "yes", "invalid value: yes"),
            ("auto_scan", "tRUE", "invalid value: tRUE"),
            ("auto_scan", "", "invalid value: "),
            ("severity", "awful", "invalid value: awful"),
            ("severity", "unknown", "invalid value: unknown"),
            ("colour", "red", "invalid key: colour"),
            ("retention_id", "1", "invalid key: retention_id"),
            ("proxy_speed_kb", "1", "invalid key: proxy_speed_kb"),
            ("", "", "invalid key: "),
        ] {
            assert_eq!(checked(key, value).unwrap_err().message, why);
        }
    }

    #[test]
    fn the_properties_of_a_whole_project_are_taken_as_they_are() {
        let all = given(&[
            ("public", "true"),
            ("auto_scan", "perhaps"),
            ("severity", "Awful"),
            ("proxy_speed_kb", "7"),
            ("colour", "red"),
        ]);
        let kept = [("auto_scan", "perhaps".to_owned()), ("severity", "awful".to_owned())];
        assert_eq!(rows(&all).unwrap(), kept);
        assert_eq!(shown("severity", "awful".into()), "unknown");
        assert_eq!(shown("severity", "NEGLIGIBLE".into()), "none");
        assert_eq!(shown("auto_scan", "perhaps".into()), "perhaps");
        let long = given(&[("auto_scan", &"x".repeat(256))]);
        assert!(rows(&long).is_err());
    }

    #[test]
    fn public_is_true_or_false_or_not_said() {
        assert_eq!(public(&given(&[])).unwrap(), None);
        assert_eq!(public(&given(&[("public", "")])).unwrap(), None);
        assert_eq!(public(&given(&[("public", "true")])).unwrap(), Some(true));
        assert_eq!(public(&given(&[("public", "false")])).unwrap(), Some(false));
        let refused = public(&given(&[("public", "True")])).unwrap_err().message;
        assert_eq!(refused, "metadata.public should only be 'true' or 'false', but got: 'True'");
    }

    #[test]
    fn rules_of_retention_can_only_be_repeated() {
        assert!(check_retention(&given(&[]), "7").is_ok());
        assert!(check_retention(&given(&[("retention_id", "7")]), "7").is_ok());
        assert!(check_retention(&given(&[("retention_id", "")]), "").is_ok());
        for (value, stored) in [("8", "7"), ("7", ""), ("", "7")] {
            assert!(check_retention(&given(&[("retention_id", value)]), stored).is_err());
        }
    }
}
