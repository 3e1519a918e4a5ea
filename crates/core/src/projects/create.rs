//! `POST /projects`.

use super::metadata::{self, Metadata};
use super::sql;
use crate::access::{Caller, Role, require_person};
use crate::allowlists::{self, NewAllowlist};
use crate::members::{self, Entity};
use crate::{App, Code, Error, Result, settings};
use haven_db::params;
use haven_oci::ProjectName;

/// A project to be made.
#[derive(Debug, Default)]
pub struct NewProject {
    pub name: String,
    /// The older member; `metadata.public` wins over it.
    pub public: Option<bool>,
    pub metadata: Metadata,
    pub allowlist: NewAllowlist,
    /// Bytes, -1 without limit. Counts for administrators only.
    pub storage_limit: Option<i64>,
    pub registry_id: Option<i64>,
}

/// The largest limit that can be set: 1024 TB.
const MAX_STORAGE_LIMIT: i64 = 1024 << 40;

/// Makes a project that its creator administers, and returns its id.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` when only administrators may, `BadRequest` for a bad name or property,
/// `Conflict` when the name is taken.
pub async fn create(app: &App, caller: &Caller, new: NewProject) -> Result<i64> {
    let owner = require_person(caller)?.clone();
    let settings = settings::get(app).await?;
    if settings.project_creation_restriction == "adminonly" && !owner.sysadmin {
        return Err(Error::new(Code::Forbidden, "Only system admin can create project"));
    }
    if new.registry_id.is_some() {
        return Err(refuse_proxy(owner.sysadmin));
    }
    let name: ProjectName = new.name.parse().map_err(|_| {
        Error::bad_request("project name is not in lower case or contains illegal characters")
    })?;
    metadata::check_retention(&new.metadata, "")?;
    check_storage_limit(new.storage_limit, owner.sysadmin)?;
    let public = metadata::public(&new.metadata)?.or(new.public).unwrap_or(false);
    let properties = metadata::rows(&new.metadata)?;
    let allowlist = new.allowlist.check()?;

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let inserted = tx.query_opt(sql::INSERT, params![name.as_str(), owner.id, public, now]).await?;
    let Some(row) = inserted else {
        return Err(Error::new(Code::Conflict, format!("The project named {name} already exists")));
    };
    let id: i64 = row.get(0)?;
    for (key, value) in properties {
        metadata::put(&mut tx, id, key, &value).await?;
    }
    members::enlist(&mut tx, id, Entity::User(owner.id), Role::ProjectAdmin, now).await?;
    allowlists::put(&mut tx, id, &allowlist, now).await?;
    tx.commit().await?;
    Ok(id)
}

/// There are no endpoints of other registries yet, so none that a project could cache.
fn refuse_proxy(administrator: bool) -> Error {
    if administrator {
        Error::bad_request("proxy cache projects need a registry endpoint, and there is none of that id")
    } else {
        Error::new(Code::Forbidden, "Only system admin can create proxy cache project")
    }
}

/// What a project may be limited to. A limit counts when an administrator sets it; zero is the default.
fn check_storage_limit(given: Option<i64>, administrator: bool) -> Result<()> {
    let Some(limit) = given.filter(|_| administrator) else { return Ok(()) };
    match limit {
        -1..=MAX_STORAGE_LIMIT => Ok(()),
        _ if limit > 0 => Err(Error::bad_request(format!(
            "invalid value for quota limit, value={limit}: 1024 TB is the most"
        ))),
        _ => Err(Error::bad_request(format!("invalid non-positive value for quota limit, value={limit}"))),
    }
}
