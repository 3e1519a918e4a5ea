//! `haven user`: accounts from the command line, on the configured database, whether or not the server runs.

use crate::admin::given;
use crate::cli::{Common, Failure, block_on, say};
use crate::command;
use clap::{Args, Subcommand};
use haven_core::Result;
use haven_core::access::operator;
use haven_core::identity::{self, NewUser, Profile, User};
use haven_db::list::{Page, Query};
use serde_json::{Value, json};

/// What `haven user` does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account.
    ///
    /// The password is read from standard input if that is no terminal, else one is made up and printed.
    Create(Create),
    /// List the accounts, without the first administrator.
    List(Plain),
    /// Give somebody a new password; all their sessions end at once, on all replicas.
    ///
    /// The password is read from standard input if that is no terminal, else one is made up and printed.
    Passwd(Named),
    /// Delete an account, with its tokens and its place in projects. Name and e-mail are free again.
    Delete(Named),
}

#[derive(Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    common: Common,
    /// One JSON object to a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Named {
    /// Who.
    name: String,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    named: Named,
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// The person's own name [default: the same as NAME].
    #[arg(long, value_name = "TEXT")]
    realname: Option<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    /// Make them an administrator of the whole installation.
    #[arg(long)]
    admin: bool,
}

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(create) => block_on(self::create(create)),
        Command::List(plain) => block_on(list(plain)),
        Command::Passwd(named) => block_on(change_password(named)),
        Command::Delete(named) => block_on(delete(named)),
    }
}

/// A password from standard input, or one that is made up and then to be told.
fn password() -> Result<(String, Option<String>), Failure> {
    if let Some(password) = given()? {
        return Ok((password, None));
    }
    let made = identity::generate()?;
    Ok((made.clone(), Some(made)))
}

async fn create(create: Create) -> Result<(), Failure> {
    let Create { named: Named { name, plain }, email, realname, comment, admin } = create;
    let (password, made) = password()?;
    let profile = Profile { email, realname: realname.unwrap_or_else(|| name.clone()), comment };
    let new = NewUser { username: name.clone(), password, profile };
    let config = plain.common.load()?;
    let id =
        command::on_rows(&config, async |app| Ok(identity::create_as(app, &operator(), new, admin).await?));
    let id = id.await?;
    let text = format!("{name} is user {id}");
    tell(plain.json, json!({ "user_id": id, "username": name }), &text, made);
    Ok(())
}

async fn list(plain: Plain) -> Result<(), Failure> {
    let config = plain.common.load()?;
    let query = Query { page: Page::ALL, ..Query::default() };
    let (users, _) =
        command::on_rows(&config, async |app| Ok(identity::list(app, &operator(), query).await?)).await?;
    users.iter().for_each(|user| say(&if plain.json { as_json(user).to_string() } else { as_text(user) }));
    Ok(())
}

async fn change_password(Named { name, plain }: Named) -> Result<(), Failure> {
    let (password, made) = password()?;
    let config = plain.common.load()?;
    let user = command::on_rows(&config, async |app| {
        let user = identity::by_name(app, &operator(), &name).await?;
        identity::reset_password(app, &operator(), user.id, &password).await?;
        Ok(user)
    });
    let user = user.await?;
    let text = format!("the password of {name} is changed");
    tell(plain.json, json!({ "user_id": user.id, "username": name }), &text, made);
    Ok(())
}

async fn delete(Named { name, plain }: Named) -> Result<(), Failure> {
    let config = plain.common.load()?;
    let user = command::on_rows(&config, async |app| {
        let user = identity::by_name(app, &operator(), &name).await?;
        identity::remove(app, &operator(), user.id).await?;
        Ok(user)
    });
    let user = user.await?;
    tell(plain.json, json!({ "user_id": user.id, "username": name }), &format!("{name} is deleted"), None);
    Ok(())
}

/// Says what was done, and the password that was made up for it.
fn tell(json: bool, mut about: Value, text: &str, made: Option<String>) {
    if json {
        if let Some(made) = made {
            about["password"] = made.into();
        }
        say(&about.to_string());
    } else {
        say(&made.map_or_else(|| text.to_owned(), |made| format!("{text}, with the password {made}")));
    }
}

fn as_json(user: &User) -> Value {
    json!({
        "user_id": user.id,
        "username": user.username,
        "email": user.email,
        "realname": user.realname,
        "comment": user.comment,
        "sysadmin_flag": user.sysadmin,
        "creation_time": user.created_at,
        "update_time": user.updated_at,
    })
}

fn as_text(user: &User) -> String {
    let rank = if user.sysadmin { "  administrator" } else { "" };
    format!("{:>6}  {}  <{}>{rank}", user.id, user.username, user.email)
}
