//! What may be done with a blob that is there: reading it in parts and conditionally, mounting it, deleting it.

use crate::on_each_engine;
use crate::uploads::{holds, is, location, told};
use haven_core::access::Role;
use haven_oci::Digest;
use haven_testkit::image;
use http::Method;

#[tokio::test]
async fn a_mount_links_what_the_caller_may_pull() {
    on_each_engine(async |app| {
        for name in ["secret", "team", "other"] {
            app.project(name, false).await;
        }
        let ann = app.member("team", "ann", Role::Developer).await;
        let digest = Digest::sha256(b"layer");
        assert_eq!(app.admin().push_blob("secret/app", b"layer").await.status, 201);
        let mount = |query: &str| format!("/v2/team/app/blobs/uploads/?mount={digest}{query}");
        for query in ["&from=secret/app", "", "&from=nowhere/app", "&from=library/app"] {
            let asked = ann.request(Method::POST, &mount(query), &[], "").await;
            assert_eq!((asked.status, asked.header("docker-content-digest")), (202, ""), "{query}");
        }
        assert_eq!(ann.get(&format!("/v2/team/app/blobs/{digest}")).await.status, 404);
        app.admin().push_blob("library/base", b"layer").await;
        for query in ["&from=library/base", ""] {
            let mounted = ann.request(Method::POST, &mount(query), &[], "").await;
            assert_eq!(mounted.status, 201, "{query} {}", mounted.text());
            assert_eq!(location(&mounted), format!("/v2/team/app/blobs/{digest}"));
            assert_eq!(mounted.header("docker-content-digest"), digest.to_string());
            assert_eq!(ann.get(&location(&mounted)).await.text(), "layer");
            app.admin().delete(&location(&mounted)).await;
        }
        // The blob, and four sessions that were offered instead.
        holds(&app, 5);
    })
    .await;
}

#[tokio::test]
async fn a_mount_needs_a_token_for_both_sides() {
    on_each_engine(async |app| {
        app.project("from", false).await;
        app.project("into", false).await;
        let admin = app.admin();
        admin.push_blob("from/app", b"layer").await;
        let digest = Digest::sha256(b"layer");
        let path = format!("/v2/into/app/blobs/uploads/?mount={digest}&from=from/app");
        let one = admin.token(&["repository:into/app:pull,push"]).await;
        assert_eq!(one.request(Method::POST, &path, &[], "").await.status, 202);
        let other = admin.token(&["repository:from/app:pull"]).await;
        assert_eq!(other.request(Method::POST, &path, &[], "").await.status, 401);
        let both = admin.token(&["repository:into/app:pull,push", "repository:from/app:pull"]).await;
        assert_eq!(both.request(Method::POST, &path, &[], "").await.status, 201);
        let challenged = app.anonymous().request(Method::POST, &path, &[], "").await;
        assert!(
            challenged
                .header("www-authenticate")
                .ends_with("scope=\"repository:into/app:pull,push repository:from/app:pull\""),
            "{:?}",
            challenged.headers
        );
        for from in ["nameless", "Bad/Name", "a//b", "../../x"] {
            let path = format!("/v2/into/app/blobs/uploads/?mount={digest}&from={from}");
            assert_eq!(admin.request(Method::POST, &path, &[], "").await.status, 400, "{from}");
        }
    })
    .await;
}

#[tokio::test]
async fn parts_of_a_blob_are_sent_as_asked() {
    on_each_engine(async |app| {
        let admin = app.admin();
        admin.push_blob("library/app", b"0123456789").await;
        let path = format!("/v2/library/app/blobs/{}", Digest::sha256(b"0123456789"));
        for (range, status, body, part) in [
            ("bytes=0-4", 206, "01234", "bytes 0-4/10"),
            ("bytes=7-", 206, "789", "bytes 7-9/10"),
            ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=9-99", 206, "9", "bytes 9-9/10"),
            ("bytes=0-99999999999999999999", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=a-b", 200, "0123456789", ""),
            ("items=0-1", 200, "0123456789", ""),
            ("bytes=0-0,9-9", 200, "0123456789", ""),
        ] {
            let answer = admin.request(Method::GET, &path, &[("range", range)], "").await;
            assert_eq!((answer.status, answer.text().as_str()), (status, body), "{range}");
            assert_eq!(answer.header("content-range"), part, "{range}");
            assert_eq!(answer.header("content-length"), body.len().to_string(), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-20,-0", "bytes=-0", "bytes=5-4"] {
            let answer = admin.request(Method::GET, &path, &[("range", range)], "").await;
            assert_eq!(told(&answer), is(416, "RANGE_INVALID"), "{range}");
            assert_eq!(answer.header("content-range"), "bytes */10");
        }
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_the_client_has_is_not_sent_again() {
    on_each_engine(async |app| {
        let admin = app.admin();
        admin.push_blob("library/app", b"0123456789").await;
        let digest = Digest::sha256(b"0123456789");
        let path = format!("/v2/library/app/blobs/{digest}");
        let (etag, other) = (format!("\"{digest}\""), format!("\"{}\"", Digest::sha256(b"")));
        for (headers, status) in [
            (vec![("if-none-match", etag.as_str())], 304),
            (vec![("if-none-match", digest.as_str())], 304),
            (vec![("if-none-match", "*")], 304),
            (vec![("if-none-match", other.as_str())], 200),
            (vec![("if-none-match", "garbage, \"")], 200),
            (vec![("if-range", etag.as_str()), ("range", "bytes=0-0")], 206),
            (vec![("if-range", other.as_str()), ("range", "bytes=0-0")], 200),
            (vec![("if-range", "Wed, 21 Oct 2015 07:28:00 GMT"), ("range", "bytes=99-")], 200),
        ] {
            let answer = admin.request(Method::GET, &path, &headers, "").await;
            assert_eq!(answer.status, status, "{headers:?}");
            assert_eq!(
                answer.body.len(),
                [0, 1, 10][usize::from(status == 206) + 2 * usize::from(status == 200)]
            );
        }
        let head = admin.head(&path).await;
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
        assert_eq!((head.header("etag"), head.header("accept-ranges")), (etag.as_str(), "bytes"));
        assert_eq!(head.header("content-type"), "application/octet-stream");
    })
    .await;
}

#[tokio::test]
async fn a_blob_goes_only_when_nothing_needs_it_and_only_there() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let dev = app.member("team", "dev", Role::Developer).await;
        let web = image("one");
        let layer = format!("blobs/{}", Digest::sha256(&web.blobs[1]));
        for repository in ["team/web", "library/web"] {
            assert_eq!(admin.push(repository, "v1", &web).await.status, 201);
        }
        assert_eq!(told(&admin.delete(&format!("/v2/team/web/{layer}")).await), is(405, "UNSUPPORTED"));
        assert_eq!(admin.delete(&format!("/v2/team/web/manifests/{}", web.digest())).await.status, 202);
        let gone = admin.head(&format!("/v2/team/web/{layer}")).await.status;
        assert_eq!(gone, 404, "what the artifact alone needed went with it");
        assert_eq!(admin.push_blob("team/web", &web.blobs[1]).await.status, 201);
        assert_eq!(told(&dev.delete(&format!("/v2/team/web/{layer}")).await), is(401, "UNAUTHORIZED"));
        assert_eq!(admin.delete(&format!("/v2/team/web/{layer}")).await.status, 202);
        assert_eq!(told(&admin.delete(&format!("/v2/team/web/{layer}")).await), is(404, "BLOB_UNKNOWN"));
        assert_eq!(told(&admin.get(&format!("/v2/team/web/{layer}")).await), is(404, "BLOB_UNKNOWN"));
        assert_eq!(admin.head(&format!("/v2/team/web/{layer}")).await.status, 404);
        assert_eq!(admin.get(&format!("/v2/library/web/{layer}")).await.status, 200);
        assert_eq!(told(&dev.push_manifest("team/web", "v1", &web).await), is(400, "MANIFEST_BLOB_UNKNOWN"));
        assert_eq!(dev.push("team/web", "v1", &web).await.status, 201, "it may come again");
    })
    .await;
}
