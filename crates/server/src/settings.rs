//! `haven settings`: what administrators change while the server runs, for those who have no browser.

use crate::cli::{Common, Failure, block_on, say};
use crate::command;
use clap::Args;
use haven_core::access;
use haven_core::settings::{self, Change, ITEMS};
use serde_json::{Map, Value};
use std::io::Read as _;

/// `haven settings list`.
#[derive(Args)]
pub(crate) struct List {
    /// As one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// `haven settings set`.
#[derive(Args)]
pub(crate) struct Set {
    /// The settings with their new values. Without a value, as in `oidc_client_secret`, it is read from standard input, so
    /// that no secret stands on a command line.
    #[arg(required = true, value_name = "NAME[=VALUE]")]
    settings: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Prints `NAME=VALUE` lines, or JSON.
pub(crate) fn list(arguments: List) -> Result<(), Failure> {
    let config = arguments.common.load()?;
    let values = block_on(command::on_rows(&config, async |app| Ok(settings::get(app).await?)))?;
    let shown = ITEMS.iter().map(|item| (item.name.to_owned(), values.json(item.name)));
    let shown: Map<String, Value> = shown.filter(|(_, value)| !value.is_null()).collect();
    if arguments.json {
        say(&Value::Object(shown).to_string());
        return Ok(());
    }
    for (name, value) in shown {
        say(&format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    Ok(())
}

/// Changes what is named.
pub(crate) fn set(arguments: Set) -> Result<(), Failure> {
    let mut change = Change::default();
    for setting in &arguments.settings {
        match setting.split_once('=') {
            Some((name, value)) => change.push(name, value)?,
            None => change.push(setting, &given()?)?,
        }
    }
    let config = arguments.common.load()?;
    block_on(command::on_rows(
        &config,
        async |app| Ok(settings::set(app, &access::operator(), change).await?),
    ))
}

/// What is on standard input, without the end of its line.
fn given() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
