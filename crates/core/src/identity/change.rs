//! Changes of accounts: profile, password, rank.

use super::rules::{self, Profile};
use super::{ADMIN, Credentials, check_rule, login, password, sql};
use crate::access::permissions::{Administer, UpdateUser};
use crate::access::{Caller, SystemGrant, require_login, require_person, require_system};
use crate::audit::{self, Act, Entry};
use crate::sessions::{self, SessionId};
use crate::{App, Code, Error, Result};
use haven_db::{Tx, params};
use std::net::IpAddr;

/// What the audit log says of it.
const PASSWORD_CHANGED: &str = "change user password";

/// A password to be changed.
#[derive(Debug)]
pub struct PasswordChange<'a> {
    /// Asked of people who change their own.
    pub old: &'a str,
    pub new: &'a str,
    /// Where the request came from.
    pub address: IpAddr,
    /// The session that it came in on, if any.
    pub session: Option<&'a SessionId>,
}

/// Replaces what an account says about its person: one's own, or anybody's for an administrator.
///
/// # Errors
/// `Forbidden` for others, `BadRequest` for what breaks a rule, `NotFound`, and `Conflict` when the e-mail is taken.
pub async fn update_profile(app: &App, caller: &Caller, id: i64, profile: &Profile) -> Result<()> {
    if is_own(caller, id) {
        require_person(caller)?;
    } else {
        require_system::<UpdateUser>(caller)?;
        guard_administrators(app, caller, id).await?;
    }
    rules::check_profile(profile)?;
    let Profile { email, realname, comment } = profile;
    let mut tx = app.db.begin().await?;
    let name = hold(&mut tx, id).await?;
    if tx.query_opt(sql::TAKEN, params![email, email, id]).await?.is_some() {
        return Err(Error::new(Code::Conflict, format!("email {email} already exists")));
    }
    let row = params![id, email, realname, comment, app.clock.now()];
    tx.execute(sql::UPDATE_PROFILE, row).await?;
    audit::record(app, &mut tx, Entry::new(Act::UpdateUser, &caller.actor(), name)).await?;
    Ok(tx.commit().await?)
}

/// Changes a password: one's own by way of the old one, or somebody else's as an administrator. All sessions of the account
/// end; whoever changed their own password in one of them goes on with the new session that is returned.
///
/// # Errors
/// `Forbidden` for others and when the old password is wrong, `BadRequest` for one that breaks the rule or changes nothing,
/// `NotFound`.
pub async fn change_password(
    app: &App,
    caller: &Caller,
    id: i64,
    change: &PasswordChange<'_>,
) -> Result<Option<SessionId>> {
    let own = is_own(caller, id);
    if own {
        require_login(caller)?;
    } else {
        require_system::<UpdateUser>(caller)?;
        guard_administrators(app, caller, id).await?;
    }
    let Some(row) = app.db.query_opt(sql::FOR_PASSWORD, params![id]).await? else { return Err(unknown(id)) };
    let (username, stored, version): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    if own {
        // A stolen session is no place to guess either, so nothing is compared before its turn.
        let (secret, address) = (change.old, change.address);
        let given = Credentials { principal: &username, secret, address, program: "" };
        if !login::confirm(app, &given, id).await? {
            return Err(Error::new(Code::Forbidden, "Current password is incorrect"));
        }
    }
    check_rule(change.new)?;
    let mut turn = app.passwords.turns().next(Some(change.address)).await?;
    if password::verify(&mut turn, change.new, &stored).await? {
        return Err(Error::bad_request("New password is identical to old password"));
    }
    drop(turn);
    let hash = password::hash(app, change.new).await?;

    let (now, lifetime) = (app.clock.now(), sessions::lifetime(app).await?);
    let mut tx = app.db.begin().await?;
    let Some(row) = tx.query_opt(sql::CHANGE_PASSWORD, params![id, hash, now, version]).await? else {
        return Err(Error::new(Code::Conflict, "the account was changed by somebody else meanwhile"));
    };
    let session = match change.session.filter(|_| own) {
        Some(session) => sessions::replace(&mut tx, session, id, row.get(0)?, (now, lifetime)).await?,
        None => None,
    };
    sessions::end_all(&mut tx, id, session.as_ref()).await?;
    let entry = Entry::new(Act::UpdateUser, &caller.actor(), username).with(PASSWORD_CHANGED);
    audit::record(app, &mut tx, entry).await?;
    tx.commit().await?;
    Ok(session)
}

/// Sets a password without asking for the old one, whatever account it is; log-ins remembered anywhere end at once.
///
/// # Errors
/// `BadRequest` when the password breaks the rule for passwords, `NotFound`.
pub async fn reset_password(
    app: &App,
    grant: &SystemGrant<Administer>,
    id: i64,
    password: &str,
) -> Result<()> {
    check_rule(password)?;
    let hash = password::hash(app, password).await?;
    let mut tx = app.db.begin().await?;
    let name = hold(&mut tx, id).await?;
    tx.execute(sql::RESET_PASSWORD, params![id, hash, app.clock.now()]).await?;
    sessions::end_all(&mut tx, id, None).await?;
    let entry = Entry::new(Act::UpdateUser, &grant.actor, name).with(PASSWORD_CHANGED);
    audit::record(app, &mut tx, entry).await?;
    Ok(tx.commit().await?)
}

/// Makes somebody an administrator of the installation, or no longer; it counts with their next request.
///
/// # Errors
/// `Forbidden` for the first administrator, who stays one, `NotFound`.
pub async fn set_sysadmin(app: &App, grant: &SystemGrant<Administer>, id: i64, sysadmin: bool) -> Result<()> {
    if id == ADMIN && !sysadmin {
        return Err(Error::new(Code::Forbidden, "the first administrator stays an administrator"));
    }
    let mut tx = app.db.begin().await?;
    let name = hold(&mut tx, id).await?;
    tx.execute(sql::SET_SYSADMIN, params![id, sysadmin, app.clock.now()]).await?;
    let more = if sysadmin { "add" } else { "remove" };
    let more = format!("{more} user as system administrator");
    audit::record(app, &mut tx, Entry::new(Act::UpdateUser, &grant.actor, name).with(&more)).await?;
    Ok(tx.commit().await?)
}

/// Changes the secret that people of an OIDC provider use at the command line; accounts with a password have none.
///
/// # Errors
/// `Precondition`, or `Unauthorized` for nobody.
pub fn change_cli_secret(caller: &Caller) -> Result<()> {
    require_login(caller)?;
    let text = "precondition failed: unable to update CLI secret under authmode: db_auth";
    Err(Error::new(Code::Precondition, text))
}

/// Whether an account is that of the caller.
pub(super) fn is_own(caller: &Caller, id: i64) -> bool {
    caller.person().is_some_and(|person| person.id == id)
}

/// Only administrators change or delete administrators: a robot that may change accounts must not become one by it.
pub(crate) async fn guard_administrators(app: &App, caller: &Caller, id: i64) -> Result<()> {
    if !caller.is_sysadmin() && app.db.query_opt(sql::IS_SYSADMIN, params![id]).await?.is_some() {
        require_system::<Administer>(caller)?;
    }
    Ok(())
}

/// Holds an account until the transaction ends, and tells its name.
pub(super) async fn hold(tx: &mut Tx, id: i64) -> Result<String> {
    match tx.query_opt(sql::HOLD, params![id]).await? {
        Some(row) => Ok(row.get(0)?),
        None => Err(unknown(id)),
    }
}

pub(super) fn unknown(id: i64) -> Error {
    Error::not_found(format!("user {id} not found"))
}
