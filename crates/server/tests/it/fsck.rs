//! Damage of every kind: made, told, left alone, mended, and gone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod artifacts;
mod uploads;

use crate::buckets::environment;
use crate::{on_each_engine, on_files};
use haven_core::fsck::{self, Event, Fault, Finding, Installation, Options, Repair, Summary};
use haven_db::{Clock, params};
use haven_oci::Digest;
use haven_testkit::{Client, Image, TestApp, image};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const LOOK: Options =
    Options { deep: false, repair: false, grace: Duration::from_secs(3600), force: false, readers: 2 };
const DEEP: Options = Options { deep: true, ..LOOK };
const REPAIR: Options = Options { repair: true, ..LOOK };
const DEEP_REPAIR: Options = Options { repair: true, ..DEEP };

async fn run(app: &TestApp, options: Options) -> (Vec<Finding>, Summary) {
    run_at(app, options, Clock::system()).await
}

fn installation(app: &TestApp, clock: Clock) -> Installation {
    Installation { db: app.db().db(), blobs: app.blobs(), clock }
}

async fn run_at(app: &TestApp, options: Options, clock: Clock) -> (Vec<Finding>, Summary) {
    let on = installation(app, clock);
    let mut findings = Vec::new();
    let mut listener = |event: Event<'_>| match event {
        Event::Found(finding) => findings.push(finding.clone()),
        Event::Progress(progress) => assert!(progress.done <= progress.total),
    };
    let summary = fsck::check(&on, &options, &mut listener).await.unwrap();
    assert_eq!(summary.findings, findings.len() as u64);
    (findings, summary)
}

/// The only thing that is wrong.
async fn only(app: &TestApp, options: Options) -> Finding {
    let (mut findings, _) = run(app, options).await;
    let found = findings.pop().expect("a finding");
    assert!(findings.is_empty(), "{found:#?}\n{findings:#?}");
    found
}

async fn clean(app: &TestApp) {
    let (findings, summary) = run(app, DEEP).await;
    assert!(summary.is_clean() && findings.is_empty(), "{findings:#?}");
}

/// Told, left alone by looking, mended by repairing.
async fn told_and_mended(app: &TestApp, look: Options, fault: Fault, done: &str) {
    for _ in 0..2 {
        let found = only(app, look).await;
        assert!(found.fault == fault && matches!(found.repair, Repair::Offered(_)), "{found:#?}");
    }
    let found = only(app, Options { repair: true, ..look }).await;
    match &found.repair {
        Repair::Done(text) | Repair::NeedsPush(text) if text.starts_with(done) => {
            assert_eq!(found.fault, fault);
        }
        _ => panic!("{found:#?}"),
    }
}

/// Puts anything, or nothing, in the place of these bytes.
async fn damage(app: &TestApp, bytes: &[u8], with: Option<&[u8]>) {
    app.damage(&Digest::sha256(bytes), with).await;
}

async fn stored(app: &TestApp, bytes: &[u8]) -> Option<Vec<u8>> {
    app.stored(&Digest::sha256(bytes)).await
}

fn blob(bytes: &[u8]) -> String {
    format!("/v2/library/web/blobs/{}", Digest::sha256(bytes))
}

/// As clients do: a blob is sent only when the registry does not have it.
async fn push_like_docker(client: &Client, image: &Image) {
    for content in &image.blobs {
        if client.head(&blob(content)).await.status != 200 {
            assert_eq!(client.push_blob("library/web", content).await.status, 201);
        }
    }
    assert_eq!(client.push_manifest("library/web", "v1", image).await.status, 201);
}

async fn pushed(app: &TestApp) -> (Client, Image) {
    let (client, image) = (app.admin(), image("a layer"));
    push_like_docker(&client, &image).await;
    (client, image)
}

#[tokio::test]
async fn a_sound_installation_is_clean() {
    on_each_engine(async |app| {
        let (client, one) = pushed(&app).await;
        let two = image("two");
        assert_eq!(client.push("library/multi", &one.digest(), &one).await.status, 201);
        assert_eq!(client.push("library/multi", &two.digest(), &two).await.status, 201);
        assert_eq!(client.push("library/multi", "v1", &Image::index(&[&one, &two])).await.status, 201);
        let note = one.referrer("application/x-note");
        assert_eq!(client.push("library/web", &note.digest(), &note).await.status, 201);
        clean(&app).await;
        let (_, shallow) = run(&app, LOOK).await;
        let (_, deep) = run(&app, DEEP).await;
        assert_eq!((shallow.blobs, shallow.read, shallow.young), (deep.blobs, 0, 0));
        assert_eq!(deep.read, deep.bytes);
        assert!(deep.bytes > 0);
    })
    .await;
}

#[tokio::test]
async fn a_missing_blob_comes_back_with_the_next_push() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = &image.blobs[1];
        damage(&app, layer, None).await;
        told_and_mended(&app, LOOK, Fault::MissingBlob, "recorded as lost").await;
        assert_eq!(client.get(&blob(layer)).await.code(), "BLOB_UNKNOWN");
        let refused = client.push_manifest("library/web", "v2", &image).await;
        assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
        let found = only(&app, REPAIR).await;
        assert_eq!(found.fault, Fault::LostBlob);
        let needed = &found.needed_by[0];
        assert_eq!((needed.repository.as_str(), needed.tag.as_str()), ("library/web", "v1"));
        assert_eq!(needed.digest, image.digest());
        push_like_docker(&client, &image).await;
        assert_eq!(client.get(&blob(layer)).await.body, layer);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_blob_may_also_be_put_back_by_hand() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = &image.blobs[1];
        damage(&app, layer, None).await;
        assert!(matches!(only(&app, REPAIR).await.repair, Repair::NeedsPush(_)));
        damage(&app, layer, Some(b"another")).await;
        assert!(
            matches!(only(&app, REPAIR).await.repair, Repair::NeedsPush(text) if text.starts_with("recorded"))
        );
        assert_eq!(stored(&app, layer).await, None);
        damage(&app, layer, Some(layer)).await;
        told_and_mended(&app, LOOK, Fault::LostBlob, "the bytes are right").await;
        assert_eq!(client.head(&blob(layer)).await.status, 200);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn bytes_without_a_row_go_when_they_are_old() {
    on_each_engine(async |app| {
        let (client, _) = pushed(&app).await;
        let orphan = b"nobody's";
        damage(&app, orphan, Some(orphan)).await;
        let (findings, summary) = run(&app, DEEP).await;
        assert_eq!((findings.len(), summary.young), (0, 1));
        let at_once = Options { grace: Duration::ZERO, ..LOOK };
        told_and_mended(&app, at_once, Fault::OrphanedBlob, "removed").await;
        assert_eq!(stored(&app, orphan).await, None);
        assert_eq!(client.push_blob("library/web", orphan).await.status, 201);
        assert_eq!(client.get(&blob(orphan)).await.body.as_ref(), orphan);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn the_storage_of_another_database_is_not_emptied() {
    on_each_engine(async |app| {
        let orphan = b"somebody's";
        damage(&app, orphan, Some(orphan)).await;
        let repair = Options { grace: Duration::ZERO, ..REPAIR };
        let found = only(&app, repair).await;
        assert!(matches!(&found.repair, Repair::ByHand(text) if text.contains("--force")), "{found:#?}");
        assert!(stored(&app, orphan).await.is_some());
        let found = only(&app, Options { force: true, ..repair }).await;
        assert_eq!(found.repair, Repair::Done("removed"));
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_size_is_decided_by_the_bytes() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = &image.blobs[1];
        let digest = Digest::sha256(layer);
        let wrong = "UPDATE blob SET size = 3 WHERE digest = $1";
        app.db().execute(wrong, params![digest.as_str()]).await.unwrap();
        told_and_mended(&app, LOOK, Fault::WrongSize, "the bytes are right").await;
        clean(&app).await;
        damage(&app, layer, Some(&layer[..3])).await;
        told_and_mended(&app, LOOK, Fault::WrongSize, "recorded as lost").await;
        assert_eq!(stored(&app, layer).await, None);
        push_like_docker(&client, &image).await;
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn wrong_bytes_are_found_by_reading() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let layer = &image.blobs[1];
        damage(&app, layer, Some(b"a l4yer")).await;
        assert!(run(&app, REPAIR).await.0.is_empty());
        told_and_mended(&app, DEEP, Fault::WrongContent, "recorded as lost").await;
        push_like_docker(&client, &image).await;
        assert_eq!(client.get(&blob(layer)).await.body, layer);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_comes_back_from_the_other_side() {
    on_each_engine(async |app| {
        let (_, image) = pushed(&app).await;
        let manifest = &image.manifest;
        damage(&app, manifest, None).await;
        told_and_mended(&app, LOOK, Fault::MissingManifest, "written again from the database").await;
        assert_eq!(stored(&app, manifest).await.as_ref(), Some(manifest));
        clean(&app).await;
        let mut wrong = image.manifest.clone();
        wrong[20] ^= 1;
        damage(&app, manifest, Some(&wrong)).await;
        told_and_mended(&app, DEEP, Fault::WrongContent, "written again from the database").await;
        clean(&app).await;
        let row = "UPDATE manifest SET content = $1";
        app.db().execute(row, params![wrong.clone()]).await.unwrap();
        told_and_mended(&app, DEEP, Fault::WrongManifest, "written again from storage").await;
        clean(&app).await;
        app.db().execute(row, params![wrong.clone()]).await.unwrap();
        damage(&app, manifest, Some(&wrong)).await;
        let (findings, summary) = run(&app, DEEP_REPAIR).await;
        assert!(findings.len() == 2 && !summary.is_clean(), "{findings:#?}");
        assert_eq!(app.admin().push("library/web", "v1", &image).await.status, 201);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn something_unreadable_is_told_and_left() {
    on_files(async |app| {
        let (_, image) = pushed(&app).await;
        let digest = Digest::sha256(&image.blobs[1]);
        let shelf = app.folder().join("docker/registry/v2/blobs/sha256").join(&digest.hex()[..2]);
        let layer = shelf.join(digest.hex()).join("data");
        fs::remove_file(&layer).unwrap();
        fs::create_dir(&layer).unwrap();
        let on = installation(&app, Clock::system());
        let failed = fsck::check(&on, &REPAIR, &mut |_: Event<'_>| {}).await;
        assert!(failed.is_err(), "a folder in a blob's place is nothing that repair knows");
        assert!(layer.exists());
    })
    .await;
}

/// Damage by hand, how it is called, and whether a repair helps.
const DAMAGE: [(&str, &str, Fault, bool); 21] = [
    ("DELETE FROM repository_part WHERE part = 'library/multi'", "repository ", Fault::StaleRow, true),
    (
        "UPDATE repository SET artifact_count = 7 WHERE name = 'library/multi'",
        "repository ",
        Fault::StaleRow,
        true,
    ),
    ("UPDATE artifact SET listed = NOT listed WHERE accessory", "artifact ", Fault::StaleRow, true),
    ("UPDATE accessory SET subject_artifact_id = NULL", "accessory ", Fault::StaleRow, true),
    ("UPDATE accessory SET subject_artifact_id = 4711", "accessory ", Fault::StaleRow, true),
    (
        "INSERT INTO tag (repository_id, artifact_id, name, pushed_at) VALUES (1, 4711, 'x', 1)",
        "tag ",
        Fault::DanglingRow,
        true,
    ),
    (
        "INSERT INTO artifact_reference (parent_id, position, child_id, child_digest) VALUES (4711, 0, 1, 'x')",
        "artifact_reference 4711 x",
        Fault::DanglingRow,
        true,
    ),
    (
        "UPDATE artifact_reference SET child_id = 4711 WHERE position = 0",
        "artifact_reference ",
        Fault::DanglingRow,
        true,
    ),
    (
        "INSERT INTO artifact_blob (artifact_id, project_id, digest) SELECT 4711, 1, MIN(digest) FROM blob",
        "artifact_blob 4711 ",
        Fault::DanglingRow,
        true,
    ),
    (
        "DELETE FROM project_blob WHERE digest = (SELECT MIN(digest) FROM project_blob)",
        "artifact_blob 1 ",
        Fault::DanglingRow,
        true,
    ),
    (
        "DELETE FROM blob WHERE digest = (SELECT MIN(digest) FROM project_blob)",
        "project_blob 1 ",
        Fault::DanglingRow,
        true,
    ),
    (
        "DELETE FROM manifest WHERE digest = (SELECT digest FROM artifact WHERE id = 1)",
        "artifact ",
        Fault::DanglingRow,
        true,
    ),
    (
        "DELETE FROM artifact_blob WHERE artifact_id = 1 AND digest = (SELECT digest FROM artifact WHERE id = 1)",
        "artifact 1 ",
        Fault::DanglingRow,
        true,
    ),
    (
        "INSERT INTO accessory (artifact_id, repository_id, subject_digest, type, created_at) VALUES (4711, 1, 'x', 'y', 1)",
        "accessory ",
        Fault::DanglingRow,
        true,
    ),
    (
        "INSERT INTO artifact_label (artifact_id, label_id, created_at) VALUES (4711, 1, 1)",
        "artifact_label 4711 1",
        Fault::DanglingRow,
        true,
    ),
    (
        "INSERT INTO artifact_pull (artifact_id, pulled_at) VALUES (4711, 1)",
        "artifact_pull 4711",
        Fault::DanglingRow,
        true,
    ),
    ("INSERT INTO tag_pull (tag_id, pulled_at) VALUES (4711, 1)", "tag_pull 4711", Fault::DanglingRow, true),
    (
        "INSERT INTO upload (id, project_id, repository, actor, state, started_at, updated_at)
         SELECT 'u', 4711, 'x', 'y', content, 1, 1 FROM manifest LIMIT 1",
        "upload u",
        Fault::DanglingRow,
        true,
    ),
    ("DELETE FROM artifact_reference", "artifact ", Fault::WrongArtifact, true),
    (
        "UPDATE repository SET name = 'other/web' WHERE name = 'library/web'",
        "repository ",
        Fault::DanglingRow,
        false,
    ),
    ("UPDATE project SET deleted_at = 1", "repository ", Fault::DanglingRow, false),
];

#[tokio::test]
async fn rows_that_refer_to_nothing_are_told_and_mended() {
    on_each_engine(async |app| {
        let (client, one) = pushed(&app).await;
        let note = one.referrer("application/x-note");
        assert_eq!(client.push("library/web", &note.digest(), &note).await.status, 201);
        assert_eq!(client.push("library/multi", &one.digest(), &one).await.status, 201);
        assert_eq!(client.push("library/multi", "v1", &Image::index(&[&one])).await.status, 201);
        // Each is mended before the next one is made, but for the last.
        for (damage, subject, fault, helps) in DAMAGE {
            app.db().without_keys(damage).await.unwrap();
            let (told, _) = run(&app, LOOK).await;
            let named = |f: &Finding| f.fault == fault && f.subject.starts_with(subject);
            assert!(told.iter().any(named), "{damage}: {told:#?}");
            let (mended, summary) = run(&app, REPAIR).await;
            assert!(mended.iter().any(named), "{damage}: looking changes nothing: {mended:#?}");
            assert_eq!(summary.is_clean(), helps, "{damage}: {mended:#?}");
            if helps {
                let (left, _) = run(&app, LOOK).await;
                assert!(left.is_empty(), "{damage}: {left:#?}");
            }
        }
    })
    .await;
}

/// The program itself, on this database and this folder.
fn program(database: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
    command.arg("fsck").args(arguments).env_clear();
    command.env("HAVEN_DATABASE__URL", database).env("HAVEN_DATA_DIR", folder);
    command
}

/// The program on the database and the storage of the application.
fn beside(app: &TestApp, arguments: &[&str]) -> Output {
    let mut command = program(&url(app), app.folder(), arguments);
    match app.bucket() {
        None => command.env("HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY", app.folder()),
        Some(bucket) => command.envs(environment(&bucket)),
    };
    command.output().unwrap()
}

fn url(app: &TestApp) -> String {
    match app.db().options() {
        haven_db::Options::Sqlite(options) => format!("sqlite:{}", options.path.display()),
        haven_db::Options::Postgres(options) => options.url,
    }
}

#[tokio::test]
async fn the_program_tells_what_it_found_by_its_status() {
    on_each_engine(async |app| {
        let (client, image) = pushed(&app).await;
        let run = |arguments: &[&str]| {
            let output = beside(&app, arguments);
            let text = String::from_utf8(output.stdout).unwrap();
            (output.status.code().unwrap(), text, String::from_utf8(output.stderr).unwrap())
        };
        let (status, text, progress) = run(&["--deep"]);
        assert_eq!(status, 0, "{text}{progress}");
        assert!(text.starts_with("clean: 3 blobs of ") && progress.contains("bytes: "), "{text}{progress}");
        damage(&app, &image.blobs[1], None).await;
        let (status, text, progress) = run(&["--json", "--quiet"]);
        assert_eq!((status, progress.as_str()), (1, ""));
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["finding"]["fault"], "missing-blob");
        assert_eq!(lines[0]["finding"]["needed_by"][0]["repository"], "library/web");
        assert_eq!(lines[1]["summary"]["findings"], 1);
        let (status, text, _) = run(&["--repair"]);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("needed by library/web:v1 (sha256:"), "{text}");
        assert!(text.contains("to be pushed again: recorded as lost"), "{text}");
        // The server was running all the time.
        push_like_docker(&client, &image).await;
        assert_eq!(run(&["--deep", "--quiet"]).0, 0);
    })
    .await;
}

#[tokio::test]
async fn the_program_makes_nothing_that_is_not_there() {
    on_files(async |app| {
        let nowhere = app.folder().join("nowhere");
        for (database, storage) in [
            (url(&app), nowhere.clone()),
            (format!("sqlite:{}", nowhere.join("haven.db").display()), app.folder().to_owned()),
        ] {
            let mut command = program(&database, app.folder(), &["--repair"]);
            let output =
                command.env("HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY", &storage).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            assert!(String::from_utf8(output.stderr).unwrap().contains("there is no "));
            assert!(!nowhere.exists());
        }
        let bare = app.folder().join("bare");
        fs::create_dir(&bare).unwrap();
        let mut command = program(&url(&app), app.folder(), &["--deep"]);
        let output = command.env("HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY", &bare).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(fs::read_dir(&bare).unwrap().count(), 0, "it only looks");
        app.db().execute("UPDATE schema_migration SET version = 99 WHERE version = 2", &[]).await.unwrap();
        let output = beside(&app, &[]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    })
    .await;
}
