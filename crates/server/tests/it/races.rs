//! Pushes and deletions of the same at once.

use crate::hostile::listed;
use crate::on_each_engine;
use crate::uploads::count;
use haven_oci::Digest;
use haven_testkit::{Image, image};

#[tokio::test]
async fn pushes_at_once_make_one_artifact_and_true_counts() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let images: Vec<Image> = (0..3).map(|n| image(&format!("{n}"))).collect();
        for blob in images.iter().flat_map(|image| &image.blobs) {
            admin.push_blob("library/app", blob).await;
        }
        let mut pushes = Vec::new();
        for n in 0..12 {
            let (client, image) = (admin.clone(), images[n % 3].clone());
            let tag = format!("v{}", n % 4);
            pushes.push(tokio::spawn(async move {
                client.push_manifest("library/app", &tag, &image).await.status
            }));
        }
        for push in pushes {
            assert_eq!(push.await.unwrap(), 201);
        }
        assert_eq!((count(&app, "artifact").await, count(&app, "tag").await), (3, 4));
        assert_eq!((count(&app, "repository").await, listed(&admin).await), (1, ("3".into(), 3)));
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_is_deleted_during_a_push_breaks_no_artifact() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for n in 0..10 {
            let web = image(&format!("{n}"));
            for blob in &web.blobs {
                admin.push_blob("library/app", blob).await;
            }
            let layer = format!("/v2/library/app/blobs/{}", Digest::sha256(&web.blobs[1]));
            let (pusher, image, deleter, path) = (admin.clone(), web.clone(), admin.clone(), layer.clone());
            let push = tokio::spawn(async move { pusher.push_manifest("library/app", "v1", &image).await });
            let delete = tokio::spawn(async move { deleter.delete(&path).await });
            let (pushed, deleted) = (push.await.unwrap(), delete.await.unwrap());
            let there = admin.get(&layer).await.status;
            match (pushed.status, deleted.status) {
                (201, 405) => assert_eq!(there, 200),
                (400, 202) => assert_eq!((pushed.code().as_str(), there), ("MANIFEST_BLOB_UNKNOWN", 404)),
                other => panic!("{other:?} {} {}", pushed.text(), deleted.text()),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_push_and_a_deletion_at_once_end_in_an_order() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (web, project) = (image("web"), "/api/v2.0/projects/team");
        for n in 0..10 {
            app.project("team", false).await;
            admin.push("team/web", "v0", &web).await;
            let pusher = admin.clone();
            let other = image(&format!("{n}"));
            let push = tokio::spawn(async move {
                for blob in &other.blobs {
                    pusher.push_blob("team/web", blob).await;
                }
                pusher.push_manifest("team/web", "v1", &other).await.status
            });
            assert_eq!(admin.delete(&format!("{project}/repositories/web")).await.status, 200);
            let (gone, pushed) = (admin.delete(project).await.status, push.await.unwrap());
            // 200 and 201: the push was first, and what it made went with the repository.
            assert!(matches!((gone, pushed), (200, 201 | 400 | 401 | 404) | (412, 201)), "{gone} {pushed}");
            let left = "repository r JOIN project p ON p.id = r.project_id WHERE p.deleted_at IS NOT NULL";
            assert_eq!(count(&app, left).await, 0);
            if gone == 412 {
                assert_eq!(admin.get("/v2/team/web/manifests/v1").await.status, 200);
                admin.delete(&format!("{project}/repositories/web")).await;
                assert_eq!(admin.delete(project).await.status, 200);
            }
        }
    })
    .await;
}
