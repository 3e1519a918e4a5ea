//! Path parameters, decoded once by the router; repository names once more.
//!
//! Routing looks at the escaped path, so an escaped slash never splits a segment.

use std::fmt;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use haven_core::Error;
use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::error::{ApiError, ApiResult};
use super::params::{Problems, parse_bool};
use super::query::check_escapes;

const IS_RESOURCE_NAME: &str = "X-Is-Resource-Name";
/// The latter where the document speaks of names only.
const PROJECT: [&str; 2] = ["project_name_or_id", "project_name"];

/// The parameters of the path: one value, a tuple in the order of the template, or a struct by name.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let names = raw_params(parts, state).await?;
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0)).map_err(|rejection| refusal(rejection, &names))
    }
}

/// All parameters as text, none with a NUL, which not every database can look for.
async fn raw_params<S: Send + Sync>(parts: &mut Parts, state: &S) -> ApiResult<Vec<(String, String)>> {
    let raw = RawPathParams::from_request_parts(parts, state).await;
    let raw = raw.map_err(|error| Error::bad_request("the path is not valid UTF-8").because(error))?;
    let params: Vec<_> = raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if params.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Error::bad_request("the path contains a NUL").into());
    }
    Ok(params)
}

/// A value of the wrong type is a validation problem; what cannot be decoded is a bad request.
fn refusal(rejection: PathRejection, names: &[(String, String)]) -> ApiError {
    let PathRejection::FailedToDeserializePathParams(failure) = rejection else {
        return Error::internal("the path was read outside of a route").because(rejection).into();
    };
    let name_at = |index: usize| names.get(index).map_or("value", |(name, _)| name.as_str()).to_owned();
    let (name, value, kind) = match failure.into_kind() {
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => (key, value, expected_type),
        ErrorKind::ParseErrorAtIndex { index, value, expected_type } => {
            (name_at(index), value, expected_type)
        }
        ErrorKind::ParseError { value, expected_type } => (name_at(0), value, expected_type),
        ErrorKind::DeserializeError { message, .. } | ErrorKind::Message(message) => {
            return Error::bad_request(message).into();
        }
        ErrorKind::InvalidUtf8InPathParam { .. } => {
            return Error::bad_request("the path is not valid UTF-8").into();
        }
        other => return Error::internal(format!("path parameters: {other}")).into(),
    };
    let kind = match kind {
        "i64" | "u64" => "int64",
        "i32" | "u32" => "int32",
        other => other,
    };
    let mut problems = Problems::default();
    problems.wrong_type(&name, "path", kind, &value);
    problems.into()
}

/// The name of a repository within its project, decoded a second time: `a%252Fb` and `a%2Fb` are both `a/b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPath(pub String);

impl RepositoryPath {
    /// Decodes what the router has decoded once.
    pub fn decode(once: &str) -> Result<Self, Error> {
        check_escapes(once)?;
        let twice = percent_decode_str(once).decode_utf8();
        let twice = twice.map_err(|_| Error::bad_request("the repository name is not valid UTF-8"))?;
        if twice.contains('\0') {
            return Err(Error::bad_request("the repository name contains a NUL"));
        }
        Ok(Self(twice.into_owned()))
    }

    /// The decoded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RepositoryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let once = String::deserialize(deserializer)?;
        Self::decode(&once).map_err(|error| D::Error::custom(error.message))
    }
}

/// The project that `{project_name_or_id}` means: a number is an id unless `X-Is-Resource-Name` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectNameOrId {
    Name(String),
    Id(i64),
}

impl ProjectNameOrId {
    /// Reads a segment, given whether it is surely a name.
    pub fn read(segment: &str, is_name: bool) -> Self {
        match segment.parse() {
            Ok(id) if !is_name && segment.bytes().all(|b| b.is_ascii_digit()) => Self::Id(id),
            _ => Self::Name(segment.to_owned()),
        }
    }
}

/// As a path says it.
impl fmt::Display for ProjectNameOrId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ProjectNameOrId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let params = raw_params(parts, state).await?;
        let segment = params.iter().find(|(name, _)| PROJECT.contains(&name.as_str()));
        let (_, segment) = segment.ok_or_else(|| Error::internal("the route has no {project_name_or_id}"))?;
        Ok(Self::read(segment, is_resource_name(&parts.headers)?))
    }
}

/// Whether a request says that the project in its path is named.
pub fn is_resource_name(headers: &HeaderMap) -> ApiResult<bool> {
    let sent = headers.get(IS_RESOURCE_NAME).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(sent) = sent.filter(|sent| !sent.is_empty()) else { return Ok(false) };
    parse_bool(&sent).ok_or_else(|| {
        let mut problems = Problems::default();
        problems.wrong_type(IS_RESOURCE_NAME, "header", "bool", &sent);
        problems.into()
    })
}

#[cfg(test)]
mod tests;
