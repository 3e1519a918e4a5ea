//! The pages we serve ourselves: a front door, and the API made readable. Everything they need comes from here.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use haven_core::Error;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::conn::Origin;
use crate::kit::ApiError;

/// Only our own files, no frames, no forms that lead elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const HOME: &str = include_str!("../assets/home.html");
const DEVCENTER: &str = include_str!("../assets/devcenter.html");

/// The files that the pages load, by name.
const FILES: [(&str, &str, &str); 8] = [
    ("haven.css", "text/css; charset=utf-8", include_str!("../assets/haven.css")),
    ("devcenter.css", "text/css; charset=utf-8", include_str!("../assets/devcenter.css")),
    ("devcenter.js", "text/javascript; charset=utf-8", include_str!("../assets/devcenter.js")),
    ("dom.js", "text/javascript; charset=utf-8", include_str!("../assets/dom.js")),
    ("operation.js", "text/javascript; charset=utf-8", include_str!("../assets/operation.js")),
    ("schema.js", "text/javascript; charset=utf-8", include_str!("../assets/schema.js")),
    ("try.js", "text/javascript; charset=utf-8", include_str!("../assets/try.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// `/`, `/devcenter-api-2.0` and their files below `/static/`.
pub fn router<S: Clone + Send + Sync + 'static>(version: &'static str) -> Router<S> {
    let home = move |headers: HeaderMap, origin: Origin| async move {
        document(&headers, "text/html; charset=utf-8", home(version, &origin))
    };
    Router::new()
        .route("/", get(home))
        .route("/devcenter-api-2.0", get(devcenter))
        .route("/static/{name}", get(file))
}

fn home(version: &str, origin: &Origin) -> String {
    let host = origin.host.as_deref().unwrap_or("localhost");
    HOME.replace("{{version}}", &escaped(version)).replace("{{host}}", &escaped(host))
}

async fn devcenter(headers: HeaderMap) -> Response {
    document(&headers, "text/html; charset=utf-8", DEVCENTER)
}

async fn file(headers: HeaderMap, Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => document(&headers, content_type, *text),
        None => ApiError(Error::not_found("no such file")).into_response(),
    }
}

/// Answers with a text, or with 304 when the client has this very text. It is asked for again each time.
fn document(headers: &HeaderMap, content_type: &'static str, text: impl Into<String>) -> Response {
    let text = text.into();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|known| known.trim().ends_with(&tag)));
    let common = [(header::CACHE_CONTROL, "no-cache".to_owned()), (header::ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let typed = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (common, typed, text).into_response()
}

/// Text as it may stand in HTML, within an element or a quoted attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn answer(path: &str, known: Option<HeaderValue>) -> (Response<()>, String) {
        let mut request = Request::builder().uri(path);
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let origin = Origin { host: Some("reg.example:8443".to_owned()), ..Origin::default() };
        let request = request.extension(origin).body(Body::empty()).unwrap();
        let (parts, body) = router::<()>("1.2.3").oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_front_door_says_what_runs_and_how_to_log_in() {
        let (head, body) = answer("/", None).await;
        assert_eq!(head.status(), 200);
        assert!(
            head.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'")
        );
        assert!(body.contains("docker login reg.example:8443") && body.contains("1.2.3"), "{body}");
        assert!(!body.contains("{{"), "{body}");
    }

    #[tokio::test]
    async fn pages_ask_for_nothing_from_elsewhere_and_every_file_is_there() {
        let mut texts: Vec<(&str, String)> =
            FILES.iter().map(|(name, _, text)| (*name, (*text).to_owned())).collect();
        texts.push(("home", HOME.to_owned()));
        texts.push(("devcenter", DEVCENTER.to_owned()));
        for (name, text) in &texts {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
            for start in text.match_indices("/static/").map(|(at, found)| at + found.len()) {
                let file: String =
                    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
                assert!(FILES.iter().any(|(known, ..)| *known == file), "{name} wants {file}");
            }
        }
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let (head, _) = answer("/static/haven.css", None).await;
        assert_eq!(
            (head.status().as_u16(), &head.headers()["content-type"]),
            (200, &HeaderValue::from_static("text/css; charset=utf-8"))
        );
        let (head, body) = answer("/static/haven.css", Some(head.headers()["etag"].clone())).await;
        assert_eq!((head.status().as_u16(), body.as_str()), (304, ""));
        assert_eq!(answer("/static/none.css", None).await.0.status(), 404);
    }

    #[test]
    fn nothing_escapes_into_markup() {
        assert_eq!(escaped("<a href='\"&\">"), "&lt;a href=&#39;&quot;&amp;&quot;&gt;");
    }
}
