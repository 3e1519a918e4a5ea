//! `haven admin`: what must work when nobody can log in, or what has no other place.

use crate::cli::{Failure, say};
use crate::command;
use haven_core::access::operator;
use haven_core::{events, identity};
use haven_server::config::Config;
use std::io::{IsTerminal as _, Read as _};

/// The administrator that the schema brings, whatever they are called.
const ADMIN: i64 = 1;
/// Shown, and put back, at once.
const MOST_EVENTS: i64 = 1_000;

/// Gives `admin` a new password, on the configured database, whether or not the server runs.
pub(crate) async fn reset_password(config: Config) -> Result<(), Failure> {
    let given = given()?;
    command::on_rows(&config, async |app| {
        match given {
            Some(password) => {
                identity::reset_password(app, &operator(), ADMIN, &password).await?;
                say("the password of admin is changed");
            }
            None => {
                let password = identity::generate()?;
                identity::reset_password(app, &operator(), ADMIN, &password).await?;
                say(&format!("the password of admin is now: {password}"));
            }
        }
        Ok(())
    })
    .await
}

/// Tells which events were set aside, one line each, and puts them back if that is wanted.
pub(crate) async fn events(config: Config, retry: bool) -> Result<(), Failure> {
    command::on_rows(&config, async |app| {
        let found = events::set_aside(app, MOST_EVENTS).await?;
        for event in &found {
            say(&format!(
                "{} of {} by {:?}, set aside {} after {} attempts: {}",
                event.payload,
                event.happened_at,
                event.actor,
                event.set_aside_at,
                event.attempts,
                event.error
            ));
            if retry {
                events::put_back(app, event).await?;
            }
        }
        let done = if retry { ", and put back" } else { "" };
        say(&format!("{} events were set aside{done}", found.len()));
        Ok(())
    })
    .await
}

/// The password on standard input, if something is there.
pub(crate) fn given() -> Result<Option<String>, Failure> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    stdin.read_to_string(&mut text)?;
    let password = text.trim_end_matches(['\r', '\n']);
    Ok((!password.is_empty()).then(|| password.to_owned()))
}
