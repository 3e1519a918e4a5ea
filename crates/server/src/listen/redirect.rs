//! From HTTP to HTTPS: the same host and path, the same method.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Response, StatusCode, header, uri::Authority},
};

/// Answers every request with the address of the same thing over HTTPS.
pub(super) fn router(https_port: u16) -> Router {
    Router::new().fallback(move |request: Request| async move { answer(&request, https_port) })
}

fn answer(request: &Request, https_port: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    match location(request, https_port) {
        Some(location) => {
            // 308 keeps the method and body of a push; 301 would turn it into a GET.
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

fn location(request: &Request, https_port: u16) -> Option<HeaderValue> {
    let named = || request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let authority = request.uri().authority().cloned().or_else(named)?;
    let host = authority.host();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    let url = match https_port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::from_str(&url).ok().filter(|_| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(uri: &str, host: Option<&str>, https_port: u16) -> Option<String> {
        let mut request = Request::builder().method("PUT").uri(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let location = location(&request.body(Body::empty()).unwrap(), https_port)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn host_path_and_query_are_kept() {
        let cases = [
            ("/v2/a/b?x=1&y=%2F", Some("reg.test"), 443, Some("https://reg.test/v2/a/b?x=1&y=%2F")),
            ("/", Some("reg.test:8080"), 8443, Some("https://reg.test:8443/")),
            ("/", Some("[::1]:80"), 443, Some("https://[::1]/")),
            ("http://other.test/p", Some("reg.test"), 443, Some("https://other.test/p")),
            ("*", Some("reg.test"), 443, Some("https://reg.test/")),
            ("/", Some("user@reg.test"), 443, Some("https://reg.test/")),
            ("/", Some("no host"), 443, None),
            ("/", None, 443, None),
        ];
        for (uri, host, port, expected) in cases {
            assert_eq!(sent_to(uri, host, port).as_deref(), expected, "{uri} {host:?}");
        }
    }
}
