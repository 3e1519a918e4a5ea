//! What a token says.

use serde::{Deserialize, Serialize};

pub(super) const ISSUER: &str = "harbor-token-issuer";

/// The claims, under their names on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) exp: i64,
    pub(super) nbf: i64,
    pub(super) iat: i64,
    pub(super) jti: String,
    pub(super) access: Option<Vec<Access>>,
}

/// What the bearer may do with one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Access {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    /// The number of a repository's project: one that is made later under the same name is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) project_id: Option<i64>,
    pub(super) actions: Vec<String>,
}
