//! What is routed and what the OpenAPI document says are the same, and the document says what Harbor's does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use haven_web::contract::openapi;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Harbor's operations: group, path, method, id, parameters and statuses.
const HARBORS: &str = include_str!("../../../../api/harbor-operations.tsv");

/// What of it is not in the document, by operation, and why.
const DEPARTURES: [(&str, &str, &str); 1] =
    [("CreateLabel", "status 415", "a body of another type is a validation problem, 422, as everywhere")];

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

#[test]
fn every_routed_operation_is_documented_and_every_documented_one_is_routed() {
    let routed: BTreeSet<(String, String, String)> = haven_web::operations()
        .into_iter()
        .map(|operation| {
            let path = operation.path.trim_start_matches("/api/v2.0");
            let path = if path == "/api/version" { "/version" } else { path };
            (operation.method.as_str().to_ascii_lowercase(), path.to_owned(), operation.id.to_owned())
        })
        .collect();
    let mut documented = BTreeSet::new();
    for (path, item) in openapi()["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(id) = item[method]["operationId"].as_str() {
                documented.insert((method.to_owned(), path.clone(), id.to_owned()));
            }
        }
    }
    assert!(!documented.is_empty());
    let undocumented: Vec<_> = routed.difference(&documented).collect();
    let unrouted: Vec<_> = documented.difference(&routed).collect();
    assert!(
        undocumented.is_empty() && unrouted.is_empty(),
        "undocumented {undocumented:#?}\nunrouted {unrouted:#?}"
    );
}

/// A path in which the names of parameters and a slash at the end do not count.
fn plain(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    path.trim_end_matches('/').split('/').map(part).collect::<Vec<_>>().join("/")
}

/// `query:page` and so on, of an operation and of its whole path.
fn parameters(item: &Value, operation: &Value) -> BTreeSet<String> {
    let declared = [item, operation].into_iter().filter_map(|of| of["parameters"].as_array()).flatten();
    let resolved = declared.map(|one| match one["$ref"].as_str() {
        Some(reference) => openapi().pointer(reference.trim_start_matches('#')).unwrap(),
        None => one,
    });
    resolved.map(|one| parameter(one["in"].as_str().unwrap(), one["name"].as_str().unwrap())).collect()
}

/// Names of headers have no case.
fn parameter(place: &str, name: &str) -> String {
    if place == "header" {
        format!("header:{}", name.to_ascii_lowercase())
    } else {
        format!("{place}:{name}")
    }
}

/// What of a line of Harbor's operations the document lacks.
fn missing(id: &str, wanted: [&str; 2], item: &Value, operation: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    let own = operation["operationId"].as_str().unwrap();
    if own != id {
        missing.push(format!("id, which is {own}"));
    }
    let known = parameters(item, operation);
    for given in wanted[0].split(',').filter(|given| !given.is_empty()) {
        let (place, name) = given.split_once(':').unwrap();
        if !known.contains(&parameter(place, name)) {
            missing.push(given.to_owned());
        }
    }
    let statuses = wanted[1].split(',').filter(|status| operation["responses"].get(status).is_none());
    missing.extend(statuses.map(|status| format!("status {status}")));
    missing
}

#[test]
fn the_document_declares_what_harbors_declares() {
    let paths = openapi()["paths"].as_object().unwrap();
    let documented: BTreeMap<String, &Value> = paths.iter().map(|(path, item)| (plain(path), item)).collect();
    let (mut departures, mut compared) = (BTreeSet::new(), 0);
    for line in HARBORS.lines().filter(|line| !line.starts_with('#')) {
        let [_, path, method, id, parameters, statuses] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("six columns: {line}");
        };
        let Some(item) = documented.get(&plain(path)) else { continue };
        let operation = &item[method.to_ascii_lowercase()];
        if operation.is_null() {
            continue;
        }
        compared += 1;
        let lacks = missing(id, [parameters, statuses], item, operation);
        departures.extend(lacks.into_iter().map(|what| (id, what)));
    }
    assert!(compared > 80, "{compared}");
    let known: BTreeSet<_> = DEPARTURES.iter().map(|(id, what, _)| (*id, (*what).to_owned())).collect();
    assert_eq!(departures, known);
}
