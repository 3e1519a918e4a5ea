//! The audit log: `/auditlog-exts`, `/audit-logs`, and those of a project.

use super::shapes;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, ProjectNameOrId, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::{Caller, permissions::ListAuditLog, require_system};
use haven_core::audit::{self, EVENT_TYPES, Line, Scope};
use haven_core::projects;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0")
        .get("listAuditLogExts", "/auditlog-exts", list)
        .get("listAuditLogEventTypes", "/auditlog-exts/events", event_types)
        .get("listAuditLogs", "/audit-logs", list_earlier)
        .get("getLogExts", "/projects/{project_name}/auditlog-exts", list_of_project)
        .get("getLogs", "/projects/{project_name}/logs", list_earlier_of_project)
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let scope = audit::visible(&web.app, &caller).await?;
    Ok(page(&audit::lines(&web.app, &scope, query).await?, false))
}

async fn list_earlier(
    State(web): State<Web>,
    Asked(caller): Asked,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let scope = audit::visible(&web.app, &caller).await?;
    Ok(page(&audit::earlier_lines(&web.app, &scope, query).await?, true))
}

async fn list_of_project(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let scope = scope(&web, &caller, &project).await?;
    Ok(page(&audit::lines(&web.app, &scope, query).await?, false))
}

async fn list_earlier_of_project(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let scope = scope(&web, &caller, &project).await?;
    Ok(page(&audit::earlier_lines(&web.app, &scope, query).await?, true))
}

/// Here the document speaks of names only: digits are an id where no project is named so.
async fn scope(web: &Web, caller: &Caller, project: &ProjectNameOrId) -> ApiResult<Scope> {
    let name = project.to_string();
    let grant = if projects::exists(&web.app, &name).await? {
        super::require(web, caller, &name).await?
    } else {
        super::require_project(web, caller, project).await?
    };
    Ok(audit::of_project(&grant))
}

/// What may be recorded, in the order in which portals show it.
async fn event_types(Asked(caller): Asked) -> ApiResult<Json<Value>> {
    require_system::<ListAuditLog>(&caller)?;
    let types = EVENT_TYPES.iter().map(|act| json!({ "event_type": act.event_type() }));
    Ok(Json(types.collect()))
}

fn page((lines, total): &(Vec<Line>, i64), earlier: bool) -> Response {
    let items: Vec<Value> = lines.iter().map(|line| shapes::audit_line(line, earlier)).collect();
    Paged::new(items, *total).into_response()
}
