//! What was pushed against the rows that were made of it.

use super::{LOOK, REPAIR, clean, damage, only, push_like_docker, pushed, run, told_and_mended};
use crate::on_each_engine;
use haven_core::fsck::{Fault, Repair};
use haven_oci::{Digest, media_type};
use haven_testkit::{Image, TestApp, image};
use serde_json::json;

/// Damage by hand, and a word of what is told. The first artifact is an image in `library/web`, the second hangs on it, the
/// third is the same image in `library/multi`, and the fourth an index of it.
const DAMAGE: [(&str, &str); 15] = [
    (
        "UPDATE artifact SET type = 'CHART' WHERE id = 1",
        "its type is \"CHART\", by the manifest it is \"IMAGE\"",
    ),
    ("UPDATE artifact SET media_type = 'a/b' WHERE id = 4", "its media type is \"a/b\""),
    ("UPDATE artifact SET artifact_type = '' WHERE id = 2", "by the manifest it is \"application/x-note\""),
    (
        "UPDATE artifact SET manifest_media_type = 'application/vnd.docker.distribution.manifest.v2+json' WHERE id = 1",
        "its manifest's media type is",
    ),
    ("UPDATE artifact SET manifest_size = 5 WHERE id = 1", "its manifest has 5 bytes by its row"),
    ("UPDATE artifact SET size = 5 WHERE id = 1", "it has 5 bytes by its row"),
    ("UPDATE artifact SET size = 5 WHERE id = 4", "it has 5 bytes by its row"),
    ("UPDATE artifact SET annotations = '{}' WHERE id = 2", "annotations"),
    (
        "DELETE FROM artifact_blob WHERE artifact_id = 1 AND digest <> (SELECT digest FROM artifact WHERE id = 1)",
        "it does not hold the blob sha256:",
    ),
    (
        "INSERT INTO artifact_blob (artifact_id, project_id, digest) SELECT 1, project_id, digest FROM artifact WHERE id = 4",
        "which the manifest does not name",
    ),
    ("UPDATE artifact_reference SET platform = ''", "its parts are not those"),
    ("DELETE FROM accessory", "it does not hang on sha256:"),
    ("UPDATE accessory SET subject_digest = (SELECT digest FROM artifact WHERE id = 4)", "knows nothing"),
    ("UPDATE accessory SET type = 'sbom.harbor'", "as sbom.harbor, of which the manifest knows nothing"),
    ("UPDATE artifact SET accessory = NOT accessory WHERE id = 1", "it is marked as hanging on another one"),
];

#[tokio::test]
async fn rows_that_do_not_say_what_the_manifest_says_are_made_again() {
    on_each_engine(async |app| {
        let (client, one) = pushed(&app).await;
        let note = one.referrer("application/x-note");
        assert_eq!(client.push("library/web", &note.digest(), &note).await.status, 201);
        assert_eq!(client.push("library/multi", &one.digest(), &one).await.status, 201);
        assert_eq!(client.push("library/multi", "v1", &Image::index(&[&one])).await.status, 201);
        let before = seen(&app).await;
        for (damage, word) in DAMAGE {
            app.db().without_keys(damage).await.unwrap();
            for _ in 0..2 {
                let (told, _) = run(&app, LOOK).await;
                let found = told.iter().find(|f| f.fault == Fault::WrongArtifact).expect(damage);
                assert!(found.detail.contains(word), "{damage}: {found:#?}");
                assert!(matches!(found.repair, Repair::Offered(_)), "{damage}: looking changes nothing");
            }
            let (mended, summary) = run(&app, REPAIR).await;
            assert!(summary.is_clean() && !mended.is_empty(), "{damage}: {mended:#?}");
            let (left, _) = run(&app, LOOK).await;
            assert!(left.is_empty(), "{damage}: {left:#?}");
            assert_eq!(seen(&app).await, before, "{damage}");
        }
    })
    .await;
}

/// Everything that can be seen of the artifacts.
async fn seen(app: &TestApp) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    for repository in ["web", "multi"] {
        let path = format!("/api/v2.0/projects/library/repositories/{repository}");
        let mut repository = app.admin().get(&path).await.json();
        repository.as_object_mut().unwrap().remove("update_time");
        let list = format!("{path}/artifacts?with_accessory=true&with_tag=true&q=base%3D*");
        let mut artifacts = app.admin().get(&list).await.json();
        for artifact in artifacts.as_array_mut().unwrap() {
            // One that was made again is another row.
            for accessory in artifact["accessories"].as_array_mut().into_iter().flatten() {
                accessory.as_object_mut().unwrap().remove("id");
                accessory.as_object_mut().unwrap().remove("creation_time");
            }
        }
        all.extend([repository, artifacts]);
    }
    all
}

#[tokio::test]
async fn a_blob_without_any_row_is_given_back_to_the_artifact_that_needs_it() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = &image.blobs[1];
        let path = format!("/v2/library/web/blobs/{}", Digest::sha256(layer));
        let used = async || client.get("/api/v2.0/quotas/1").await.json()["used"]["storage"].clone();
        let before = used().await;
        for table in ["artifact_blob", "project_blob", "blob"] {
            let sql = format!("DELETE FROM {table} WHERE digest = '{}'", Digest::sha256(layer));
            app.db().without_keys(&sql).await.unwrap();
        }
        assert_eq!(client.get(&path).await.status, 404);
        told_and_mended(&app, LOOK, Fault::WrongArtifact, "made again from the manifest").await;
        assert_eq!(client.get(&path).await.body, layer);
        assert_eq!(used().await, before, "the project stores what it stored");
        clean(&app).await;
        for table in ["artifact_blob", "project_blob", "blob"] {
            let sql = format!("DELETE FROM {table} WHERE digest = '{}'", Digest::sha256(layer));
            app.db().without_keys(&sql).await.unwrap();
        }
        damage(&app, layer, None).await;
        let found = only(&app, REPAIR).await;
        assert!(matches!(found.repair, Repair::NeedsPush(_)), "{found:#?}");
        push_like_docker(&client, &image).await;
        assert_eq!(client.get(&path).await.body, layer);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn an_index_whose_part_is_gone_waits_for_its_push() {
    on_each_engine(async |app| {
        let (client, one) = (app.admin(), image("one"));
        assert_eq!(client.push("library/multi", &one.digest(), &one).await.status, 201);
        assert_eq!(client.push("library/multi", "v1", &Image::index(&[&one])).await.status, 201);
        let gone = "DELETE FROM artifact_reference; DELETE FROM artifact_blob WHERE artifact_id = 1;
            DELETE FROM artifact WHERE id = 1";
        app.db().without_keys(gone).await.unwrap();
        let (mended, summary) = run(&app, REPAIR).await;
        let found = mended.iter().find(|f| f.fault == Fault::WrongArtifact).expect("the index is told");
        assert!(matches!(&found.repair, Repair::ByHand(text) if text.contains("push")), "{found:#?}");
        assert!(!summary.is_clean());
        assert_eq!(client.push("library/multi", &one.digest(), &one).await.status, 201);
        let (mended, summary) = run(&app, REPAIR).await;
        assert!(summary.is_clean(), "{mended:#?}");
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_signature_by_tag_is_as_it_should_be() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = b"what is signed";
        let descriptor = json!([{ "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": Digest::sha256(layer), "size": layer.len() }]);
        let signature =
            Image::of(media_type::OCI_CONFIG, b"{}", &[layer.as_slice()], json!({ "layers": descriptor }));
        let tag = format!("{}.sig", image.digest().replace(':', "-"));
        assert_eq!(client.push("library/web", &tag, &signature).await.status, 201);
        let row = app.db().query_one("SELECT COUNT(*) FROM accessory", &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), 1);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_can_be_read_in_two_ways_is_left_to_people() {
    on_each_engine(async |app| {
        let (client, mut image) = (app.admin(), image("two ways"));
        let mut manifest: serde_json::Value = serde_json::from_slice(&image.manifest).unwrap();
        manifest.as_object_mut().unwrap().remove("mediaType");
        image.manifest = manifest.to_string().into_bytes();
        assert_eq!(client.push("library/web", "v1", &image).await.status, 201);
        clean(&app).await;
        let wrong = "UPDATE artifact SET manifest_media_type = 'application/json'";
        app.db().execute(wrong, &[]).await.unwrap();
        let found = only(&app, REPAIR).await;
        assert_eq!(found.fault, Fault::WrongArtifact);
        assert!(
            matches!(&found.repair, Repair::ByHand(text) if text.contains("push it again")),
            "{found:#?}"
        );
        let path = format!("/api/v2.0/projects/library/repositories/web/artifacts/{}", image.digest());
        assert_eq!(client.delete(&path).await.status, 200);
        push_like_docker(&client, &image).await;
        clean(&app).await;
    })
    .await;
}
