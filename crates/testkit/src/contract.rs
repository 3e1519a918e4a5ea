//! Answers of the REST API against the OpenAPI document.

use crate::client::Answer;
use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

const PREFIX: &str = "/api/v2.0";

/// Compiled schemas by operation, status and media type.
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Fails the test when an answer of a documented operation is not what the document says.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let document = haven_web::contract::openapi();
    let Some((template, operation)) = find(document, method, path) else { return };
    let place = format!("{method} {template} {}", answer.status);
    let responses = &operation["responses"];
    let declared = resolve(document, &responses[answer.status.to_string().as_str()]);
    assert!(!declared.is_null(), "{place} is not in the document: {}", answer.text());
    assert!(!answer.header("x-request-id").is_empty(), "{place} has no request id");
    if *method == Method::HEAD || answer.body.is_empty() {
        return;
    }
    let essence = answer.header("content-type").split(';').next().unwrap_or_default().trim().to_owned();
    let content = &declared["content"][essence.as_str()];
    assert!(!content.is_null(), "{place} has a body of {essence:?}, which is not in the document");
    if essence == "application/json" {
        let body = answer.json();
        let validator = validator(document, &format!("{place} {essence}"), &content["schema"]);
        let problems: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{place} is not as documented:\n{}\n{body:#}", problems.join("\n"));
    }
}

/// The operation of a path: most literal segments first.
fn find<'a>(document: &'a Value, method: &Method, path: &str) -> Option<(&'a str, &'a Value)> {
    let path = if path == "/api/version" { "/version" } else { path.strip_prefix(PREFIX)? };
    // Slashes beside each other are one, and one at the end makes no difference.
    let asked: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
        let same = |(part, asked): (&&str, &&str)| part.starts_with('{') || part == asked;
        (parts.len() == asked.len() && parts.iter().zip(&asked).all(same))
            .then(|| parts.iter().filter(|part| part.starts_with('{')).count())
    };
    let paths = document["paths"].as_object().expect("the document has paths");
    let best = paths.iter().filter_map(|(template, item)| Some((fits(template)?, template, item)));
    let (_, template, item) = best.min_by_key(|(open, ..)| *open)?;
    let operation = &item[method.as_str().to_ascii_lowercase().as_str()];
    (!operation.is_null()).then_some((template.as_str(), operation))
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("references resolve"),
        None => value,
    }
}

fn validator(document: &Value, key: &str, schema: &Value) -> &'static Validator {
    let mut known = VALIDATORS.lock().unwrap();
    if let Some(validator) = known.get(key) {
        return validator;
    }
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": document["components"],
    });
    let validator = jsonschema::draft202012::options().build(&root).expect("the schema is one");
    // One for each schema and for the life of the test process.
    let validator: &'static Validator = Box::leak(Box::new(validator));
    known.insert(key.to_owned(), validator);
    validator
}
