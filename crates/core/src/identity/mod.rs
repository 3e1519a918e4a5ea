//! People: their accounts and passwords, and who a name and a secret belong to. Owns `user_account` and `login_failure`.

mod change;
mod create;
mod damping;
mod delete;
mod lately;
mod line;
mod list;
mod login;
mod password;
mod rules;
pub(crate) mod sql;
mod turns;

pub(crate) use change::guard_administrators;
pub use change::{
    PasswordChange, change_cli_secret, change_password, reset_password, set_sysadmin, update_profile,
};
pub use create::{NewUser, create, create_as};
pub use damping::forget_failures;
pub use delete::{delete, remove};
pub use list::{Named, by_name, exists, get, list, name_of, search};
pub(crate) use login::{Candidate, Entered, Holder, enter};
pub use login::{Credentials, Passwords, authenticate};
pub use password::{check_rule, generate};
pub(crate) use password::{hash, random, random_text};
pub use rules::Profile;

use crate::access::{Caller, Person, require_known};
use crate::{App, Code, Error, Result};
use haven_db::{Timestamp, Tx, params};

/// The administrator that the schema brings, who cannot go and stays one: there is always somebody to log in as.
const ADMIN: i64 = 1;

/// A user account as `GET /users/current` shows it.
#[derive(Clone, Debug)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub realname: String,
    pub comment: String,
    /// Made an administrator here.
    pub sysadmin: bool,
    /// An administrator by what the place says that the caller came from; known of the caller only.
    pub auth_admin: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The account of the caller.
///
/// # Errors
/// `Unauthorized` for nobody, `Precondition` for a robot, by which clients know one.
pub async fn current(app: &App, caller: &Caller) -> Result<User> {
    if let Caller::Robot(_) = caller {
        let text = "get current user not available for security context: robot";
        return Err(Error::new(Code::Precondition, text));
    }
    let person = require_known(caller)?;
    match app.db.query_opt(sql::BY_ID, params![person.id]).await? {
        Some(row) => Ok(User { auth_admin: person.auth_admin, ..sql::user(&row)? }),
        None => Err(Error::new(Code::Unauthorized, "unauthorized")),
    }
}

/// The id of the first administrator, to whom belongs what nobody in person makes.
pub(crate) async fn first_admin(tx: &mut Tx) -> Result<i64> {
    Ok(tx.query_one(sql::FIRST_ADMIN, params![]).await?.get(0)?)
}

/// The first administrator, in whose name acts whoever holds the configuration.
///
/// # Errors
/// `Precondition` when there is no administrator.
pub async fn operator(app: &App) -> Result<Caller> {
    let row = app.db.query_opt(sql::FIRST_ADMIN, params![]).await?;
    let row = row.ok_or_else(|| Error::new(Code::Precondition, "there is no administrator"))?;
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
    let hash = password::hash(app, password).await?;
    let changed = app.db.execute(sql::FIRST_PASSWORD, params![hash, app.clock.now()]).await?;
    Ok(changed > 0)
}

/// Whether the administrator has this password, and any at all.
pub(crate) async fn is_first_password(app: &App, password: &str) -> Result<bool> {
    let Some(row) = app.db.query_opt(sql::FOR_PASSWORD, params![ADMIN]).await? else { return Ok(false) };
    let stored: String = row.get(1)?;
    let mut turn = app.passwords.turns().next(None).await?;
    password::verify(&mut turn, password, &stored).await
}
