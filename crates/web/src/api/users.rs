//! `/users`.

use super::shapes;
use crate::caller::Asked;
use crate::conn::Origin;
use crate::csrf::FromPortal;
use crate::kit::params::Problems;
use crate::kit::{ApiResult, Json, Paged, Params, Path, RequestContext, Routes};
use crate::session::{self, Carried};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::permissions::{Administer, ListUsers};
use haven_core::access::require_system;
use haven_core::identity::{self, NewUser, PasswordChange, Profile};
use haven_db::list::{Match, Term};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/users/{user_id}";
    Routes::new("/api/v2.0")
        .get("getCurrentUserInfo", "/users/current", current)
        .get("searchUsers", "/users/search", search)
        .get("listUsers", "/users", list)
        .post("createUser", "/users", create)
        .get("getUser", ONE, get)
        .put("updateUserProfile", ONE, put)
        .delete("deleteUser", ONE, delete)
        .put("updateUserPassword", &format!("{ONE}/password"), put_password)
        .put("setUserSysAdmin", &format!("{ONE}/sysadmin"), put_sysadmin)
        .put("setCliSecret", &format!("{ONE}/cli_secret"), put_cli_secret)
}

#[derive(Deserialize)]
struct ProfileBody {
    email: Option<String>,
    realname: Option<String>,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct NewBody {
    username: Option<String>,
    password: Option<String>,
    #[serde(flatten)]
    profile: ProfileBody,
}

#[derive(Deserialize)]
struct PasswordBody {
    old_password: Option<String>,
    new_password: Option<String>,
}

#[derive(Deserialize)]
struct SysAdminBody {
    sysadmin_flag: Option<bool>,
}

impl From<ProfileBody> for Profile {
    fn from(body: ProfileBody) -> Self {
        Self {
            email: body.email.unwrap_or_default(),
            realname: body.realname.unwrap_or_default(),
            comment: body.comment.unwrap_or_default(),
        }
    }
}

/// The canonical probe of credentials.
async fn current(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    let user = identity::current(&web.app, &caller).await?;
    Ok(Json(shapes::user(&user)))
}

/// Beside the query language, `username` and `email` are looked for anywhere in the text.
async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let mut query = params.list();
    for key in ["username", "email"] {
        let term = params.text(key).map(|text| Term { key: key.to_owned(), value: Match::Fuzzy(text) });
        query.terms.extend(term);
    }
    params.finish()?;
    let grant = require_system::<ListUsers>(&caller)?;
    let (found, total) = identity::list(&web.app, &grant, query).await?;
    let items: Vec<Value> = found.iter().map(shapes::user).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn search(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let (page, text) = (params.page(), params.required("username"));
    params.finish()?;
    let (found, total) = identity::search(&web.app, &caller, &text, page).await?;
    let brief = |user: &identity::User| json!({ "user_id": user.id, "username": user.username });
    let items: Vec<Value> = found.iter().map(brief).collect();
    // There is one page: no neighbour has the rest.
    let total = [(header::HeaderName::from_static("x-total-count"), total.to_string())];
    Ok((total, Json(items)).into_response())
}

async fn create(
    State(web): State<Web>,
    context: RequestContext,
    Asked(caller): Asked,
    FromPortal(from_portal): FromPortal,
    Json(body): Json<NewBody>,
) -> ApiResult<Response> {
    let (username, profile) = (body.username.unwrap_or_default(), Profile::from(body.profile));
    context.set_subject(username.as_str());
    let mut problems = Problems::default();
    for (name, text) in [("email", &profile.email), ("username", &username)] {
        if text.chars().count() > 255 {
            problems.add(format!("{name} in body should be at most 255 chars long"));
        }
    }
    problems.finish()?;
    let new = NewUser { username, password: body.password.unwrap_or_default(), profile };
    let id = identity::create(&web.app, &caller, new, from_portal).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v2.0/users/{id}"))]).into_response())
}

async fn get(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<Json<Value>> {
    let user = identity::get(&web.app, &caller, id).await?;
    Ok(Json(shapes::user(&user)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<ProfileBody>,
) -> ApiResult<StatusCode> {
    identity::update_profile(&web.app, &caller, id, &body.into()).await?;
    Ok(StatusCode::OK)
}

async fn delete(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<StatusCode> {
    identity::delete(&web.app, &caller, id).await?;
    Ok(StatusCode::OK)
}

/// Whoever changes their own password in a session goes on in a new one; every other session ends.
async fn put_password(
    State(web): State<Web>,
    Asked(caller): Asked,
    origin: Origin,
    (Path(id), Carried(session)): (Path<i64>, Carried),
    Json(body): Json<PasswordBody>,
) -> ApiResult<Response> {
    let change = PasswordChange {
        old: body.old_password.as_deref().unwrap_or_default(),
        new: body.new_password.as_deref().unwrap_or_default(),
        address: origin.client_ip,
        session: session.as_ref(),
    };
    let session = identity::change_password(&web.app, &caller, id, &change).await?;
    let mut response = StatusCode::OK.into_response();
    if let Some(session) = session {
        session::give(response.headers_mut(), &session, origin.is_secure());
    }
    Ok(response)
}

async fn put_sysadmin(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<SysAdminBody>,
) -> ApiResult<StatusCode> {
    let grant = require_system::<Administer>(&caller)?;
    identity::set_sysadmin(&web.app, &grant, id, body.sysadmin_flag.unwrap_or_default()).await?;
    Ok(StatusCode::OK)
}

async fn put_cli_secret(
    Asked(caller): Asked,
    Path(_): Path<i64>,
    Json(_): Json<Map<String, Value>>,
) -> ApiResult<StatusCode> {
    identity::change_cli_secret(&caller)?;
    Ok(StatusCode::OK)
}
