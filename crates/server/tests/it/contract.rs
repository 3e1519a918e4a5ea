//! What is routed and what the OpenAPI document says are the same.

use haven_web::contract::openapi;
use std::collections::BTreeSet;

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
