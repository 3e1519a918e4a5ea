//! `/robots`.

use super::shapes::Shape;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::robots::{self, Access, Change, Created, NewRobot, Permission, RobotAccount};
use haven_db::Timestamp;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/robots/{robot_id}";
    Routes::new("/api/v2.0")
        .get("ListRobot", "/robots", list)
        .post("CreateRobot", "/robots", create)
        .get("GetRobotByID", ONE, get)
        .put("UpdateRobot", ONE, put)
        .patch("RefreshSec", ONE, patch)
        .delete("DeleteRobot", ONE, delete)
}

#[derive(Deserialize)]
struct Body {
    name: Option<String>,
    description: Option<String>,
    level: Option<String>,
    duration: Option<i64>,
    disable: Option<bool>,
    permissions: Option<Vec<PermissionBody>>,
}

#[derive(Deserialize)]
struct PermissionBody {
    kind: Option<String>,
    namespace: Option<String>,
    access: Option<Vec<AccessBody>>,
}

#[derive(Deserialize)]
pub(super) struct AccessBody {
    resource: Option<String>,
    action: Option<String>,
    effect: Option<String>,
}

#[derive(Deserialize)]
struct SecretBody {
    secret: Option<String>,
}

impl From<PermissionBody> for Permission {
    fn from(body: PermissionBody) -> Self {
        Self {
            kind: body.kind.unwrap_or_default(),
            namespace: body.namespace.unwrap_or_default(),
            access: body.access.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<AccessBody> for Access {
    fn from(body: AccessBody) -> Self {
        Self {
            resource: body.resource.unwrap_or_default(),
            action: body.action.unwrap_or_default(),
            effect: body.effect.unwrap_or_default(),
        }
    }
}

fn permissions(bodies: Option<Vec<PermissionBody>>) -> Vec<Permission> {
    bodies.unwrap_or_default().into_iter().map(Into::into).collect()
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let (found, total) = robots::list(&web.app, &caller, query).await?;
    let items: Vec<Value> = found.iter().map(shape).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn create(State(web): State<Web>, Asked(caller): Asked, Json(body): Json<Body>) -> ApiResult<Response> {
    let new = NewRobot {
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        level: body.level.unwrap_or_default(),
        duration: body.duration.unwrap_or_default(),
        permissions: permissions(body.permissions),
    };
    Ok(created(robots::create(&web.app, &caller, new).await?, "/api/v2.0/robots"))
}

async fn get(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<Json<Value>> {
    Ok(Json(shape(&robots::get(&web.app, &caller, id).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let change = Change {
        level: body.level.unwrap_or_default(),
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        duration: body.duration,
        disabled: body.disable.unwrap_or_default(),
        permissions: permissions(body.permissions),
    };
    robots::update(&web.app, &caller, id, change).await?;
    Ok(StatusCode::OK)
}

/// A secret that was chosen is not told again.
async fn patch(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<SecretBody>,
) -> ApiResult<Response> {
    let chosen = body.secret.unwrap_or_default();
    let made = robots::refresh(&web.app, &caller, id, &chosen).await?;
    let answer = made.map_or_else(|| json!({}), |secret| json!({ "secret": secret }));
    Ok(once(Json(answer).into_response()))
}

async fn delete(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<StatusCode> {
    robots::delete(&web.app, &caller, id).await?;
    Ok(StatusCode::OK)
}

/// A robot that was made below a path, with its secret.
pub(super) fn created(created: Created, path: &str) -> Response {
    let location = format!("{path}/{}", created.id);
    let shape = Shape::new()
        .with("id", created.id)
        .with("name", created.name)
        .with("secret", created.secret)
        .time("creation_time", created.created_at)
        .with("expires_at", seconds(created.expires_at))
        .done();
    once((StatusCode::CREATED, [(header::LOCATION, location)], Json(shape)).into_response())
}

/// Nothing on the way may keep a secret.
fn once(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

/// Seconds since 1970, -1 for never.
fn seconds(time: Option<Timestamp>) -> i64 {
    time.map_or(-1, Timestamp::as_secs)
}

/// A robot as it is shown, without its secret.
pub(super) fn shape(robot: &RobotAccount) -> Value {
    let access = |access: &Access| {
        Shape::new()
            .with("resource", access.resource.as_str())
            .with("action", access.action.as_str())
            .unless_empty("effect", access.effect.as_str())
            .done()
    };
    let permission = |permission: &Permission| {
        json!({
            "kind": permission.kind,
            "namespace": permission.namespace,
            "access": permission.access.iter().map(access).collect::<Vec<_>>(),
        })
    };
    Shape::new()
        .with("id", robot.id)
        .with("name", robot.name.as_str())
        .unless_empty("description", robot.description.as_str())
        .with("level", robot.level.as_str())
        .with("duration", robot.duration)
        .with("editable", true)
        .with("disable", robot.disabled)
        .with("expires_at", seconds(robot.expires_at))
        .with("permissions", robot.permissions.iter().map(permission).collect::<Vec<_>>())
        .with("creator_type", robot.creator_type.as_str())
        .unless_empty("creator_ref", robot.creator_id)
        .time("creation_time", robot.created_at)
        .time("update_time", robot.updated_at)
        .done()
}
