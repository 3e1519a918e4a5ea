//! Short blobs that come whole in the request that ends their session, and those that only seem to.

use crate::on_each_engine;
use crate::uploads::{broken_off, dripping, finish, is, open, pieces, standing};
use axum::body::Bytes;
use haven_oci::Digest;
use http::Method;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";

#[tokio::test]
async fn a_short_blob_that_breaks_off_can_be_gone_on_with() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (digest, range) = (Digest::sha256(b"hello"), [("content-range", "0-4")]);
        let session = open(&admin, UPLOADS).await;
        let (sender, body) = dripping();
        sender.send(Ok(Bytes::from_static(b"hel"))).unwrap();
        sender.send(Err(broken_off())).unwrap();
        let broken = admin.request(Method::PUT, &format!("{session}?digest={digest}"), &range, body).await;
        assert!((400..500).contains(&broken.status));
        assert_eq!(standing(&admin, &session).await, is(204, "0-2"), "as with a long one");
        assert_eq!(finish(&admin, &session, &digest, "lo").await.status, 201);
        for sent in ["hello, there", "hell"] {
            let session = open(&admin, UPLOADS).await;
            let wrong = admin
                .request(Method::PUT, &format!("{session}?digest={digest}"), &range, pieces(&[sent]))
                .await;
            assert_eq!(wrong.code(), "SIZE_INVALID");
            assert_eq!(standing(&admin, &session).await, is(204, "0-0"), "none of it counts");
            assert_eq!(finish(&admin, &session, &digest, "hello").await.status, 201);
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_short_blobs_for_one_session_one_takes_it() {
    on_each_engine(async |app| {
        for round in 0..8 {
            let (admin, session) = (app.admin(), open(&app.admin(), UPLOADS).await);
            let digest = |name: &str| Digest::sha256(format!("{name} {round}").as_bytes());
            let put = async |name: &str| {
                finish(&admin, &session, &digest(name), format!("{name} {round}")).await.status
            };
            let (a, b) = tokio::join!(put("a"), put("b"));
            assert!((a == 201) != (b == 201), "{a} {b}");
            for (status, name) in [(a, "a"), (b, "b")] {
                let found = admin.head(&format!("/v2/library/app/blobs/{}", digest(name))).await.status;
                assert_eq!(found == 200, status == 201, "{status} {found}");
            }
        }
    })
    .await;
}
