//! Pages of a list: the rows, how many there are in all, and where the neighbouring pages are.

use axum::extract::{OriginalUri, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Uri, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::json::Json;
use super::params::{MAX_PAGE_SIZE, Params};
use super::query;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// What must stay escaped in a link: whatever would end it, split it, or be refused when it is followed.
const IN_LINK: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b';')
    .add(b'<')
    .add(b'>')
    .add(b'\\');

/// One page of a list. The `Link` header is added on the way out, from the request's own URL.
#[derive(Debug)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// How many rows there are on all pages.
    pub total: i64,
}

impl<T> Paged<T> {
    /// A page of rows out of `total`.
    pub fn new(items: Vec<T>, total: i64) -> Self {
        Self { items, total }
    }
}

/// Left in a response's extensions for [`add_link`].
#[derive(Clone, Copy)]
struct Counts {
    total: i64,
    shown: i64,
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let shown = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        let mut response = Json(self.items).into_response();
        response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(self.total));
        response.extensions_mut().insert(Counts { total: self.total, shown });
        response
    }
}

/// Middleware that adds `Link` to the answer of a [`Paged`] handler.
pub async fn add_link(request: Request, next: Next) -> Response {
    let original = request.extensions().get::<OriginalUri>().map(|uri| uri.0.clone());
    let uri = original.unwrap_or_else(|| request.uri().clone());
    let mut response = next.run(request).await;
    let counts = response.extensions().get::<Counts>().copied();
    let link =
        counts.and_then(|counts| link(&uri, counts)).and_then(|link| HeaderValue::from_str(&link).ok());
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The `Link` header of a page, if it has a neighbour: relative, previous first, parameters in sorted order.
fn link(uri: &Uri, Counts { total, shown }: Counts) -> Option<String> {
    let raw = uri.query().unwrap_or_default();
    let page = Params::parse(raw).ok()?.page();
    if page.size > MAX_PAGE_SIZE {
        // Of what was to be all of them, the rest is on pages of the usual kind.
        let is_whole = shown > 0 && shown < total && shown % MAX_PAGE_SIZE == 0;
        let next = || target(uri, shown / MAX_PAGE_SIZE + 1, MAX_PAGE_SIZE);
        return is_whole.then(next).flatten().map(|next| format!("<{next}>; rel=\"next\""));
    }
    let mut links = Vec::with_capacity(2);
    if page.number > 1 && (page.number - 1).saturating_mul(page.size) < total {
        links.push(format!("<{}>; rel=\"prev\"", target(uri, page.number - 1, page.size)?));
    }
    if page.number.saturating_mul(page.size) < total {
        links.push(format!("<{}>; rel=\"next\"", target(uri, page.number + 1, page.size)?));
    }
    (!links.is_empty()).then(|| links.join(" , "))
}

fn target(uri: &Uri, number: i64, size: i64) -> Option<String> {
    let mut pairs = query::parse(uri.query().unwrap_or_default()).ok()?;
    pairs.retain(|(name, _)| name != "page" && name != "page_size");
    pairs.push(("page".to_owned(), number.to_string()));
    pairs.push(("page_size".to_owned(), size.to_string()));
    pairs.sort_by(|a, b| a.0.cmp(&b.0)); // stable: values of one name keep their order
    let query: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", kept(name), kept(value))).collect();
    Some(format!("{}?{}", uri.path(), query.join("&")))
}

fn kept(text: &str) -> String {
    utf8_percent_encode(text, IN_LINK).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_the_neighbours() {
        let table = [
            ("/api/v2.0/projects", 10, None),
            ("/api/v2.0/projects", 0, None),
            ("/api/v2.0/projects", 11, Some("</api/v2.0/projects?page=2&page_size=10>; rel=\"next\"")),
            (
                "/api/v2.0/projects?page=2&page_size=10",
                25,
                Some(
                    "</api/v2.0/projects?page=1&page_size=10>; rel=\"prev\" , \
                     </api/v2.0/projects?page=3&page_size=10>; rel=\"next\"",
                ),
            ),
            ("/p?page=3&page_size=10", 25, Some("</p?page=2&page_size=10>; rel=\"prev\"")),
            ("/p?page=9&page_size=10", 25, None),
            ("/p?page_size=0", 25, None),
            ("/p?page_size=-1", 25, None),
            ("/p?page=-3", 11, Some("</p?page=2&page_size=10>; rel=\"next\"")),
            ("/p?page=9223372036854775807&page_size=100", 25, None),
            (
                "/p/?sort=-name&q=name%3D~x,public%3Dtrue",
                11,
                Some("</p/?page=2&page_size=10&q=name=~x,public=true&sort=-name>; rel=\"next\""),
            ),
            ("/p?tag=b&tag=a", 11, Some("</p?page=2&page_size=10&tag=b&tag=a>; rel=\"next\"")),
            (
                "/a%252Fb?q=a%3D%7Bx+y%7D%26z%3E%22%0d%0aX%3b%25%2b",
                11,
                Some("</a%252Fb?page=2&page_size=10&q=a={x%20y}%26z%3E%22%0D%0AX%3B%25%2B>; rel=\"next\""),
            ),
        ];
        for (uri, total, want) in table {
            let counts = Counts { total, shown: total };
            assert_eq!(link(&uri.parse().unwrap(), counts).as_deref(), want, "{uri} of {total}");
        }
    }

    #[test]
    fn what_was_cut_goes_on_where_it_ended() {
        let uri = "/p?page=3&page_size=0&q=a".parse().unwrap();
        let cut = |shown, total| link(&uri, Counts { total, shown });
        let next = |page: u8| Some(format!("</p?page={page}&page_size=100&q=a>; rel=\"next\""));
        assert_eq!((cut(500, 501), cut(10_000, 70_000)), (next(6), next(101)));
        assert_eq!((cut(500, 500), cut(0, 7), cut(150, 151)), (None, None, None));
    }

    #[test]
    fn a_link_means_what_was_asked() {
        let uri: Uri = "/p?q=a%3D%7Bx+%2By%7D%26z%3B%25%C3%A9".parse().unwrap();
        let followed: Uri = target(&uri, 2, 10).unwrap().parse().unwrap();
        let value = |uri: &Uri| Params::parse(uri.query().unwrap()).unwrap().text("q");
        assert_eq!(value(&followed), value(&uri));
    }

    #[test]
    fn the_total_is_always_there() {
        let response = Paged::<i64>::new(vec![], 0).into_response();
        assert_eq!(response.headers()["x-total-count"], "0");
    }
}
