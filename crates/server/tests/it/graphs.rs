//! What manifests may say of each other: indexes that share, nest and repeat, and signatures of signatures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::hostile::{ARTIFACTS, MANIFESTS, descriptor, listed, put, raw};
use crate::on_each_engine;
use crate::uploads::{count, is, told};
use haven_oci::media_type;
use haven_testkit::{Image, image};
use serde_json::{Value, json};

const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

#[tokio::test]
async fn a_manifest_of_thousands_of_parts_is_taken_and_given_back() {
    on_each_engine(async |app| {
        let admin = app.admin();
        admin.push_blob("library/app", b"{}").await;
        let layer = |n: usize| {
            let mut layer = descriptor("a/b", n.to_string().as_bytes());
            layer["urls"] = json!(["https://elsewhere.test/layer"]);
            layer
        };
        let mut layers: Vec<Value> = (0..9_000).map(layer).collect();
        layers.extend(vec![descriptor("a/b", b"{}"); 900]);
        let image = json!({ "schemaVersion": 2, "config": descriptor(media_type::OCI_EMPTY, b"{}"), "layers": layers });
        let image = raw(media_type::OCI_MANIFEST, image.to_string());
        assert_eq!(admin.push_manifest("library/app", "v1", &image).await.status, 201);
        let children = vec![descriptor(media_type::OCI_MANIFEST, &image.manifest); 9_000];
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children });
        let index = raw(media_type::OCI_INDEX, index.to_string());
        assert_eq!(admin.push_manifest("library/app", "multi", &index).await.status, 201);
        assert_eq!(count(&app, "artifact_reference").await, 9_000);
        let absent: Vec<Value> = (0..9_000).map(|n| descriptor(media_type::OCI_MANIFEST, n.to_string().as_bytes())).collect();
        let absent = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": absent });
        let refused = put(&admin, "none", media_type::OCI_INDEX, absent.to_string()).await;
        assert_eq!((refused.status, refused.json()["errors"].as_array().unwrap().len()), (400, 9_000));
        assert_eq!(admin.delete(&format!("{ARTIFACTS}/multi")).await.status, 200);
        assert_eq!((count(&app, "artifact_reference").await, listed(&admin).await), (0, ("1".into(), 1)));
    })
    .await;
}

#[tokio::test]
async fn indexes_may_share_nest_and_repeat_their_children() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let child = image("child");
        let twice = Image::index(&[&child, &child]);
        let nested = Image::index(&[&twice, &child]);
        assert_eq!(admin.push("library/app", &child.digest(), &child).await.status, 201);
        assert_eq!(admin.push("library/app", &twice.digest(), &twice).await.status, 201);
        assert_eq!(admin.push("library/app", "nested", &nested).await.status, 201);
        assert_eq!(listed(&admin).await, ("1".into(), 1));
        let shown = admin.get(&format!("{ARTIFACTS}/{}", twice.digest())).await.json();
        assert_eq!(shown["references"].as_array().unwrap().len(), 2);
        for referenced in [&child, &twice] {
            let refused = admin.delete(&format!("{MANIFESTS}/{}", referenced.digest())).await;
            assert_eq!(told(&refused), is(412, "VIOLATE_FOREIGN_KEY_CONSTRAINT"));
        }
        admin.push("library/app", "kept", &child).await;
        assert_eq!(admin.delete(&format!("{MANIFESTS}/{}", nested.digest())).await.status, 202);
        assert_eq!(admin.get(&format!("{MANIFESTS}/{}", twice.digest())).await.status, 404);
        assert_eq!(admin.get(&format!("{MANIFESTS}/kept")).await.status, 200);
        assert_eq!((listed(&admin).await, count(&app, "artifact").await), (("1".into(), 1), 1));
    })
    .await;
}

#[tokio::test]
async fn the_same_bytes_under_two_types_are_one_artifact_of_the_first() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let good = image("good");
        for blob in &good.blobs {
            admin.push_blob("library/app", blob).await;
        }
        let mut manifest: Value = serde_json::from_slice(&good.manifest).unwrap();
        manifest.as_object_mut().unwrap().remove("mediaType");
        let bytes = manifest.to_string();
        assert_eq!(put(&admin, "v1", media_type::OCI_MANIFEST, bytes.clone()).await.status, 201);
        assert_eq!(put(&admin, "v2", media_type::DOCKER_MANIFEST, bytes.clone()).await.status, 201);
        for tag in ["v1", "v2"] {
            let pulled = admin.get(&format!("{MANIFESTS}/{tag}")).await;
            assert_eq!(
                (pulled.header("content-type"), pulled.text()),
                (media_type::OCI_MANIFEST, bytes.clone())
            );
        }
        assert_eq!((count(&app, "artifact").await, listed(&admin).await), (1, ("1".into(), 1)));
        let typed = String::from_utf8(good.manifest.clone()).unwrap();
        let refused = put(&admin, "v3", media_type::DOCKER_MANIFEST, typed).await;
        assert_eq!(told(&refused), is(400, "MANIFEST_INVALID"), "it says itself that it is another");
    })
    .await;
}

/// Something that cosign would call a signature: what it signs is told by the tag alone.
fn signature(text: &str) -> Image {
    let mut image = Image::of(media_type::OCI_CONFIG, b"{}", &[text.as_bytes()], json!({}));
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    manifest["layers"][0]["mediaType"] = COSIGN_LAYER.into();
    image.manifest = manifest.to_string().into_bytes();
    image
}

fn signature_tag(of: &Image) -> String {
    format!("{}.sig", of.digest().replace(':', "-"))
}

#[tokio::test]
async fn signatures_of_themselves_and_of_each_other_can_be_deleted() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (one, two, own) = (signature("one"), signature("two"), signature("own"));
        assert_eq!(admin.push("library/app", &signature_tag(&own), &own).await.status, 201);
        assert_eq!(admin.push("library/app", &signature_tag(&two), &one).await.status, 201);
        assert_eq!(admin.push("library/app", &signature_tag(&one), &two).await.status, 201);
        assert_eq!((count(&app, "accessory").await, listed(&admin).await), (3, ("0".into(), 0)));
        assert_eq!(admin.delete(&format!("{MANIFESTS}/{}", own.digest())).await.status, 202);
        assert_eq!(count(&app, "artifact").await, 2);
        assert_eq!(admin.delete(&format!("{MANIFESTS}/{}", one.digest())).await.status, 202);
        for table in ["artifact", "accessory", "tag", "artifact_blob"] {
            assert_eq!(count(&app, table).await, 0, "{table}");
        }
        assert_eq!(listed(&admin).await, ("0".into(), 0));
        admin.push("library/app", &signature_tag(&two), &one).await;
        admin.push("library/app", &signature_tag(&one), &two).await;
        assert_eq!(admin.delete("/api/v2.0/projects/library/repositories/app").await.status, 200);
        assert_eq!(count(&app, "repository").await, 0);
    })
    .await;
}

#[tokio::test]
async fn one_signature_may_hang_on_two_subjects_and_goes_with_the_first() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (one, two, both) = (image("one"), image("two"), signature("both"));
        admin.push("library/app", "one", &one).await;
        admin.push("library/app", "two", &two).await;
        for subject in [&one, &two] {
            assert_eq!(admin.push("library/app", &signature_tag(subject), &both).await.status, 201);
            let referrers = admin.get(&format!("/v2/library/app/referrers/{}", subject.digest())).await;
            assert_eq!(referrers.json()["manifests"][0]["digest"], both.digest());
        }
        assert_eq!(listed(&admin).await, ("2".into(), 2));
        assert_eq!(admin.delete(&format!("{ARTIFACTS}/one")).await.status, 200);
        assert_eq!(admin.get(&format!("{MANIFESTS}/{}", both.digest())).await.status, 404);
        let referrers = admin.get(&format!("/v2/library/app/referrers/{}", two.digest())).await;
        assert_eq!(referrers.json()["manifests"], json!([]));
        assert_eq!(admin.delete(&format!("{ARTIFACTS}/two")).await.status, 200);
        assert_eq!((count(&app, "artifact").await, listed(&admin).await), (0, ("0".into(), 0)));
    })
    .await;
}

#[tokio::test]
async fn what_an_index_contains_outlives_the_subject_it_hangs_on() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let subject = image("subject");
        let note = subject.referrer("application/x-note");
        admin.push("library/app", "v1", &subject).await;
        admin.push("library/app", &note.digest(), &note).await;
        let index = Image::index(&[&note]);
        assert_eq!(admin.push("library/app", "notes", &index).await.status, 201);
        let deleted = admin.delete(&format!("{ARTIFACTS}/v1")).await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        assert_eq!(admin.get(&format!("{MANIFESTS}/{}", note.digest())).await.status, 200);
        assert_eq!(admin.push("library/app", "v1", &subject).await.status, 201);
        let referrers = admin.get(&format!("/v2/library/app/referrers/{}", subject.digest())).await;
        assert_eq!(referrers.json()["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(admin.delete("/api/v2.0/projects/library/repositories/app").await.status, 200);
        assert_eq!((count(&app, "artifact").await, count(&app, "repository").await), (0, 0));
    })
    .await;
}
