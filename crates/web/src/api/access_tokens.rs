//! `/users/current/tokens`, and `/users/{user_id}/tokens` for administrators.

use super::shapes::Shape;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::{Caller, Reach, require_login};
use haven_core::access_tokens::{self, NewToken, Token};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const MINE: &str = "/users/current/tokens";
    const THEIRS: &str = "/users/{user_id}/tokens";
    Routes::new("/api/v2.0")
        .get("listMyAccessTokens", MINE, list_mine)
        .post("createAccessToken", MINE, create)
        .get("getMyAccessToken", &format!("{MINE}/{{token_id}}"), get_mine)
        .delete("revokeMyAccessToken", &format!("{MINE}/{{token_id}}"), revoke_mine)
        .get("listAccessTokens", THEIRS, list)
        .delete("revokeAccessToken", &format!("{THEIRS}/{{token_id}}"), revoke)
}

#[derive(Deserialize)]
struct Body {
    name: Option<String>,
    description: Option<String>,
    scopes: Option<Vec<String>>,
    projects: Option<Vec<String>>,
    duration: Option<i64>,
}

fn shape(token: &Token) -> Shape {
    let scopes: Vec<Value> = token.reach.iter().map(|reach| Reach::as_str(*reach).into()).collect();
    let mut shape = Shape::new()
        .with("id", token.id)
        .with("name", token.name.as_str())
        .unless_empty("description", token.description.as_str())
        .with("beginning", token.beginning())
        .with("scopes", scopes)
        .time("creation_time", token.created_at);
    if let Some(projects) = &token.projects {
        shape = shape.with("projects", projects.clone());
    }
    for (name, time) in [("expiration_time", token.expires_at), ("last_used_time", token.used_at)] {
        shape = time.into_iter().fold(shape, |shape, time| shape.time(name, time));
    }
    shape
}

fn me(caller: &Caller) -> ApiResult<i64> {
    Ok(require_login(caller)?.id)
}

async fn list_mine(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let page = params.page();
    params.finish()?;
    let mine = me(&caller)?;
    pages(access_tokens::list(&web.app, &caller, mine, page).await?)
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(user): Path<i64>,
    mut params: Params,
) -> ApiResult<Response> {
    let page = params.page();
    params.finish()?;
    pages(access_tokens::list(&web.app, &caller, user, page).await?)
}

fn pages((found, total): (Vec<Token>, i64)) -> ApiResult<Response> {
    let items: Vec<Value> = found.iter().map(|token| shape(token).done()).collect();
    Ok(Paged::new(items, total).into_response())
}

/// The one answer that shows the token itself.
async fn create(State(web): State<Web>, Asked(caller): Asked, Json(body): Json<Body>) -> ApiResult<Response> {
    let new = NewToken {
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        scopes: body.scopes.unwrap_or_default(),
        projects: body.projects,
        duration: body.duration,
    };
    let made = access_tokens::create(&web.app, &caller, new).await?;
    let body = Json(shape(&made.token).with("token", made.secret).done());
    let location = format!("/api/v2.0/users/current/tokens/{}", made.token.id);
    let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn get_mine(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
) -> ApiResult<Json<Value>> {
    let found = access_tokens::get(&web.app, &caller, me(&caller)?, id).await?;
    Ok(Json(shape(&found).done()))
}

async fn revoke_mine(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    access_tokens::revoke(&web.app, &caller, me(&caller)?, id).await?;
    Ok(StatusCode::OK)
}

async fn revoke(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((user, id)): Path<(i64, i64)>,
) -> ApiResult<StatusCode> {
    access_tokens::revoke(&web.app, &caller, user, id).await?;
    Ok(StatusCode::OK)
}
