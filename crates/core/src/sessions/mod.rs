//! Sessions of browsers: who logged in on the portal, known to every replica. Owns `session`.
//!
//! The browser holds a random id, and the row its hash. A session lasts as long as the setting `session_timeout` says
//! after it was used last, which is written down in steps, so that most requests write nothing. It ends with the log-out,
//! with the account, and with a change of the password, because it carries the version of the account's row.

mod sql;

use crate::access::Person;
use crate::audit::{self, Act, Entry};
use crate::identity::{self, Credentials, Entered};
use crate::{App, Error, Result, settings};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haven_db::{Timestamp, Tx, params};
use ring::digest;
use std::fmt;
use std::time::Duration;

/// So many steps of renewal make one whole time of a session.
const STEPS: u32 = 20;
/// Random bytes of an id.
const ID: usize = 32;
/// Clocks of replicas may differ by this much; what was used later than that was written before a clock was turned back.
const LEEWAY: Duration = Duration::from_secs(60);

/// The id of a session, as its browser holds it. Never logged.
#[derive(Clone)]
pub struct SessionId(String);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

impl SessionId {
    fn random() -> Result<Self> {
        let mut bytes = [0; ID];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads what a browser presents; none when no id looks like it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == ID).then(|| Self(text.to_owned()))
    }

    /// For the cookie, and for nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref().to_vec()
    }
}

/// Logs somebody in with a password and begins a session, always one with a new id. The one they came with ends.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    app: &App,
    credentials: &Credentials<'_>,
    before: Option<&SessionId>,
) -> Result<Option<SessionId>> {
    let Some(Entered { person, version }) = identity::enter(app, credentials).await? else {
        // What cost us nothing to refuse must cost us no line either, or anybody could fill the log.
        if credentials.are_possible() {
            let name = credentials.principal;
            audit::record_refusal(app, Entry::new(Act::LoginUser, name, name)).await?;
        }
        return Ok(None);
    };
    let session = SessionId::random()?;
    let mut tx = app.db.begin().await?;
    if let Some(before) = before {
        tx.execute(sql::DELETE, params![before.hash()]).await?;
    }
    let row = params![session.hash(), person.id, version, person.auth_admin, app.clock.now()];
    tx.execute(sql::INSERT, row).await?;
    let name = person.username.as_str();
    audit::record(app, &mut tx, Entry::new(Act::LoginUser, name, name)).await?;
    tx.commit().await?;
    Ok(Some(session))
}

/// Who a session belongs to, if it still holds. With `renew` it then holds on for its whole time.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, session: &SessionId, renew: bool) -> Result<Option<Person>> {
    let hash = session.hash();
    let Some(row) = app.db.query_opt(sql::FIND, params![&hash]).await? else { return Ok(None) };
    let (auth_admin, used_at): (bool, Timestamp) = (row.get(4)?, row.get(5)?);
    let (now, lifetime) = (app.clock.now(), lifetime(app).await?);
    if now.since(used_at) > lifetime || used_at.since(now) > LEEWAY {
        return Ok(None);
    }
    if renew && now.since(used_at) >= lifetime / STEPS {
        app.db.execute(sql::RENEW, params![&hash, used_at, now]).await?;
    }
    let person = identity::sql::person(&row, 0)?;
    Ok(Some(Person { sysadmin: person.sysadmin || auth_admin, auth_admin, ..person }))
}

/// How long a session lasts that is not used.
pub(crate) async fn lifetime(app: &App) -> Result<Duration> {
    let minutes = settings::get(app).await?.session_timeout;
    Ok(Duration::from_secs(u64::try_from(minutes).unwrap_or_default().saturating_mul(60)))
}

/// Logs out. Whoever still has the id has nothing any more.
///
/// # Errors
/// When the database fails.
pub async fn end(app: &App, session: &SessionId) -> Result<()> {
    let hash = session.hash();
    let mut tx = app.db.begin().await?;
    if let Some(row) = tx.query_opt(sql::USERNAME, params![&hash]).await? {
        let name: String = row.get(0)?;
        tx.execute(sql::DELETE, params![&hash]).await?;
        audit::record(app, &mut tx, Entry::new(Act::LogoutUser, &name, name.as_str())).await?;
    }
    Ok(tx.commit().await?)
}

/// Puts a new session in the place of one of this account, for the new version of the account; none when there is none.
pub(crate) async fn replace(
    tx: &mut Tx,
    session: &SessionId,
    user: i64,
    version: i64,
    (now, lifetime): (Timestamp, Duration),
) -> Result<Option<SessionId>> {
    let held = tx.query_opt(sql::BELONGS, params![session.hash(), user, version, now - lifetime]).await?;
    let Some(row) = held else { return Ok(None) };
    let new = SessionId::random()?;
    let auth_admin: bool = row.get(0)?;
    tx.execute(sql::INSERT, params![new.hash(), user, version, auth_admin, now]).await?;
    Ok(Some(new))
}

/// Ends every session of an account, but perhaps this one.
pub(crate) async fn end_all(tx: &mut Tx, user: i64, but: Option<&SessionId>) -> Result<()> {
    let but = but.map(SessionId::hash).unwrap_or_default();
    tx.execute(sql::DELETE_OTHERS, params![user, but]).await?;
    Ok(())
}

/// Removes sessions whose time is over, and returns how many. Safe on several replicas.
///
/// # Errors
/// When the database fails.
pub async fn purge(app: &App) -> Result<u64> {
    let before = app.clock.now() - lifetime(app).await?;
    let mut purged = 0;
    loop {
        let gone = app.db.execute(sql::DELETE_UNUSED, params![before]).await?;
        purged += gone;
        if gone < 500 {
            return Ok(purged);
        }
    }
}
