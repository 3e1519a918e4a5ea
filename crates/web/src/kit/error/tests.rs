//! The whole table as one text, and both bodies byte by byte.

use axum::body::to_bytes;

use super::*;

const ALL: [Code; 29] = [
    Code::BadRequest,
    Code::Unauthorized,
    Code::Forbidden,
    Code::Denied,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::Conflict,
    Code::Precondition,
    Code::Referenced,
    Code::PolicyViolation,
    Code::TooLarge,
    Code::Unprocessable,
    Code::TooManyRequests,
    Code::Unavailable,
    Code::Full,
    Code::Internal,
    Code::BlobUnknown,
    Code::BlobUploadInvalid,
    Code::BlobUploadUnknown,
    Code::DigestInvalid,
    Code::ManifestBlobUnknown,
    Code::ManifestInvalid,
    Code::ManifestUnknown,
    Code::NameInvalid,
    Code::NameUnknown,
    Code::RangeInvalid,
    Code::SizeInvalid,
    Code::TagInvalid,
    Code::Unsupported,
];

const TABLE: &str = "\
BadRequest 400 BAD_REQUEST BAD_REQUEST
Unauthorized 401 UNAUTHORIZED UNAUTHORIZED
Forbidden 403 FORBIDDEN DENIED
Denied 403 DENIED DENIED
NotFound 404 NOT_FOUND NOT_FOUND
MethodNotAllowed 405 METHOD_NOT_ALLOWED UNSUPPORTED
Conflict 409 CONFLICT CONFLICT
Precondition 412 PRECONDITION PRECONDITION
Referenced 412 VIOLATE_FOREIGN_KEY_CONSTRAINT VIOLATE_FOREIGN_KEY_CONSTRAINT
PolicyViolation 412 PROJECTPOLICYVIOLATION PROJECTPOLICYVIOLATION
TooLarge 413 REQUEST_ENTITY_TOO_LARGE SIZE_INVALID
Unprocessable 422 UNPROCESSABLE_ENTITY UNPROCESSABLE_ENTITY
TooManyRequests 429 TOO_MANY_REQUEST TOOMANYREQUESTS
Unavailable 503 UNAVAILABLE UNAVAILABLE
Full 503 UNAVAILABLE UNAVAILABLE
Internal 500 UNKNOWN UNKNOWN
BlobUnknown 404 NOT_FOUND BLOB_UNKNOWN
BlobUploadInvalid 404 NOT_FOUND BLOB_UPLOAD_INVALID
BlobUploadUnknown 404 NOT_FOUND BLOB_UPLOAD_UNKNOWN
DigestInvalid 400 DIGEST_INVALID DIGEST_INVALID
ManifestBlobUnknown 400 BAD_REQUEST MANIFEST_BLOB_UNKNOWN
ManifestInvalid 400 MANIFEST_INVALID MANIFEST_INVALID
ManifestUnknown 404 NOT_FOUND MANIFEST_UNKNOWN
NameInvalid 400 BAD_REQUEST NAME_INVALID
NameUnknown 404 NOT_FOUND NAME_UNKNOWN
RangeInvalid 416 BAD_REQUEST RANGE_INVALID
SizeInvalid 400 BAD_REQUEST SIZE_INVALID
TagInvalid 400 BAD_REQUEST TAG_INVALID
Unsupported 400 UNSUPPORTED UNSUPPORTED
";

#[test]
fn the_table_is_what_it_was() {
    let mut table = String::new();
    for code in ALL {
        let Told { status, harbor, oci } = told(code);
        table.push_str(&format!("{code:?} {} {harbor} {oci}\n", status.as_u16()));
    }
    assert_eq!(table, TABLE);
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_rest_error_has_two_members_and_a_newline() {
    let response = ApiError(Error::not_found("project 7 not found").detail(json!("x"))).into_response();
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let body = text(response).await;
    assert_eq!(body, "{\"errors\":[{\"code\":\"NOT_FOUND\",\"message\":\"project 7 not found\"}]}\n");
}

#[tokio::test]
async fn our_failures_are_masked_in_both_shapes() {
    let secret = || Error::internal("row 5 of user").detail(json!("secret")).because("disk on fire");
    let body = text(ApiError(secret()).into_response()).await;
    assert_eq!(body, "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"internal server error\"}]}\n");
    let body = text(OciError(secret()).into_response()).await;
    assert_eq!(body, "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"internal server error\"}]}\n");
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let response = ApiError(Error::new(Code::Unavailable, "pool timed out at 10.0.0.3")).into_response();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &RETRY_AFTER_SECONDS));
    let body = text(response).await;
    assert_eq!(body, "{\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"service unavailable\"}]}\n");
}

#[tokio::test]
async fn each_missing_blob_is_an_error_of_its_own() {
    let error = Error::new(Code::ManifestBlobUnknown, "blob unknown to registry").detail(json!(["a", "b"]));
    let response = OciError(error).into_response();
    assert_eq!(response.headers()["docker-distribution-api-version"], "registry/2.0");
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    let details: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| &e["detail"]).collect();
    assert_eq!(details, ["a", "b"]);
}

#[test]
fn the_log_sees_every_cause() {
    let inner = Error::internal("constraint broken").because("disk on fire");
    let error = Error::internal("database").because(inner);
    assert_eq!(chain(&error), "database: constraint broken: disk on fire");
}

#[test]
fn the_log_says_nothing_twice() {
    let inner = axum::Error::new(std::io::Error::other("disk on fire"));
    let error = Error::internal("database").because(inner);
    assert_eq!(chain(&error), "database: disk on fire");
}
