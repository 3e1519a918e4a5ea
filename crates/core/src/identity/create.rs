//! New accounts: made by an administrator, or by a visitor of the portal where that is allowed.

use super::rules::{self, Profile};
use super::{check_rule, password, sql};
use crate::access::permissions::{Administer, CreateUser};
use crate::access::{Caller, SystemGrant, require_system};
use crate::audit::{self, Act, Entry};
use crate::{App, Code, Error, Result, settings};
use haven_db::{Tx, params};

/// An account to be made.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub username: String,
    pub password: String,
    pub profile: Profile,
}

/// Makes an account for whoever asks, and returns its id. `from_portal` says that the request shows what only a page of
/// ours can show: where visitors may register, programs still may not.
///
/// # Errors
/// `Unauthorized` or `Forbidden` for whoever may not, `BadRequest` for what breaks a rule, `Conflict` when name or e-mail
/// are taken.
pub async fn create(app: &App, caller: &Caller, new: NewUser, from_portal: bool) -> Result<i64> {
    if let Err(refusal) = require_system::<CreateUser>(caller) {
        may_register(app, refusal, from_portal).await?;
    }
    make(app, &caller.actor(), &new, false).await
}

/// Makes an account, perhaps an administrator's.
///
/// # Errors
/// As [`create`].
pub async fn create_as(
    app: &App,
    grant: &SystemGrant<Administer>,
    new: NewUser,
    sysadmin: bool,
) -> Result<i64> {
    make(app, &grant.actor, &new, sysadmin).await
}

async fn may_register(app: &App, refusal: Error, from_portal: bool) -> Result<()> {
    if !settings::get(app).await?.self_registration {
        return Err(refusal);
    }
    if !from_portal {
        return Err(Error::new(Code::Forbidden, "self-registration cannot be triggered via API"));
    }
    Ok(())
}

async fn make(app: &App, actor: &str, new: &NewUser, sysadmin: bool) -> Result<i64> {
    check_rule(&new.password)?;
    rules::check_username(&new.username)?;
    rules::check_profile(&new.profile)?;
    let hash = password::hash(app, &new.password).await?;

    let mut tx = app.db.begin().await?;
    let id = insert(app, &mut tx, new, &hash, sysadmin).await?;
    audit::record(app, &mut tx, Entry::new(Act::CreateUser, actor, new.username.as_str())).await?;
    tx.commit().await?;
    Ok(id)
}

async fn insert(app: &App, tx: &mut Tx, new: &NewUser, hash: &str, sysadmin: bool) -> Result<i64> {
    let (name, Profile { email, realname, comment }) = (new.username.as_str(), &new.profile);
    let taken = || Error::new(Code::Conflict, format!("user {name} or email {email} already exists"));
    if tx.query_opt(sql::TAKEN, params![name, email, 0]).await?.is_some() {
        return Err(taken());
    }
    let row = params![name, email, realname, comment, hash, sysadmin, app.clock.now()];
    match tx.query_opt(sql::INSERT, row).await? {
        Some(row) => Ok(row.get(0)?),
        None => Err(taken()),
    }
}
