//! Bodies of forms.

use super::body::{self, Unread};
use super::error::{ApiError, ApiResult};
use super::query;
use axum::extract::{FromRequest, Request};
use haven_core::Error;
use http::{HeaderMap, header};

/// The largest form.
const MAX_FORM: usize = 64 * 1024;

/// The fields of a form. A body of another type has none.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A field's text; empty when there is none. Of several the first counts.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        if !is_form(request.headers()) {
            return Ok(Self(Vec::new()));
        }
        let bytes = body::collect(request.into_body(), MAX_FORM).await.map_err(Unread::into_error)?;
        let text = std::str::from_utf8(&bytes);
        let text = text.map_err(|error| Error::bad_request("the form is not valid UTF-8").because(error))?;
        Ok(Self(query::parse(text)?))
    }
}

/// Whether a body is said to be a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn read(content_type: &str, body: impl Into<Body>) -> ApiResult<Form> {
        let request = Request::builder().header("content-type", content_type).body(body.into()).unwrap();
        Form::from_request(request, &()).await
    }

    #[tokio::test]
    async fn fields_are_read_from_forms_only() {
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let form = read(kind, "principal=a%2Bb+c&password=%3B%26%3D&principal=z").await.unwrap();
        assert_eq!((form.text("principal"), form.text("password"), form.text("x")), ("a+b c", ";&=", ""));
        assert_eq!(read("application/json", "principal=a").await.unwrap().text("principal"), "");
        assert!(read(kind, "a=%zz").await.is_err() && read(kind, vec![b'a', b'=', 0xff]).await.is_err());
        assert!(read(kind, "a=%00").await.is_err());
        assert!(read(kind, vec![b'a'; MAX_FORM + 1]).await.is_err());
    }
}
