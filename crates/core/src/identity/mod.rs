//! People and their passwords: who a name and a secret belong to. Owns `user_account`.

mod login;
mod password;
mod sql;

pub use login::{Credentials, Passwords, login};
pub use password::{check_rule, generate};

use crate::access::{Caller, Person, require_person};
use crate::{App, Error, Result};
use haven_db::{Timestamp, params};

/// A user account as `GET /users/current` shows it.
#[derive(Clone, Debug)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub realname: String,
    pub comment: String,
    pub sysadmin: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The account of the caller.
///
/// # Errors
/// `Unauthorized` for nobody.
pub async fn current(app: &App, caller: &Caller) -> Result<User> {
    let person = require_person(caller)?;
    match app.db.query_opt(sql::BY_ID, params![person.id]).await? {
        Some(row) => sql::user(&row),
        None => Err(Error::new(crate::Code::Unauthorized, "unauthorized")),
    }
}

/// The first administrator, in whose name acts whoever holds the configuration.
///
/// # Errors
/// `Precondition` when there is no administrator.
pub async fn operator(app: &App) -> Result<Caller> {
    let row = app.db.query_opt(sql::FIRST_ADMIN, params![]).await?;
    let row = row.ok_or_else(|| Error::new(crate::Code::Precondition, "there is no administrator"))?;
    Ok(Caller::Person(Person {
        id: row.get(0)?,
        username: row.get(1)?,
        sysadmin: true,
        auth_admin: false,
        groups: Vec::new(),
    }))
}

/// Whether nobody has ever set the administrator's password.
pub(crate) async fn needs_first_password(app: &App) -> Result<bool> {
    Ok(app.db.query_opt(sql::WITHOUT_PASSWORD, params![]).await?.is_some())
}

/// Sets the administrator's password if there is none. Of several replicas that start together one wins.
pub(crate) async fn set_first_password(app: &App, password: &str) -> Result<bool> {
    let hash = password::hash(password).await?;
    let changed = app.db.execute(sql::FIRST_PASSWORD, params![hash, app.clock.now()]).await?;
    Ok(changed > 0)
}

/// Sets the administrator's password, whatever it was; log-ins remembered anywhere end at once.
///
/// # Errors
/// `BadRequest` when the password breaks the rule for passwords.
pub async fn reset_admin_password(app: &App, password: &str) -> Result<()> {
    check_rule(password)?;
    let hash = password::hash(password).await?;
    app.db.execute(sql::RESET_PASSWORD, params![hash, app.clock.now()]).await?;
    Ok(())
}
