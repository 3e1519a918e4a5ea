//! The main act, told through the front door.

use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Image, image};

#[tokio::test]
async fn what_is_pushed_comes_back_byte_for_byte() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin().token(&["repository:team/web:pull,push"]).await;
        let web = image("one");
        let pushed = admin.push("team/web", "v1", &web).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        assert_eq!(pushed.header("docker-content-digest"), web.digest());
        assert_eq!(
            pushed.header("location"),
            format!("http://haven.test/v2/team/web/manifests/{}", web.digest())
        );
        for reference in ["v1".to_owned(), web.digest()] {
            let pulled = admin.get(&format!("/v2/team/web/manifests/{reference}")).await;
            assert_eq!((pulled.status, pulled.body.to_vec()), (200, web.manifest.clone()));
            assert_eq!(pulled.header("content-type"), web.media_type);
        }
        let layer = haven_oci::Digest::sha256(&web.blobs[1]);
        let pulled = admin.get(&format!("/v2/team/web/blobs/{layer}")).await;
        assert_eq!((pulled.status, pulled.body.to_vec()), (200, web.blobs[1].clone()));
    })
    .await;
}

#[tokio::test]
async fn a_guest_may_pull_but_not_push() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let guest = app.member("team", "gus", Role::Guest).await;
        assert_eq!(app.admin().push("team/web", "v1", &image("one")).await.status, 201);
        let token = guest.token(&["repository:team/web:pull,push"]).await;
        assert_eq!(token.get("/v2/team/web/manifests/v1").await.status, 200);
        let refused = token.push_blob("team/web", b"x").await;
        assert_eq!(refused.status, 401);
        assert!(
            refused.message().contains("action: push: unauthorized to access repository"),
            "{}",
            refused.text()
        );
    })
    .await;
}

#[tokio::test]
async fn an_index_hides_its_children_and_goes_with_them() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (one, two) = (image("one"), image("two"));
        let index = Image::index(&[&one, &two]);
        for child in [&one, &two] {
            assert_eq!(admin.push("library/multi", &child.digest(), child).await.status, 201);
        }
        assert_eq!(admin.push("library/multi", "v1", &index).await.status, 201);
        let list = "/api/v2.0/projects/library/repositories/multi/artifacts";
        let listed = admin.get(list).await;
        assert_eq!(listed.header("x-total-count"), "1");
        assert_eq!(listed.json()[0]["references"].as_array().unwrap().len(), 2);
        let child = admin.delete(&format!("/v2/library/multi/manifests/{}", one.digest())).await;
        assert_eq!((child.status, child.code().as_str()), (412, "VIOLATE_FOREIGN_KEY_CONSTRAINT"));
        assert_eq!(admin.delete(&format!("{list}/v1")).await.status, 200);
        assert_eq!(admin.get(&format!("/v2/library/multi/manifests/{}", two.digest())).await.status, 404);
        assert_eq!(admin.get(list).await.header("x-total-count"), "0");
    })
    .await;
}

#[tokio::test]
async fn referrers_are_listed_whether_the_subject_came_first_or_not() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let subject = image("subject");
        let (sbom, note) = (subject.referrer("application/x-sbom"), subject.referrer("application/x-note"));
        let pushed = admin.push("library/web", &sbom.digest(), &sbom).await;
        assert_eq!((pushed.status, pushed.header("oci-subject").to_owned()), (201, subject.digest()));
        assert_eq!(admin.push("library/web", "v1", &subject).await.status, 201);
        assert_eq!(admin.push("library/web", &note.digest(), &note).await.status, 201);
        let referrers = format!("/v2/library/web/referrers/{}", subject.digest());
        let all = admin.get(&referrers).await.json();
        assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
        let some = admin.get(&format!("{referrers}?artifactType=application/x-sbom")).await;
        assert_eq!(some.header("oci-filters-applied"), "artifactType");
        assert_eq!(some.json()["manifests"][0]["digest"], sbom.digest());
        let artifact = "/api/v2.0/projects/library/repositories/web/artifacts/v1";
        let shown = admin.get(&format!("{artifact}?with_accessory=true")).await.json();
        assert_eq!(shown["accessories"].as_array().unwrap().len(), 2, "{shown:#}");
        assert_eq!(admin.delete(artifact).await.status, 200);
        assert_eq!(admin.get(&referrers).await.json()["manifests"].as_array().unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn names_are_listed_in_the_order_of_their_bytes() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let web = image("one");
        for tag in ["b", "A", "a", "B", "_", "1", "a-b", "a.b"] {
            assert_eq!(admin.push("library/web", tag, &web).await.status, 201);
        }
        let all = admin.get("/v2/library/web/tags/list").await.json();
        assert_eq!(all["tags"], serde_json::json!(["1", "A", "B", "_", "a", "a-b", "a.b", "b"]));
        let page = admin.get("/v2/library/web/tags/list?n=3&last=B").await;
        assert_eq!(page.json()["tags"], serde_json::json!(["_", "a", "a-b"]));
        assert_eq!(page.header("link"), "</v2/library/web/tags/list?last=a-b&n=3>; rel=\"next\"");
    })
    .await;
}
