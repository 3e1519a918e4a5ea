//! Accounts that go.

use super::change::{guard_administrators, hold, unknown};
use super::{ADMIN, sql};
use crate::access::{Caller, SystemGrant, permissions::DeleteUser, require_system};
use crate::audit::{self, Act, Entry};
use crate::members::{self, Entity};
use crate::{App, Code, Error, Result, access_tokens, groups, sessions};
use haven_db::params;

/// Deletes somebody else's account; name and e-mail are free again at once.
///
/// # Errors
/// `Forbidden` for whoever is no administrator, for one's own account, and for that of the first administrator; `NotFound`.
pub async fn delete(app: &App, caller: &Caller, id: i64) -> Result<()> {
    let grant = require_system(caller)?;
    if caller.person().is_some_and(|person| person.id == id) {
        return Err(refuse(id));
    }
    guard_administrators(app, caller, id).await?;
    remove(app, &grant, id).await
}

/// As [`delete`], for whoever has no account of their own here.
///
/// # Errors
/// As [`delete`].
pub async fn remove(app: &App, grant: &SystemGrant<DeleteUser>, id: i64) -> Result<()> {
    if id == ADMIN {
        return Err(refuse(id));
    }
    let mut tx = app.db.begin().await?;
    let name = hold(&mut tx, id).await?;
    if tx.execute(sql::SOFT_DELETE, params![id, app.clock.now()]).await? == 0 {
        return Err(unknown(id));
    }
    sessions::end_all(&mut tx, id, None).await?;
    access_tokens::revoke_all(&mut tx, id).await?;
    groups::leave_all(&mut tx, id).await?;
    members::leave_all(&mut tx, Entity::User(id)).await?;
    audit::record(app, &mut tx, Entry::new(Act::DeleteUser, &grant.actor, name)).await?;
    Ok(tx.commit().await?)
}

fn refuse(id: i64) -> Error {
    Error::new(Code::Forbidden, format!("User with ID {id} cannot be deleted"))
}
