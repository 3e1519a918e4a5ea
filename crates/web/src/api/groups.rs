//! `/usergroups`.

use super::shapes::Shape;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::permissions::{CreateGroup, DeleteGroup, ListGroups, ReadGroup, UpdateGroup};
use haven_core::access::require_system;
use haven_core::groups::{self, Group, NewGroup};
use http::{HeaderName, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/usergroups/{group_id}";
    Routes::new("/api/v2.0")
        .get("listUserGroups", "/usergroups", list)
        .post("createUserGroup", "/usergroups", create)
        .get("searchUserGroups", "/usergroups/search", search)
        .get("getUserGroup", ONE, get)
        .put("updateUserGroup", ONE, put)
        .delete("deleteUserGroup", ONE, delete)
}

#[derive(Default, Deserialize)]
struct Body {
    group_name: Option<String>,
    group_type: Option<i64>,
    ldap_group_dn: Option<String>,
}

fn shape(group: &Group) -> Value {
    brief(group).unless_empty("ldap_group_dn", group.ldap_dn.as_str()).done()
}

fn brief(group: &Group) -> Shape {
    Shape::new().with("id", group.id).with("group_name", group.name.as_str()).with("group_type", group.kind)
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let (query, name) = (params.list(), params.text("group_name"));
    params.finish()?;
    let grant = require_system::<ListGroups>(&caller)?;
    let (found, total) = groups::list(&web.app, &grant, name, query).await?;
    let items: Vec<Value> = found.iter().map(shape).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn search(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let (page, text) = (params.page(), params.required("groupname"));
    params.finish()?;
    let (found, total) = groups::search(&web.app, &caller, &text, page).await?;
    let items: Vec<Value> = found.iter().map(|group| brief(group).done()).collect();
    // There is one page: no neighbour has the rest.
    let total = [(HeaderName::from_static("x-total-count"), total.to_string())];
    Ok((total, Json(items)).into_response())
}

async fn create(
    State(web): State<Web>,
    Asked(caller): Asked,
    body: Option<Json<Body>>,
) -> ApiResult<Response> {
    let grant = require_system::<CreateGroup>(&caller)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let new = NewGroup {
        name: body.group_name.unwrap_or_default(),
        kind: body.group_type.unwrap_or_default(),
        ldap_dn: body.ldap_group_dn.unwrap_or_default(),
    };
    let id = groups::create(&web.app, &grant, &new).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v2.0/usergroups/{id}"))]).into_response())
}

async fn get(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<Json<Value>> {
    let grant = require_system::<ReadGroup>(&caller)?;
    Ok(Json(shape(&groups::get(&web.app, &grant, id).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    body: Option<Json<Body>>,
) -> ApiResult<StatusCode> {
    let grant = require_system::<UpdateGroup>(&caller)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    groups::rename(&web.app, &grant, id, &body.group_name.unwrap_or_default()).await?;
    Ok(StatusCode::OK)
}

async fn delete(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<StatusCode> {
    let grant = require_system::<DeleteGroup>(&caller)?;
    groups::delete(&web.app, &grant, id).await?;
    Ok(StatusCode::OK)
}
