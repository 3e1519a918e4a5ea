//! New access tokens.

use super::secret::Secret;
use super::{Token, sql};
use crate::access::{self, Caller, Grant, Reach, permissions::ReadProject, require_login};
use crate::{App, Code, Error, Result, identity, projects, settings};
use haven_db::{Timestamp, params};
use std::time::Duration;

/// So many one account may have.
pub const MAX_TOKENS: i64 = 100;
/// So many projects one token may name.
const MAX_PROJECTS: usize = 50;
/// Unless it is said, or a shorter time is the most.
const DEFAULT_DAYS: i64 = 30;
/// A hundred years; whoever wants longer wants no end.
const MOST_DAYS: i64 = 36_500;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    pub name: String,
    pub description: String,
    /// Words of [`Reach`].
    pub scopes: Vec<String>,
    /// Names of projects; none: all.
    pub projects: Option<Vec<String>>,
    /// Days; -1 without end.
    pub duration: Option<i64>,
}

/// A token that was made, with the text that is never shown again.
#[derive(Debug)]
pub struct Made {
    pub token: Token,
    pub secret: String,
}

/// What a request asks for, once it is known to make sense.
struct Checked {
    reach: Vec<Reach>,
    /// With their ids.
    projects: Option<Vec<(i64, String)>>,
    expires_at: Option<Timestamp>,
}

/// Makes a token for whoever is logged in with a password.
///
/// # Errors
/// `Unauthorized`, `Forbidden` for whoever came with a token, `BadRequest` for what makes no sense, `Conflict` when the name is
/// taken, `Precondition` when there are too many.
pub async fn create(app: &App, caller: &Caller, new: NewToken) -> Result<Made> {
    let owner = require_login(caller)?;
    let checked = check(app, caller, &new).await?;
    let secret = Secret::random()?;
    let (salt, hash) = secret.protect()?;
    let now = app.clock.now();
    let scopes = joined(checked.reach.iter().map(|reach| reach.as_str().to_owned()));
    let ids = joined(checked.projects.iter().flatten().map(|(id, _)| id.to_string()));
    let expires_at = checked.expires_at.unwrap_or(Timestamp::ZERO);

    let mut tx = app.db.begin().await?;
    // Against its deletion, and against other tokens that are made at the same time.
    if tx.query_opt(identity::sql::HOLD, params![owner.id]).await?.is_none() {
        return Err(Error::new(Code::Unauthorized, "unauthorized"));
    }
    let count: i64 = tx.query_one(sql::COUNT, params![owner.id]).await?.get(0)?;
    if count >= MAX_TOKENS {
        let text = format!("precondition failed: a user has at most {MAX_TOKENS} access tokens");
        return Err(Error::new(Code::Precondition, text));
    }
    let (name, description) = (new.name.as_str(), new.description.as_str());
    let row =
        params![owner.id, name, description, secret.lookup(), &salt, hash, scopes, ids, now, expires_at];
    let Some(row) = tx.query_opt(sql::INSERT, row).await? else {
        return Err(Error::new(Code::Conflict, format!("access token {name} already exists")));
    };
    tx.commit().await?;
    let token = Token {
        id: row.get(0)?,
        lookup: secret.lookup().to_owned(),
        name: new.name,
        description: new.description,
        reach: checked.reach,
        projects: checked.projects.map(|all| all.into_iter().map(|(_, name)| name).collect()),
        created_at: now,
        expires_at: checked.expires_at,
        used_at: None,
    };
    Ok(Made { token, secret: secret.into_text() })
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

async fn check(app: &App, caller: &Caller, new: &NewToken) -> Result<Checked> {
    let name = new.name.trim();
    if name.is_empty() || name.len() != new.name.len() || name.len() > 255 || name.contains(char::is_control)
    {
        let text = "the name of an access token has 1 to 255 characters, none of them a control character, and no \
                    space at either end";
        return Err(Error::bad_request(text));
    }
    if new.description.len() > 1024 {
        return Err(Error::bad_request("the description has more than 1024 bytes"));
    }
    let most = settings::get(app).await?.access_token_max_days;
    Ok(Checked {
        reach: reach(&new.scopes)?,
        expires_at: days(new.duration, most)?.map(|days| app.clock.now() + DAY * days),
        projects: projects(app, caller, new.projects.as_deref()).await?,
    })
}

/// The words in their own order, each once.
fn reach(scopes: &[String]) -> Result<Vec<Reach>> {
    let words = || Reach::ALL.map(Reach::as_str).join(", ");
    if scopes.is_empty() {
        return Err(Error::bad_request(format!("scopes are missing: some of {}", words())));
    }
    if let Some(unknown) = scopes.iter().find(|word| Reach::parse(word).is_none()) {
        return Err(Error::bad_request(format!("unknown scope {unknown:?}: it is one of {}", words())));
    }
    let asked = |reach: &Reach| scopes.iter().any(|word| word == reach.as_str());
    Ok(Reach::ALL.into_iter().filter(asked).collect())
}

/// For how many days, if not for ever.
fn days(asked: Option<i64>, most: i64) -> Result<Option<u32>> {
    let limit = if most < 0 { MOST_DAYS } else { most.min(MOST_DAYS) };
    let days = match asked {
        None => limit.min(DEFAULT_DAYS),
        Some(-1) if most < 0 => return Ok(None),
        Some(days) => days,
    };
    let good = u32::try_from(days).ok().filter(|_| (1..=limit).contains(&days));
    good.map(Some).ok_or_else(|| {
        let or_never = if most < 0 { ", or -1 for no end" } else { "" };
        Error::bad_request(format!("invalid duration: {days}, it is 1 to {limit} days{or_never}"))
    })
}

/// The projects of these names, which the caller must be able to see; whether there is another one is not told.
async fn projects(
    app: &App,
    caller: &Caller,
    names: Option<&[String]>,
) -> Result<Option<Vec<(i64, String)>>> {
    let Some(names) = names else { return Ok(None) };
    if names.is_empty() || names.len() > MAX_PROJECTS {
        return Err(Error::bad_request(format!("a list of projects has 1 to {MAX_PROJECTS} names")));
    }
    let mut found: Vec<(i64, String)> = Vec::with_capacity(names.len());
    for name in names {
        let parsed = projects::parse_name(name)?;
        let granted: Result<Grant<ReadProject>> = access::require(app, caller, &parsed).await;
        let project = granted.map_err(|error| invisible(error, name))?.project;
        if !found.iter().any(|(id, _)| *id == project.id) {
            found.push((project.id, name.clone()));
        }
    }
    Ok(Some(found))
}

fn invisible(error: Error, name: &str) -> Error {
    match error.code {
        Code::Forbidden | Code::NotFound => {
            Error::bad_request(format!("project {name} is not there for you"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_are_within_what_is_allowed() {
        for (asked, most, want) in [
            (None, 365, Some(Some(30))),
            (None, 7, Some(Some(7))),
            (None, -1, Some(Some(30))),
            (Some(365), 365, Some(Some(365))),
            (Some(366), 365, None),
            (Some(-1), 365, None),
            (Some(-1), -1, Some(None)),
            (Some(36_500), -1, Some(Some(36_500))),
            (Some(36_501), -1, None),
            (Some(0), -1, None),
            (Some(i64::MIN), -1, None),
            (Some(i64::MAX), -1, None),
        ] {
            assert_eq!(days(asked, most).ok(), want, "{asked:?} of {most}");
        }
    }
}
