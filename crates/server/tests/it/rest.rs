//! The REST API, one noun in each file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod access_tokens;
mod additions;
mod allowlists;
mod artifacts;
mod bounds;
mod copies;
mod groups;
mod icons;
mod kinds;
mod labels;
mod lists;
mod members;
mod metadata;
mod permissions;
mod project_artifacts;
mod projects;
mod repositories;
mod requests;
mod search;
mod system;
mod tags;
mod users;

use haven_testkit::Answer;

const API: &str = "/api/v2.0";

/// The names on a page, in order.
fn names(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let items = page.json();
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// The digests on a page, in order.
fn digests(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let items = page.json();
    items.as_array().unwrap().iter().map(|item| item["digest"].as_str().unwrap().to_owned()).collect()
}

/// What a refusal says: status, code and message.
fn refusal(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.code(), answer.message())
}

/// What [`refusal`] is compared with.
fn told(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}
