//! The `scope` parameter: what a client asks a token for.

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
    pub fn parse_all<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let each = values.into_iter().flat_map(str::split_whitespace);
        each.take(MAX_SCOPES).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Self {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let (name, actions) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let actions = actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned).collect();
        Self { kind: kind.into(), name: name.into(), actions }
    }
}
