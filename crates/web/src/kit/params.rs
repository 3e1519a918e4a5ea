//! Query parameters, read by name and type, with every problem told in one answer.
//!
//! Getters never fail: they note what is wrong and go on with a default. [`Params::finish`] then gives the one 422
//! that lists all problems, so a handler reads all it wants, finishes, and only then acts.

use axum::extract::FromRequestParts;
use haven_core::{Code, Error};
use haven_db::list::{Page, Query, parse_q, parse_sort};
use http::HeaderMap;
use http::request::Parts;

use super::error::{ApiError, ApiResult};
use super::query;

/// The most rows one page may hold.
pub const MAX_PAGE_SIZE: i64 = 100;
const DEFAULT_PAGE_SIZE: i64 = 10;
/// The rows of a page that asks for all of them: more than any installation has of most things, and what one request may
/// cost.
pub const MOST_ROWS: i64 = 10_000;

/// What is wrong with a request's parameters, one line for each problem.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds a line in words of your own.
    pub fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// `place` is one of `query`, `path`, `header`, `body`.
    pub fn required(&mut self, name: &str, place: &str) {
        self.add(format!("{name} in {place} is required"));
    }

    /// The value is not of the type asked for.
    pub fn wrong_type(&mut self, name: &str, place: &str, kind: &str, value: &str) {
        self.add(format!("{name} in {place} must be of type {kind}: {value:?}"));
    }

    /// All problems as one refusal, if there is any.
    pub fn finish(self) -> ApiResult<()> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        let message = format!("validation failure list:\n{}", problems.0.join("\n"));
        Self(Error::new(Code::Unprocessable, message))
    }
}

/// The query of a request, and the problems met while reading it.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    headers: HeaderMap,
    problems: Problems,
    refusal: Option<Error>,
}

impl Params {
    /// Reads a raw query.
    pub fn parse(raw: &str) -> Result<Self, Error> {
        let pairs = query::parse(raw)?;
        Ok(Self { pairs, headers: HeaderMap::new(), problems: Problems::default(), refusal: None })
    }

    /// The value of a parameter. Empty is absent; of several the last counts.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(str::to_owned)
    }

    /// Every non-empty value of a repeated parameter.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.pairs.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.map(|(_, value)| value.clone()).collect()
    }

    /// A parameter that must be there; an empty text stands in for it until [`Params::finish`] refuses.
    pub fn required(&mut self, name: &str) -> String {
        let value = self.text(name);
        if value.is_none() {
            self.problems.required(name, "query");
        }
        value.unwrap_or_default()
    }

    /// A boolean in any of the spellings that clients use.
    pub fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(value) = self.raw(name) else { return default };
        let parsed = parse_bool(value);
        if parsed.is_none() {
            let value = value.to_owned();
            self.problems.wrong_type(name, "query", "bool", &value);
        }
        parsed.unwrap_or(default)
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let value = self.raw(name)?.to_owned();
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.problems.wrong_type(name, "query", "int64", &value);
        }
        parsed
    }

    /// One of a few words.
    pub fn one_of(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let value = self.text(name)?;
        if words.contains(&value.as_str()) {
            return Some(value);
        }
        self.problems.add(format!("{name} in query should be one of [{}]", words.join(" ")));
        None
    }

    /// A request header, empty being absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
    }

    /// A boolean request header.
    pub fn boolean_header(&mut self, name: &str, default: bool) -> bool {
        let Some(value) = self.header(name).map(str::to_owned) else { return default };
        let parsed = parse_bool(&value);
        if parsed.is_none() {
            self.problems.wrong_type(name, "header", "bool", &value);
        }
        parsed.unwrap_or(default)
    }

    /// `page`, `page_size` (at most [`MAX_PAGE_SIZE`], or zero for [`MOST_ROWS`]), `q` and `sort`.
    pub fn list(&mut self) -> Query {
        self.list_up_to(Some(MAX_PAGE_SIZE))
    }

    /// As [`Params::list`], with another limit of the page size, or with none.
    pub fn list_up_to(&mut self, max: Option<i64>) -> Query {
        let page = self.page_up_to(max);
        let terms = self.raw("q").map(parse_q).transpose();
        let sort = self.raw("sort").map(parse_sort).unwrap_or_default();
        let terms = terms.unwrap_or_else(|invalid| {
            self.refuse(Error::bad_request(invalid.to_string()));
            None
        });
        Query { terms: terms.unwrap_or_default(), sort, page }
    }

    /// Only `page` and `page_size`.
    pub fn page(&mut self) -> Page {
        self.page_up_to(Some(MAX_PAGE_SIZE))
    }

    fn page_up_to(&mut self, max: Option<i64>) -> Page {
        let number = self.integer("page").unwrap_or(1).max(1);
        let size = self.integer("page_size").unwrap_or(DEFAULT_PAGE_SIZE);
        if let Some(max) = max.filter(|max| size > *max) {
            self.problems.add(format!("page_size in query should be less than or equal to {max}"));
        }
        match size {
            ..=0 => Page { number: 1, size: MOST_ROWS },
            _ => Page { number, size: size.min(MOST_ROWS) },
        }
    }

    /// Where further problems go: those of a header, say, or of a rule over two parameters.
    pub fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }

    /// Keeps the first refusal that is no validation problem; problems are told before it.
    pub fn refuse(&mut self, error: Error) {
        self.refusal.get_or_insert(error);
    }

    /// Everything was well, or one refusal that says all. The problems are forgotten by asking.
    pub fn finish(&mut self) -> ApiResult<()> {
        std::mem::take(&mut self.problems).finish()?;
        self.refusal.take().map_or(Ok(()), |error| Err(ApiError(error)))
    }

    fn raw(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().rev().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Reads the spellings of true and false that the generated clients may send.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "f" | "disabled" => Some(false),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let mut params = Self::parse(parts.uri.query().unwrap_or_default())?;
        params.headers = parts.headers.clone();
        Ok(params)
    }
}

#[cfg(test)]
mod tests;
