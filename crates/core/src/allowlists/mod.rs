//! Vulnerabilities that keep nobody from pulling: one list for the system, and one for each project. Owns
//! `cve_allowlist`.

mod sql;

use crate::access::{Caller, SystemGrant, permissions::Administer, require_reader_of_all};
use crate::{App, Error, Result};
use haven_db::{Read, Row, Timestamp, Tx, params};
use std::collections::{HashMap, HashSet};

/// The list of the whole system, in the place of a project's number.
const SYSTEM: i64 = 0;
/// More vulnerabilities than anybody has looked at one by one.
const MAX_ITEMS: usize = 10_000;
const MAX_NAME: usize = 255;
/// Bytes of all names together. Everybody who may see a project can ask for its list, as often as they like.
const MAX_NAMES: usize = 64 << 10;
/// As many bytes of a project's list does a list of projects show, as it is stored, and no longer one.
const MOST_OF_ONE: i64 = 8 << 10;
/// So many may all of them have together.
const MOST_OF_ALL: i64 = 1 << 20;
/// An empty list, as it is stored.
const NOTHING: i64 = 2;
/// The last second of the year 9999, after which times cannot be written.
const LAST_SECOND: i64 = 253_402_300_799;

/// A list as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowlist {
    pub id: i64,
    /// Zero for the list of the system.
    pub project_id: i64,
    /// In the order given.
    pub items: Vec<String>,
    /// The list counts no longer then.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a list is to say, as somebody asks for it; everything that it said before goes.
#[derive(Clone, Debug, Default)]
pub struct NewAllowlist {
    pub items: Vec<String>,
    /// In seconds after 1970.
    pub expires_at: Option<i64>,
}

/// The same, where it can be said.
#[derive(Debug)]
pub(crate) struct Checked {
    items: Vec<String>,
    expires_at: Option<Timestamp>,
}

impl NewAllowlist {
    /// # Errors
    /// `BadRequest` for a name that is none or stands there twice, and for a time that cannot be.
    pub(crate) fn check(self) -> Result<Checked> {
        let Self { items, expires_at } = self;
        if items.len() > MAX_ITEMS {
            return Err(Error::bad_request(format!("an allowlist has at most {MAX_ITEMS} items")));
        }
        if items.iter().map(String::len).sum::<usize>() > MAX_NAMES {
            let text = format!("the CVE IDs of an allowlist have at most {MAX_NAMES} bytes together");
            return Err(Error::bad_request(text));
        }
        let mut seen = HashSet::with_capacity(items.len());
        for item in &items {
            let is_name = !item.is_empty() && item.len() <= MAX_NAME;
            if !is_name || !item.bytes().all(|byte| byte.is_ascii_graphic()) {
                let beginning: String = item.chars().take(MAX_NAME).collect();
                return Err(Error::bad_request(format!("invalid CVE ID: {beginning:?}")));
            }
            if !seen.insert(item.as_str()) {
                return Err(Error::bad_request(format!("duplicate CVE ID: {item:?}")));
            }
        }
        match expires_at {
            None | Some(0..=LAST_SECOND) => {}
            Some(other) => return Err(Error::bad_request(format!("invalid expires_at: {other}"))),
        }
        Ok(Checked { items, expires_at: expires_at.map(Timestamp::from_secs) })
    }
}

/// The list of the system, for anybody who has logged in.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` for a token that was not made for this.
pub async fn system(app: &App, caller: &Caller) -> Result<Allowlist> {
    require_reader_of_all(caller)?;
    let [rows] = app.db.read([about(&[SYSTEM], Length::Any)]).await?;
    Ok(by_project(&rows)?.remove(&SYSTEM).flatten().unwrap_or_default())
}

/// Replaces the list of the system.
///
/// # Errors
/// `BadRequest` for a name that is none or stands there twice, and for a time that cannot be.
pub async fn set_system(app: &App, _grant: &SystemGrant<Administer>, new: NewAllowlist) -> Result<()> {
    let new = new.check()?;
    let mut tx = app.db.begin().await?;
    put(&mut tx, SYSTEM, &new, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// How long a list may be to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Only one with nothing in it.
    Empty,
    /// As among those of other projects.
    Short,
    Any,
}

/// The question for the lists of several projects.
pub(crate) fn about(projects: &[i64], length: Length) -> Read {
    let most = match length {
        Length::Empty => NOTHING,
        Length::Short => share(projects.len()),
        Length::Any => i64::MAX,
    };
    Read::about(sql::OF, projects.iter().copied(), &[most.into()])
}

/// Every project of a page has the same, so that none hides the list of another.
fn share(projects: usize) -> i64 {
    let projects = i64::try_from(projects).unwrap_or(i64::MAX).max(1);
    (MOST_OF_ALL / projects).clamp(NOTHING, MOST_OF_ONE)
}

/// The lists in its answer, by project; none where it is too long.
pub(crate) fn by_project(rows: &[Row]) -> Result<HashMap<i64, Option<Allowlist>>> {
    let list = |row: &Row| Ok((sql::project(row)?, sql::allowlist(row)?));
    rows.iter().map(list).collect()
}

/// Replaces the list of a project, or makes it.
pub(crate) async fn put(tx: &mut Tx, project: i64, new: &Checked, now: Timestamp) -> Result<()> {
    let items = serde_json::json!(new.items).to_string();
    tx.execute(sql::PUT, params![project, items, new.expires_at, now]).await?;
    Ok(())
}

/// Takes the list of a project away.
pub(crate) async fn remove(tx: &mut Tx, project: i64) -> Result<()> {
    tx.execute(sql::DELETE, params![project]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(items: &[&str], expires_at: Option<i64>) -> String {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        let new = NewAllowlist { items, expires_at };
        new.check().map_or_else(|error| error.message, |_| String::new())
    }

    #[test]
    fn names_are_there_once_and_look_like_names() {
        assert_eq!(refused(&["CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q"], Some(1_893_456_000)), "");
        assert_eq!(refused(&[], None), "");
        assert_eq!(refused(&["CVE-1", "CVE-2", "CVE-1"], None), "duplicate CVE ID: \"CVE-1\"");
        for name in ["", " ", "CVE-1 ", "CVE-1\n", "a\tb", "\u{7}", "ＣVE-1"] {
            assert_eq!(refused(&[name], None), format!("invalid CVE ID: {name:?}"));
        }
        assert!(refused(&["x".repeat(256).as_str()], None).starts_with("invalid CVE ID"));
    }

    #[test]
    fn a_page_of_any_length_has_its_bound() {
        for (projects, each) in [(0, 8_192), (1, 8_192), (100, 8_192), (500, 2_097), (10_000, 104)] {
            assert_eq!(share(projects), each, "{projects}");
        }
        assert_eq!(share(10_000_000), NOTHING, "what is empty is shown as such");
    }

    #[test]
    fn sizes_and_times_are_bounded() {
        let many: Vec<String> = (0..=MAX_ITEMS).map(|n| format!("C{n}")).collect();
        assert!(NewAllowlist { items: many[1..].to_vec(), expires_at: None }.check().is_ok());
        assert!(NewAllowlist { items: many, expires_at: None }.check().is_err());
        let long = |count: usize| (0..count).map(|n| format!("{n:0>64}")).collect::<Vec<_>>();
        assert!(NewAllowlist { items: long(1_024), expires_at: None }.check().is_ok());
        let refused_for_length = NewAllowlist { items: long(1_025), expires_at: None }.check().unwrap_err();
        assert_eq!(
            refused_for_length.message,
            "the CVE IDs of an allowlist have at most 65536 bytes together"
        );
        assert_eq!(refused(&[], Some(0)), "");
        assert_eq!(refused(&[], Some(LAST_SECOND)), "");
        for time in [-1, LAST_SECOND + 1, i64::MIN, i64::MAX] {
            assert_eq!(refused(&[], Some(time)), format!("invalid expires_at: {time}"));
        }
    }
}
