//! `…/artifacts/{reference}/additions/{addition}`.

use super::artifacts::reference;
use super::{repository, require};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Path, Problems, RepositoryPath, Routes};
use crate::state::Web;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::permissions::ReadAddition;
use haven_core::catalog::{self, AdditionName, Content};
use http::header;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str =
        "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/additions";
    Routes::new("/api/v2.0")
        .get("getVulnerabilitiesAddition", &format!("{ALL}/vulnerabilities"), vulnerabilities)
        .get("getAddition", &format!("{ALL}/{{addition}}"), get)
}

/// The words that stand for additions; another one is told so before anything else is looked at.
fn name(text: &str) -> ApiResult<AdditionName> {
    let Some(name) = AdditionName::parse(text) else {
        let names = AdditionName::ALL.map(AdditionName::as_str).join(" ");
        let mut problems = Problems::default();
        problems.add(format!("addition in path should be one of [{names}]"));
        return Err(problems.into());
    };
    Ok(name)
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text, addition)): Path<(String, RepositoryPath, String, String)>,
) -> ApiResult<Response> {
    let addition = name(&addition)?;
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let found = catalog::addition(&web.app, &grant, &name, &reference(&text)?, addition).await?;
    let content_type = [(header::CONTENT_TYPE, found.content_type)];
    Ok(match found.content {
        Content::Whole(bytes) => (content_type, bytes).into_response(),
        Content::Stream(stream, size) => {
            let length = [(header::CONTENT_LENGTH, size)];
            (content_type, length, Body::from_stream(stream)).into_response()
        }
    })
}

/// Reports by media type: none as long as there is no scanner.
async fn vulnerabilities(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
) -> ApiResult<Json<Value>> {
    let grant = require::<ReadAddition>(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    catalog::expect_artifact(&web.app, &grant, &name, &reference(&text)?).await?;
    Ok(Json(json!({})))
}
