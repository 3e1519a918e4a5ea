//! The `scope` parameter: what a client asks a token for.

use crate::{Error, Result};

/// One requested scope, `type:name:actions`; the name may itself contain colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub kind: String,
    pub name: String,
    pub actions: Vec<String>,
}

/// More scopes than any client asks for in one request.
const MAX_SCOPES: usize = 100;

impl Scope {
    /// Reads every scope of the repeated parameter; one value may hold several, separated by spaces.
    ///
    /// # Errors
    /// `BadRequest` for more than a hundred: a token that lacks some of what was asked for fails much later.
    pub fn parse_all<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>> {
        let each = values.into_iter().flat_map(str::split_whitespace);
        let scopes: Vec<Self> = each.take(MAX_SCOPES + 1).map(Self::parse).collect();
        if scopes.len() > MAX_SCOPES {
            return Err(Error::bad_request(format!("a token is for at most {MAX_SCOPES} scopes")));
        }
        Ok(scopes)
    }

    fn parse(text: &str) -> Self {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let (name, actions) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let actions = actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned).collect();
        Self { kind: kind.into(), name: name.into(), actions }
    }
}
