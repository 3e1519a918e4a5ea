//! Making tokens.
//!
//! A signature is worth a millisecond of the processor, so a token that says the same as one made moments ago is that
//! one. What it says is worked out anew each time: a right that was taken away is in no answer from then on.

use super::claims::{Access, Claims, ISSUER};
use super::scope::Scope;
use super::{MAX_REMEMBERED, Tokens};
use crate::access::{Action, Caller, Resource, Standing, SystemResource, may_system};
use crate::{App, Code, Error, Result, projects, settings};
use haven_db::Timestamp;
use haven_oci::ProjectName;
use moka::sync::Cache;
use ring::digest;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The name of the service in challenges and tokens.
pub const SERVICE: &str = "harbor-registry";
/// Seconds for which a token is given out again. Far below the leeway for clocks, so no client notices.
const REUSE: i64 = 10;
/// Of tokens that may be given out again, in bytes.
const REUSE_BYTES: u64 = 4 << 20;

/// A token that was made.
#[derive(Clone, Debug)]
pub struct Issued {
    pub token: String,
    pub expires_in: i64,
    pub issued_at: Timestamp,
}

/// Tokens made lately, by SHA-256 of what they say.
pub(super) struct Recent(Cache<[u8; 32], Issued>);

impl Default for Recent {
    fn default() -> Self {
        let weigh = |_: &[u8; 32], issued: &Issued| u32::try_from(issued.token.len()).unwrap_or(u32::MAX);
        let lifetime = Duration::from_secs(REUSE.unsigned_abs());
        Self(Cache::builder().max_capacity(REUSE_BYTES).weigher(weigh).time_to_live(lifetime).build())
    }
}

impl Recent {
    fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<Issued> {
        let found = self.0.get(hash)?;
        (0..REUSE).contains(&(now.as_secs() - found.issued_at.as_secs())).then_some(found)
    }

    fn keep(&self, hash: [u8; 32], issued: &Issued) {
        // Anybody can have tokens made of whatever they ask for.
        if issued.token.len() <= MAX_REMEMBERED {
            self.0.insert(hash, issued.clone());
        }
    }
}

/// Makes a token with everything that the caller may do on what it asks for. Asking for too much is no error: the
/// token then says less.
///
/// # Errors
/// `Unauthorized` when nobody asks for nothing; otherwise only failures.
pub async fn issue(app: &App, caller: &Caller, scopes: &[Scope]) -> Result<Issued> {
    if matches!(caller, Caller::Anonymous) && scopes.is_empty() {
        return Err(Error::new(Code::Unauthorized, "unauthorized"));
    }
    let mut lifetime = settings::get(app).await?.token_expiration * 60;
    if let Some(end) = caller.expires_at() {
        // Not longer than what it was fetched with.
        lifetime = lifetime.min(end.as_secs() - app.clock.now().as_secs());
    }
    let mut granted = Vec::with_capacity(scopes.len());
    let mut known = HashMap::new();
    let mut newest = Timestamp(0);
    for scope in scopes {
        let Allowed { project_id, actions } = allowed(app, caller, scope, &mut known, &mut newest).await?;
        granted.push(Access { kind: scope.kind.clone(), name: scope.name.clone(), project_id, actions });
    }
    let access = (!granted.is_empty()).then_some(granted);
    let wanted = Wanted { subject: caller.actor(), lifetime, newest, access };
    app.tokens.make(wanted, || app.clock.now()).await
}

/// What a token is to say.
struct Wanted {
    subject: String,
    /// In seconds.
    lifetime: i64,
    /// When the last of its projects was made.
    newest: Timestamp,
    access: Option<Vec<Access>>,
}

impl Wanted {
    fn hash(&self) -> Result<[u8; 32]> {
        let said = (&self.subject, self.lifetime, self.newest.0, &self.access);
        let said = serde_json::to_vec(&said).map_err(unsayable)?;
        let hash = digest::digest(&digest::SHA256, &said);
        hash.as_ref().try_into().map_err(|error| Error::internal("hash of claims").because(error))
    }

    fn claims(self, now: Timestamp) -> Result<Vec<u8>> {
        let claims = Claims {
            iss: ISSUER.into(),
            sub: self.subject,
            aud: SERVICE.into(),
            exp: now.as_secs() + self.lifetime,
            nbf: now.as_secs(),
            // Not before its projects were made, though the clock may have been turned back since.
            iat: now.max(self.newest).as_secs(),
            jti: uuid::Uuid::new_v4().simple().to_string()[..16].to_owned(),
            access: self.access,
        };
        serde_json::to_vec(&claims).map_err(unsayable)
    }
}

fn unsayable(error: serde_json::Error) -> Error {
    Error::internal("claims as JSON").because(error)
}

impl Tokens {
    /// One that says the same and is fresh, or a new one.
    async fn make(&self, wanted: Wanted, now: impl Fn() -> Timestamp) -> Result<Issued> {
        let hash = wanted.hash()?;
        if let Some(issued) = self.recent.get(&hash, now()) {
            return Ok(issued);
        }
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(|error| Error::internal("token signature").because(error))?;
        let now = now();
        // Of many who ask for the same at once, few sign.
        if let Some(issued) = self.recent.get(&hash, now) {
            return Ok(issued);
        }
        let (lifetime, claims, key) = (wanted.lifetime, wanted.claims(now)?, Arc::clone(&self.key));
        let signed = tokio::task::spawn_blocking(move || key.sign(&claims)).await;
        let token = signed.map_err(|error| Error::internal("token signature").because(error))??;
        let issued = Issued { token, expires_in: lifetime, issued_at: now };
        self.recent.keep(hash, &issued);
        Ok(issued)
    }

    #[cfg(test)]
    pub(super) fn sign_for_test(&self, claims: &serde_json::Value) -> String {
        self.key.sign(claims.to_string().as_bytes()).unwrap()
    }
}

/// What the caller may do, and in which project.
#[derive(Clone, Default)]
struct Allowed {
    project_id: Option<i64>,
    actions: Vec<String>,
}

/// What the caller may do of a scope. Rights are by project, so each project is looked at once; `newest` becomes the time
/// when the last of them was made, if that is later.
async fn allowed(
    app: &App,
    caller: &Caller,
    scope: &Scope,
    known: &mut HashMap<ProjectName, Allowed>,
    newest: &mut Timestamp,
) -> Result<Allowed> {
    let mut allowed = Allowed::default();
    match scope.kind.as_str() {
        "repository" => {}
        "registry"
            if scope.name == "catalog" && may_system(caller, SystemResource::Catalog, Action::Read) =>
        {
            allowed.actions.clone_from(&scope.actions);
            return Ok(allowed);
        }
        _ => return Ok(allowed),
    }
    let Some((project, _)) = scope.name.split_once('/') else { return Ok(allowed) };
    let Ok(name) = project.parse::<ProjectName>() else { return Ok(allowed) };
    if let Some(known) = known.get(&name) {
        return Ok(known.clone());
    }
    if let Some(project) = projects::by_name(app, &name).await? {
        *newest = project.created_at.max(*newest);
        let standing = Standing::of(app, caller, &project).await?;
        let asked = [Action::Pull, Action::Push, Action::Delete, Action::ScannerPull];
        let granted = asked.into_iter().filter(|action| standing.may(Resource::Repository, *action));
        allowed.actions = granted.map(|action| action.as_str().to_owned()).collect();
        // Whether there is a project is not told to those who may do nothing there.
        allowed.project_id = (!allowed.actions.is_empty()).then_some(project.id);
    }
    known.insert(name, allowed.clone());
    Ok(allowed)
}
