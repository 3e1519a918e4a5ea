//! The distribution API below `/v2/` (the OCI distribution specification 1.1).

mod auth;
mod blobs;
mod lists;
mod manifests;
mod route;
mod uploads;

use crate::conn::Origin;
use crate::kit::RequestContext;
use crate::state::Web;
use crate::{csrf, session};
use auth::{Answer, Client, Refused};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use haven_core::{Code, Error};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use route::Route;

/// On every answer of this API.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const REGISTRY_2: HeaderValue = HeaderValue::from_static("registry/2.0");

/// One request of this API.
struct Call {
    web: Web,
    origin: Origin,
    parts: Parts,
    client: Client,
}

/// Answers every request below `/v2`.
pub(crate) async fn serve(State(web): State<Web>, origin: Origin, request: Request) -> Response {
    let mut response = if session::is_carried(request.headers()) {
        let (on, at) = (web.clone(), origin.clone());
        let serve = move |request| async move {
            answer(web, origin, request).await.unwrap_or_else(Refused::into_response)
        };
        csrf::guard(&on, &at, request, serve).await
    } else {
        answer(web, origin, request).await.unwrap_or_else(Refused::into_response)
    };
    response.headers_mut().insert(API_VERSION, REGISTRY_2);
    response
}

async fn answer(web: Web, origin: Origin, request: Request) -> Answer {
    let context = RequestContext::of(request.extensions());
    let (parts, body) = request.into_parts();
    let route = Route::parse(parts.uri.path());
    context.set_operation(route.as_ref().map_or("v2_others", Route::operation));
    let client = Client::of(&web, &origin, &parts.headers).await?;
    context.set_caller(&client.caller.actor());
    let call = Call { web, origin, parts, client };
    let route = match route {
        Ok(route) => route,
        Err(error) => return call.malformed(error),
    };
    call.check_writable().await?;
    call.dispatch(route, body).await
}

impl Call {
    async fn dispatch(self, route: Route, body: Body) -> Answer {
        let method = self.parts.method.clone();
        let reads = matches!(method, Method::GET | Method::HEAD);
        match (route, method) {
            (Route::Base, _) if reads => self.base(),
            (Route::Catalog, Method::GET) => self.catalog().await,
            (Route::Tags { name }, Method::GET) => self.tags(&name).await,
            (Route::Referrers { name, digest }, Method::GET) => self.referrers(&name, &digest).await,
            (Route::Manifest { name, reference }, _) if reads => self.get_manifest(&name, &reference).await,
            (Route::Manifest { name, reference }, Method::PUT) => {
                self.put_manifest(&name, &reference, body).await
            }
            (Route::Manifest { name, reference }, Method::DELETE) => {
                self.delete_manifest(&name, &reference).await
            }
            (Route::Blob { name, digest }, _) if reads => self.get_blob(&name, &digest).await,
            (Route::Blob { name, digest }, Method::DELETE) => self.delete_blob(&name, &digest).await,
            (Route::Uploads { name }, Method::POST) => self.start_upload(&name, body).await,
            (Route::Upload { name, id }, _) if reads => self.upload_status(&name, &id).await,
            (Route::Upload { name, id }, Method::PATCH) => self.append_upload(&name, &id, body).await,
            (Route::Upload { name, id }, Method::PUT) => self.finish_upload(&name, &id, body).await,
            (Route::Upload { name, id }, Method::DELETE) => self.cancel_upload(&name, &id).await,
            (_, method) => Err(not_allowed(&method)),
        }
    }

    /// A path that is none of ours is refused only to those who have shown who they are.
    fn malformed(&self, error: Error) -> Answer {
        Err(if self.client.is_known() {
            error.into()
        } else {
            self.challenge(None, "unauthorized: unauthorized")
        })
    }

    async fn check_writable(&self) -> Result<(), Error> {
        if matches!(self.parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        crate::read_only::check(&self.web).await
    }
}

fn not_allowed(method: &Method) -> Refused {
    Error::new(Code::MethodNotAllowed, format!("method {method} is not allowed here")).into()
}
