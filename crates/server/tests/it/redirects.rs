//! Clients that are sent to the storage for a blob, and those that are not.

use haven_blobs::object::Service;
use haven_blobs::object::testing::bucket;
use haven_oci::Digest;
use haven_web::conn::{Network, Redirects};
use http::Method;

use crate::on_each_engine;

/// Whether the storage signs links; the rights of the tests do not suffice for Google's.
fn links() -> bool {
    bucket().is_some_and(|bucket| bucket.service != Service::Gcs)
}

fn network(redirects: Redirects) -> Network {
    Network { redirects, ..Network::default() }
}

#[tokio::test]
async fn a_blob_in_a_bucket_is_fetched_from_there_by_whom_may() {
    on_each_engine(async |app| {
        app.admin().push_blob("library/app", b"hello world").await;
        let digest = Digest::sha256(b"hello world");
        let path = format!("/v2/library/app/blobs/{digest}");
        let near = || Redirects::Within(vec!["127.0.0.0/8".parse().unwrap()]);
        let far = || Redirects::Within(vec!["192.0.2.0/24".parse().unwrap()]);
        for (redirects, sent) in [
            (Redirects::Everybody, true),
            (near(), true),
            (far(), false),
            (Redirects::Within(vec![]), false),
            (Redirects::Nobody, false),
        ] {
            let admin = app.admin_within(network(redirects));
            let answer = admin.get(&path).await;
            if sent && links() {
                assert_eq!((answer.status, answer.text().as_str()), (307, ""));
                assert!(answer.header("location").contains(digest.hex()), "{}", answer.header("location"));
                let location = answer.header("location");
                assert!(location.contains("X-Amz-Signature=") || location.contains("&sig="), "{location}");
                assert_eq!(answer.header("docker-content-digest"), digest.to_string());
                assert_eq!(answer.header("cache-control"), "no-store");
            } else {
                assert_eq!((answer.status, answer.text().as_str()), (200, "hello world"));
            }
            let head = admin.request(Method::HEAD, &path, &[], "").await;
            assert_eq!((head.status, head.header("content-length")), (200, "11"), "a HEAD stays here");
        }
        let away = app.admin_within(network(Redirects::Everybody));
        let unknown = format!("/v2/library/app/blobs/{}", Digest::sha256(b"unknown"));
        assert_eq!(away.get(&unknown).await.status, 404, "a link is only for what the project has");
    })
    .await;
}
