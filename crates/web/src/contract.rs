//! The contract: the OpenAPI document that the server is tested against, served as it was written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

const YAML: &str = include_str!("../../../api/openapi.yaml");

/// The document, or null should the text be no YAML, which a test rules out.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| match serde_saphyr::from_str(YAML) {
    Ok(document) => document,
    Err(error) => {
        tracing::error!(error = %error, "the OpenAPI document cannot be read");
        Value::Null
    }
});

static PRODUCED: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| produced_by(&DOCUMENT));

/// The document as JSON.
pub fn openapi() -> &'static Value {
    &DOCUMENT
}

/// The media types of an operation's successful answers; none if it has no content or is unknown.
pub fn produced(operation: &str) -> &'static [&'static str] {
    PRODUCED.get(operation).map(Vec::as_slice).unwrap_or_default()
}

fn produced_by(document: &Value) -> BTreeMap<&str, Vec<&str>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.filter_map(|(_, path)| path.as_object()).flatten().map(|(_, operation)| operation);
    operations
        .filter_map(|operation| Some((operation["operationId"].as_str()?, types_of(document, operation))))
        .collect()
}

fn types_of<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a str> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let successes = responses.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
    let mut types: Vec<&str> = Vec::new();
    for response in successes {
        let pointer = response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        let response = pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(response);
        types.extend(response["content"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
    }
    types.sort_unstable();
    types.dedup();
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_read_whole() {
        assert!(openapi()["openapi"].as_str().unwrap().starts_with("3.1"));
        assert!(openapi().pointer("/paths/~1ping/get").is_some());
        assert!(openapi()["components"]["schemas"].as_object().unwrap().len() > 10);
    }

    #[test]
    fn operations_produce_what_they_declare() {
        assert_eq!(produced("getPing"), ["text/plain"]);
        assert_eq!(produced("listProjects"), ["application/json"]);
        assert_eq!(produced("deleteProject"), [""; 0]);
        assert_eq!(produced("nothing"), [""; 0]);
    }

    #[test]
    fn references_resolve() {
        fn check(value: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                        let target =
                            reference.strip_prefix('#').and_then(|pointer| openapi().pointer(pointer));
                        assert!(target.is_some(), "{reference}");
                    }
                    members.values().for_each(check);
                }
                Value::Array(items) => items.iter().for_each(check),
                _ => {}
            }
        }
        check(openapi());
    }
}
