//! Refusals that are worth a line in the audit log.
//!
//! What succeeds is recorded by its operation, in its transaction. Of what changes people, members, projects and settings
//! the log also tells that somebody was refused. Nobody's attempts are not recorded, or anybody could fill the log.

use crate::kit::{ProjectNameOrId, RequestContext, path};
use crate::state::Web;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use haven_core::access::{self, Grant, permissions::ReadProject};
use haven_core::audit::{self, Act, Entry};
use haven_core::projects::parse_name;
use haven_core::{Result, identity, members};
use percent_encoding::percent_decode_str;
use std::error::Error as StdError;

/// The operations of the REST API that this is about. Logging in and out is recorded by whoever does it.
const RECORDED: [(&str, Act); 13] = [
    ("createUser", Act::CreateUser),
    ("deleteUser", Act::DeleteUser),
    ("updateUserProfile", Act::UpdateUser),
    ("updateUserPassword", Act::UpdateUser),
    ("setUserSysAdmin", Act::UpdateUser),
    ("updateConfigurations", Act::UpdateConfiguration),
    ("createProjectMember", Act::CreateMember),
    ("updateProjectMember", Act::UpdateMember),
    ("deleteProjectMember", Act::DeleteMember),
    ("updateProject", Act::UpdateProject),
    ("addProjectMetadatas", Act::UpdateProject),
    ("updateProjectMetadata", Act::UpdateProject),
    ("deleteProjectMetadata", Act::UpdateProject),
];

/// Records a refusal, with the name of what the request is about and the project that it concerns.
pub(crate) async fn layer(State(web): State<Web>, request: Request, next: Next) -> Response {
    // All of them change something, and most requests do not.
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let context = RequestContext::of(request.extensions());
    let place = Place::of(&request);
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || context.caller().is_empty() {
        return response;
    }
    let Some((_, act)) = RECORDED.iter().find(|(id, _)| *id == context.operation()) else { return response };
    if let Err(error) = record(&web, &context, *act, &place).await {
        let error = &error as &dyn StdError;
        tracing::error!(error, "a refusal is not in the audit log");
    }
    response
}

async fn record(web: &Web, context: &RequestContext, act: Act, place: &Place) -> Result<()> {
    let said = context.subject().unwrap_or_default().to_owned();
    let entry = |name: String| Entry::new(act, context.caller(), name);
    let entry = match act {
        Act::UpdateConfiguration => entry("configuration".to_owned()),
        Act::CreateUser => entry(said),
        Act::UpdateUser | Act::DeleteUser => {
            let found = match place.number(USER) {
                Some(id) => identity::name_of(&web.app, id).await?,
                None => None,
            };
            entry(found.unwrap_or_else(|| place.text(USER)))
        }
        _ => {
            let project = place.project(web, context).await;
            let name = match (act, &project) {
                (Act::CreateMember, _) => said,
                (Act::UpdateProject, Some(project)) => project.project.name.to_string(),
                (Act::UpdateProject, None) => place.text(PROJECT),
                (_, project) => place.member(web, project.as_ref()).await?,
            };
            entry(name).in_project(project.map_or(0, |project| project.project.id))
        }
    };
    audit::record_refusal(&web.app, entry).await
}

/// Where paths below the prefix name a project or a user, and a member of the project.
const PROJECT: usize = 1;
const USER: usize = 1;
const MEMBER: usize = 3;

/// What the path of a request says it is about, whether or not its handler came to read it.
struct Place {
    segments: Vec<String>,
    /// Digits are a name, too.
    is_name: bool,
}

impl Place {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let below = path.strip_prefix("/api/v2.0").unwrap_or(path).trim_start_matches('/');
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        Self {
            segments: below.split('/').map(decoded).collect(),
            is_name: path::is_resource_name(request.headers()).unwrap_or_default(),
        }
    }

    fn text(&self, at: usize) -> String {
        self.segments.get(at).cloned().unwrap_or_default()
    }

    fn number(&self, at: usize) -> Option<i64> {
        self.text(at).parse().ok()
    }

    /// The project, if there is one and the caller may know it.
    async fn project(&self, web: &Web, context: &RequestContext) -> Option<Grant<ReadProject>> {
        let (app, caller) = (&web.app, context.asked()?);
        let found = match ProjectNameOrId::read(&self.text(PROJECT), self.is_name) {
            ProjectNameOrId::Id(id) => access::require_by_id(app, caller, id).await,
            ProjectNameOrId::Name(name) => access::require(app, caller, &parse_name(&name).ok()?).await,
        };
        found.ok()
    }

    async fn member(&self, web: &Web, project: Option<&Grant<ReadProject>>) -> Result<String> {
        let found = match (self.number(MEMBER), project) {
            (Some(id), Some(project)) => members::name(&web.app, project, id).await?,
            _ => None,
        };
        Ok(found.unwrap_or_else(|| self.text(MEMBER)))
    }
}
