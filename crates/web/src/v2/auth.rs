//! Who may do what below `/v2`, and how a refusal is told.
//!
//! A refusal is always 401, never 403, with a challenge: clients are pushed into the token flow that way.

use super::Call;
use crate::caller::{self, Presented};
use crate::conn::Origin;
use crate::kit::OciError;
use crate::state::Web;
use axum::response::{IntoResponse, Response};
use haven_core::access::{self, Caller, Grant, SystemGrant, permissions};
use haven_core::token::SERVICE;
use haven_core::{Code, Error, Result, registry};
use haven_oci::RepositoryName;
use http::{HeaderMap, HeaderValue, Method, header};

/// The caller with how they showed who they are.
pub(super) struct Client {
    pub(super) caller: Caller,
    presented: Presented,
}

/// Why a request is not served: an error, or a whole answer with a challenge.
pub(super) enum Refused {
    Error(OciError),
    Challenge(Box<Response>),
}

/// What every handler of this API returns.
pub(super) type Answer = Result<Response, Refused>;

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(OciError(error))
    }
}

impl From<haven_oci::Error> for Refused {
    fn from(error: haven_oci::Error) -> Self {
        Error::from(error).into()
    }
}

impl Refused {
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Challenge(response) => *response,
        }
    }
}

impl Client {
    pub(super) async fn of(web: &Web, origin: &Origin, headers: &HeaderMap) -> Result<Self> {
        let (caller, presented) = caller::of_distribution(web, origin, headers).await?;
        Ok(Self { caller, presented })
    }

    /// Whether we know who it is: a token that was issued to nobody is nobody.
    pub(super) fn is_known(&self) -> bool {
        match &self.caller {
            Caller::Anonymous => false,
            Caller::Person(_) | Caller::Limited(_) | Caller::Robot(_) => true,
            Caller::Token(token) => !token.subject.is_empty() && !token.expired,
        }
    }

    fn is_expired(&self) -> bool {
        matches!(&self.caller, Caller::Token(token) if token.expired)
    }
}

impl Call {
    /// May the client pull from this repository?
    pub(super) async fn may_pull(&self, name: &RepositoryName) -> Result<Grant<permissions::Pull>, Refused> {
        self.expect_credentials(name, "pull")?;
        let asked = access::require(&self.web.app, &self.client.caller, &project(name)?).await;
        asked.map_err(|error| self.refused(name, "pull", error))
    }

    /// May the client push to this repository?
    pub(super) async fn may_push(&self, name: &RepositoryName) -> Result<Grant<permissions::Push>, Refused> {
        let asked = access::require(&self.web.app, &self.client.caller, &project(name)?).await;
        asked.map_err(|error| self.refused(name, "push", error))
    }

    /// May the client go on with this upload?
    pub(super) async fn may_upload(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<Grant<permissions::Push>, Refused> {
        let app = &self.web.app;
        let owner = if self.client.is_expired() { registry::owner(app, name, id).await? } else { None };
        let asked = access::require_upload(app, &self.client.caller, &project(name)?, owner.as_ref()).await;
        asked.map_err(|error| self.refused(name, "push", error))
    }

    /// May the client delete from this repository?
    pub(super) async fn may_delete(
        &self,
        name: &RepositoryName,
    ) -> Result<Grant<permissions::DeleteRepository>, Refused> {
        let asked = access::require(&self.web.app, &self.client.caller, &project(name)?).await;
        asked.map_err(|error| self.refused(name, "delete", error))
    }

    /// May the client list all repositories?
    pub(super) fn may_list_catalog(&self) -> Result<SystemGrant<permissions::ReadCatalog>, Refused> {
        access::require_catalog(&self.client.caller).map_err(|_| {
            let text = "unauthorized to list catalog: unauthorized to list catalog";
            challenge(text, Some("Basic realm=\"harbor\""))
        })
    }

    /// Reading without credentials is refused even in a public project: that is how clients come to fetch a token.
    fn expect_credentials(&self, name: &RepositoryName, action: &str) -> Result<(), Refused> {
        let reads = matches!(self.parts.method, Method::GET | Method::HEAD);
        if reads && self.client.presented == Presented::Nothing {
            return Err(self.challenge_repository(name, action));
        }
        Ok(())
    }

    fn refused(&self, name: &RepositoryName, action: &str, error: Error) -> Refused {
        match error.code {
            Code::Unauthorized | Code::Forbidden => self.challenge_repository(name, action),
            Code::NotFound => challenge(&twice(&error.message), Some("")),
            _ => error.into(),
        }
    }

    fn challenge_repository(&self, name: &RepositoryName, action: &str) -> Refused {
        let actions = if action == "push" { "pull,push" } else { action };
        let mut scope = format!("repository:{name}:{actions}");
        if let Some(from) = self.mount_source() {
            scope.push_str(&format!(" repository:{from}:pull"));
        }
        let text = format!("unauthorized to access repository: {name}, action: {action}");
        self.challenge(Some(&scope), &twice(&text))
    }

    /// A 401 that says where tokens are, unless the client has shown that it has what it can get.
    pub(super) fn challenge(&self, scope: Option<&str>, text: &str) -> Refused {
        let bearer = |more: &str| {
            let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
            format!(
                "Bearer realm=\"{}/service/token\",service=\"{SERVICE}\"{scope}{more}",
                self.origin.base_url()
            )
        };
        let header = match self.client.presented {
            Presented::Nothing => bearer(""),
            // A token that no longer holds can be had again.
            Presented::Bearer if self.client.is_expired() => bearer(",error=\"invalid_token\""),
            Presented::Bearer if matches!(self.client.caller, Caller::Anonymous) => {
                bearer(",error=\"invalid_token\"")
            }
            _ => "Basic realm=\"harbor\"".to_owned(),
        };
        challenge(text, Some(&header))
    }

    /// The repository a mount is from, when it is one that can be named in a challenge.
    fn mount_source(&self) -> Option<RepositoryName> {
        let query = crate::kit::Params::parse(self.parts.uri.query().unwrap_or_default()).ok()?;
        query.text("mount")?;
        query.text("from")?.parse().ok()
    }
}

fn challenge(text: &str, header: Option<&str>) -> Refused {
    let mut response = OciError(Error::new(Code::Unauthorized, text)).into_response();
    if let Some(value) = header.and_then(|header| HeaderValue::from_str(header).ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    Refused::Challenge(Box::new(response))
}

/// Clients look for the text in the doubled form that Harbor gives it.
fn twice(text: &str) -> String {
    format!("{text}: {text}")
}

fn project(name: &RepositoryName) -> Result<haven_oci::ProjectName, Refused> {
    Ok(name.project().parse()?)
}
