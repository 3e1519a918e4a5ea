//! Refusals that are worth a line in the audit log.
//!
//! What succeeds is recorded by its operation, in its transaction. Of what changes people, members, projects and settings
//! the log also tells that somebody was refused. Nobody's attempts are not recorded, or anybody could fill the log.

use crate::kit::RequestContext;
use crate::state::Web;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use haven_core::audit::{self, Act, Entry};
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

/// Records a refusal, with what the handler said the request is about, or else with its path.
pub(crate) async fn layer(State(web): State<Web>, request: Request, next: Next) -> Response {
    let context = RequestContext::of(request.extensions());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || context.caller().is_empty() {
        return response;
    }
    let Some((_, act)) = RECORDED.iter().find(|(id, _)| *id == context.operation()) else { return response };
    let name = context.subject().map_or(path, |subject| subject.name.clone());
    let mut entry = Entry::new(*act, context.caller(), name);
    if let Some(project) = context.subject().and_then(|subject| subject.project_id) {
        entry = entry.in_project(project);
    }
    if let Err(error) = audit::record_refusal(&web.app, entry).await {
        let error = &error as &dyn StdError;
        tracing::error!(error, "a refusal is not in the audit log");
    }
    response
}
