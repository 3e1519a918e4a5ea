//! JSON bodies, read within limits and written as this API writes them.

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use haven_core::{Code, Error};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

use super::body::{self, Unread};
use super::error::{ApiError, ApiResult};
use super::params::Problems;

/// The largest body of the REST API.
pub const MAX_BODY: usize = 1 << 20;
/// A body takes no longer than this; the time for the request as a whole is over later, which would be our fault.
const LONGEST: Duration = Duration::from_secs(30);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// How problems name the body.
const BODY: &str = "body";

/// A JSON body, of a request or of a response. Unknown members of a request are ignored.
///
/// `Option<Json<T>>` takes a request without a body, or with `null`, as `None`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        match read(request).await? {
            Some(bytes) => decode(&bytes).map(Json),
            None => Err(missing()),
        }
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Option<Self>> {
        let Some(bytes) = read(request).await? else { return Ok(None) };
        Ok(decode::<Option<T>>(&bytes)?.map(Json))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut bytes) => {
                bytes.push(b'\n');
                ([(header::CONTENT_TYPE, JSON)], bytes).into_response()
            }
            Err(error) => ApiError(Error::internal("response as JSON").because(error)).into_response(),
        }
    }
}

/// The bytes of the body, if there is one and it is JSON by its type.
async fn read(request: Request) -> ApiResult<Option<Bytes>> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(None);
    }
    let typed = check_type(&parts.headers);
    let bytes = collect(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    typed?;
    Ok(Some(bytes))
}

async fn collect(body: Body) -> ApiResult<Bytes> {
    let late = |_| Error::bad_request("the body did not come in time");
    let body = tokio::time::timeout(LONGEST, body::collect(body, MAX_BODY)).await.map_err(late)?;
    body.map_err(|unread| match unread {
        Unread::TooLarge => {
            Error::new(Code::TooLarge, format!("the body is larger than {MAX_BODY} bytes")).into()
        }
        Unread::Broken(error) => {
            Error::bad_request("the body ended before it was complete").because(error).into()
        }
    })
}

/// A body of another type is a validation problem here, not a 415.
fn check_type(headers: &HeaderMap) -> ApiResult<()> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let sent = sent.filter(|sent| !sent.is_empty()).unwrap_or("application/octet-stream");
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(problem(format!("unsupported media type {essence:?}, only [application/json] are allowed")))
}

/// Nesting is bounded by the parser; a NUL in a text is refused, since not every database can keep it. So is a list,
/// whose items would otherwise pass for an object's members in their order: no operation takes one.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let failed =
        |reason: String| problem(format!("parsing {BODY} {BODY} from \"\" failed, because {reason}"));
    let value = serde_json::from_slice(bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(failed("an object is expected, not a list".to_owned()));
    }
    if has_nul(bytes) { Err(failed("a text contains a NUL".to_owned())) } else { Ok(value) }
}

/// Whether a text or a member name contains `U+0000`; exact, and cheap for a body without the escape.
fn has_nul(bytes: &[u8]) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(within),
            Value::Object(members) => {
                members.iter().any(|(name, value)| name.contains('\0') || within(value))
            }
            _ => false,
        }
    }
    bytes.windows(6).any(|window| window == br"\u0000")
        && serde_json::from_slice(bytes).is_ok_and(|value| within(&value))
}

fn missing() -> ApiError {
    let mut problems = Problems::default();
    problems.required(BODY, BODY);
    problems.into()
}

fn problem(line: String) -> ApiError {
    let mut problems = Problems::default();
    problems.add(line);
    problems.into()
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use http_body_util::BodyExt as _;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        name: String,
    }

    fn request(content_type: Option<&str>, body: impl Into<Body>) -> Request {
        let mut builder = Request::builder().method("POST");
        if let Some(content_type) = content_type {
            builder = builder.header("content-type", content_type);
        }
        builder.body(body.into()).unwrap()
    }

    async fn refusal(content_type: Option<&str>, body: impl Into<Body>) -> String {
        let read = <Json<Sample> as FromRequest<()>>::from_request(request(content_type, body), &()).await;
        let error = read.unwrap_err().0;
        format!("{:?} {}", error.code, error.message.replace('\n', "|"))
    }

    #[tokio::test]
    async fn a_body_is_read_and_unknown_members_ignored() {
        let request = request(Some("Application/JSON; charset=utf-8"), r#"{"name":"a","extra":[1]}"#);
        let Json(sample) = <Json<Sample> as FromRequest<()>>::from_request(request, &()).await.unwrap();
        assert_eq!(sample.name, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_the_clients_fault() {
        let begun = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
        let stuck = Body::from_stream(begun.chain(futures::stream::pending()));
        assert_eq!(
            refusal(Some("application/json"), stuck).await,
            "BadRequest the body did not come in time"
        );
    }

    #[tokio::test]
    async fn refusals_are_validation_problems() {
        let json = Some("application/json");
        let table = [
            (json, String::new(), "body in body is required"),
            (None, String::new(), "body in body is required"),
            (
                None,
                "{}".to_owned(),
                "unsupported media type \"application/octet-stream\", only [application/json] are allowed",
            ),
            (
                Some("text/plain; a=b"),
                "{}".to_owned(),
                "unsupported media type \"text/plain\", only [application/json] are allowed",
            ),
            (
                json,
                "{".to_owned(),
                "parsing body body from \"\" failed, because EOF while parsing an object at line 1 column 1",
            ),
            (
                json,
                r#" ["a"]"#.to_owned(),
                "parsing body body from \"\" failed, because an object is expected, not a list",
            ),
            (
                json,
                r#"{"name":"a\u0000"}"#.to_owned(),
                "parsing body body from \"\" failed, because a text contains a NUL",
            ),
        ];
        for (content_type, body, want) in table {
            let told = refusal(content_type, body).await;
            assert_eq!(told, format!("Unprocessable validation failure list:|{want}"));
        }
    }

    #[tokio::test]
    async fn an_escaped_backslash_is_no_nul() {
        let request = request(Some("application/json"), r#"{"name":"a\\u0000"}"#);
        let read = <Json<Sample> as FromRequest<()>>::from_request(request, &()).await;
        assert_eq!(read.unwrap().0.name, r"a\u0000");
    }

    #[tokio::test]
    async fn size_and_depth_are_bounded() {
        let told = refusal(Some("application/json"), vec![b' '; MAX_BODY + 1]).await;
        assert_eq!(told, "TooLarge the body is larger than 1048576 bytes");
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let deep = request(Some("application/json"), deep);
        let read = <Json<Value> as FromRequest<()>>::from_request(deep, &()).await;
        let told = read.unwrap_err().0.message;
        assert!(told.contains("recursion limit exceeded"), "{told}");
    }

    #[tokio::test]
    async fn an_optional_body_may_be_absent_or_null() {
        for body in ["", "null"] {
            let request = request(Some("application/json"), body);
            let read = <Json<Sample> as OptionalFromRequest<()>>::from_request(request, &()).await;
            assert!(read.unwrap().is_none(), "{body}");
        }
    }

    #[tokio::test]
    async fn a_response_is_plain_json() {
        let response = Json(serde_json::json!({"a": 1})).into_response();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{\"a\":1}\n");
    }
}
