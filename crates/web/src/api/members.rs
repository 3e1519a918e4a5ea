//! `/projects/{project_name_or_id}/members`.

use super::{require_project, shapes};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, ProjectNameOrId, RequestContext, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::permissions::DeleteMember;
use haven_core::members::{self, Named, NamedGroup, NamedUser, NewMember};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str = "/projects/{project_name_or_id}/members";
    const ONE: &str = "/projects/{project_name_or_id}/members/{mid}";
    Routes::new("/api/v2.0")
        .get("listProjectMembers", ALL, list)
        .post("createProjectMember", ALL, create)
        .get("getProjectMember", ONE, get)
        .put("updateProjectMember", ONE, update)
        .delete("deleteProjectMember", ONE, delete)
}

/// Some clients send an empty object for the kind of member that they do not mean.
#[derive(Default, Deserialize)]
struct Body {
    role_id: Option<i64>,
    member_user: Option<User>,
    member_group: Option<Group>,
}

#[derive(Default, Deserialize)]
struct User {
    user_id: Option<i64>,
    username: Option<String>,
}

#[derive(Default, Deserialize)]
struct Group {
    id: Option<i64>,
    group_name: Option<String>,
    group_type: Option<i64>,
    ldap_group_dn: Option<String>,
}

impl Body {
    fn read(self) -> NewMember {
        let (user, group) = (self.member_user.unwrap_or_default(), self.member_group.unwrap_or_default());
        let user =
            NamedUser { id: user.user_id.unwrap_or_default(), username: user.username.unwrap_or_default() };
        let group = NamedGroup {
            id: group.id.unwrap_or_default(),
            name: group.group_name.unwrap_or_default(),
            kind: group.group_type.unwrap_or_default(),
            ldap_dn: group.ldap_group_dn.unwrap_or_default(),
        };
        NewMember { who: Named { user, group }, role: self.role_id.unwrap_or_default() }
    }
}

/// Without a body nothing is said, which the rules then refuse.
fn said(body: Option<Json<Body>>) -> Body {
    body.map(|Json(body)| body).unwrap_or_default()
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    mut params: Params,
) -> ApiResult<Response> {
    let (page, name) = (params.page(), params.text("entityname"));
    params.finish()?;
    let grant = require_project(&web, &caller, &project).await?;
    let (found, total) = members::list(&web.app, &grant, name, page).await?;
    let items: Vec<Value> = found.iter().map(shapes::member).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn create(
    State(web): State<Web>,
    context: RequestContext,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    body: Option<Json<Body>>,
) -> ApiResult<Response> {
    let new = said(body).read();
    context.set_subject(new.who.text());
    let grant = require_project(&web, &caller, &project).await?;
    let id = members::create(&web.app, &grant, &new).await?;
    let location = format!("/api/v2.0/projects/{project}/members/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
) -> ApiResult<Json<Value>> {
    let grant = require_project(&web, &caller, &project).await?;
    Ok(Json(shapes::member(&members::get(&web.app, &grant, id).await?)))
}

async fn update(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
    body: Option<Json<Body>>,
) -> ApiResult<StatusCode> {
    let grant = require_project(&web, &caller, &project).await?;
    members::update(&web.app, &grant, id, said(body).role_id.unwrap_or_default()).await?;
    Ok(StatusCode::OK)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
) -> ApiResult<StatusCode> {
    let grant = require_project::<DeleteMember>(&web, &caller, &project).await?;
    members::delete(&web.app, &grant, id).await?;
    Ok(StatusCode::OK)
}
