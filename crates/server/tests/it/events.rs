//! What follows from what happened, told through the front door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use crate::uploads::count;
use haven_core::events::{dispatch, waiting};
use haven_core::registry::{Purge, purge_uploads};
use haven_testkit::{Image, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const WEB: &str = "/api/v2.0/projects/library/repositories/web";

/// The kinds of the events that wait, with what they say.
async fn events(app: &TestApp) -> Vec<(String, Value)> {
    let rows = app.db().query("SELECT payload FROM event ORDER BY id", &[]).await.unwrap();
    let payloads = rows.iter().map(|row| row.get::<String>(0).unwrap());
    let read = |payload: String| {
        let event: Value = serde_json::from_str(&payload).unwrap();
        event.as_object().unwrap().iter().next().map(|(kind, said)| (kind.clone(), said.clone())).unwrap()
    };
    payloads.map(read).collect()
}

async fn kinds(app: &TestApp) -> Vec<String> {
    events(app).await.into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test]
async fn what_happens_to_artifacts_is_told_in_order() {
    on_each_engine(async |app| {
        let (admin, web) = (app.admin(), image("one"));
        assert_eq!(admin.push("library/web", "v1", &web).await.status, 201);
        assert_eq!(admin.push("library/web", &web.digest(), &web).await.status, 201);
        let tags = format!("{WEB}/artifacts/v1/tags");
        assert_eq!(admin.post(&tags, &json!({ "name": "v2" })).await.status, 201);
        assert_eq!(admin.delete(&format!("{tags}/v1")).await.status, 200);
        assert_eq!(admin.delete("/v2/library/web/manifests/v2").await.status, 202);
        assert_eq!(admin.delete(&format!("{WEB}/artifacts/{}", web.digest())).await.status, 200);
        let told = events(&app).await;
        let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "artifact_pushed",
                "artifact_pushed",
                "tag_created",
                "tag_deleted",
                "tag_deleted",
                "artifact_deleted"
            ]
        );
        assert_eq!((&told[0].1["repository"], &told[0].1["tag"]), (&json!("library/web"), &json!("v1")));
        assert_eq!((&told[1].1["digest"], &told[1].1["tag"]), (&json!(web.digest()), &Value::Null));
        assert_eq!((&told[2].1["tag"], &told[2].1["digest"]), (&json!("v2"), &json!(web.digest())));
        assert_eq!(dispatch(&app.app).await.unwrap(), 6);
        assert_eq!(waiting(&app.app).await.unwrap().due, 0);
    })
    .await;
}

#[tokio::test]
async fn of_what_goes_together_only_the_root_is_told() {
    on_each_engine(async |app| {
        let (admin, one, two) = (app.admin(), image("one"), image("two"));
        let index = Image::index(&[&one, &two]);
        for child in [&one, &two] {
            assert_eq!(admin.push("library/web", &child.digest(), child).await.status, 201);
        }
        for tag in ["v1", "v2"] {
            app.clock.advance(Duration::from_secs(1));
            assert_eq!(admin.push("library/web", tag, &index).await.status, 201);
        }
        dispatch(&app.app).await.unwrap();
        assert_eq!(admin.delete(&format!("{WEB}/artifacts/v1")).await.status, 200);
        let told = events(&app).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1["digest"], index.digest());
        assert_eq!(told[0].1["tags"], json!(["v2", "v1"]), "newest first");
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_is_not_told() {
    on_each_engine(async |app| {
        let (admin, web) = (app.admin(), image("one"));
        assert_eq!(admin.push("library/web", "v1", &web).await.status, 201);
        dispatch(&app.app).await.unwrap();
        let lines = async || count(&app, "audit_log_ext").await;
        let before = lines().await;
        assert_eq!(admin.push_manifest("library/web", "v2", &image("unknown")).await.status, 400);
        let tags = format!("{WEB}/artifacts/v1/tags");
        assert_eq!(admin.post(&tags, &json!({ "name": "v1" })).await.status, 409);
        assert_eq!(admin.delete(&format!("{tags}/v9")).await.status, 404);
        assert_eq!(admin.delete("/api/v2.0/projects/library").await.status, 412);
        let project = json!({ "project_name": "library" });
        assert_eq!(admin.post("/api/v2.0/projects", &project).await.status, 409);
        assert_eq!((kinds(&app).await, lines().await), (Vec::new(), before));
    })
    .await;
}

#[tokio::test]
async fn uploads_to_a_deleted_project_are_abandoned_at_once() {
    on_each_engine(async |app| {
        let admin = app.admin();
        app.project("team", false).await;
        for project in ["team", "library"] {
            let uploads = format!("/v2/{project}/web/blobs/uploads/");
            assert_eq!(admin.request(Method::POST, &uploads, &[], "").await.status, 202);
        }
        assert_eq!(admin.delete("/api/v2.0/projects/team").await.status, 200);
        let day = Purge { age: Duration::from_secs(86_400), dry_run: false };
        assert_eq!(purge_uploads(&app.app, day).await.unwrap(), 0);
        // The replica that deleted the project is gone; another one does what follows.
        let other = app.another().await;
        assert_eq!(dispatch(&other).await.unwrap(), 1);
        assert_eq!(purge_uploads(&other, day).await.unwrap(), 1);
        assert_eq!(count(&app, "upload").await, 1, "that of the other project");
    })
    .await;
}
