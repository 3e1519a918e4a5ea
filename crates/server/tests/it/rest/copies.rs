//! Copies of artifacts between repositories and projects.

use super::{API, digests, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn push(app: &TestApp, repository: &str, reference: &str, image: &Image) {
    app.clock.advance(Duration::from_secs(60));
    let pushed = app.admin().push(repository, reference, image).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
}

/// Copies into a repository.
async fn copy(client: &Client, to: &str, from: &str) -> Answer {
    let (project, path) = to.split_once('/').unwrap();
    let path = path.replace('/', "%252F");
    let from = from.replace('@', "%40");
    let url = format!("{API}/projects/{project}/repositories/{path}/artifacts?from={from}");
    client.request(Method::POST, &url, &[], "").await
}

async fn artifact(app: &TestApp, repository: &str, reference: &str) -> Value {
    let (project, path) = repository.split_once('/').unwrap();
    let url = format!("{API}/projects/{project}/repositories/{path}/artifacts/{reference}");
    app.admin().get(&format!("{url}?with_accessory=true&with_label=true")).await.json()
}

async fn tags(app: &TestApp, repository: &str) -> Value {
    app.admin().get(&format!("/v2/{repository}/tags/list")).await.json()["tags"].clone()
}

#[tokio::test]
async fn a_copy_is_the_same_artifact_with_all_its_tags() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let web = image("web");
        for tag in ["v1", "latest"] {
            push(&app, "library/web", tag, &web).await;
        }
        let source = artifact(&app, "library/web", "v1").await;
        let label = app.admin().post(&format!("{API}/labels"), &json!({ "name": "x", "scope": "g" })).await;
        let label: i64 = label.header("location").rsplit('/').next().unwrap().parse().unwrap();
        let labels = format!("{API}/projects/library/repositories/web/artifacts/v1/labels");
        assert_eq!(app.admin().post(&labels, &json!({ "id": label })).await.status, 200);
        app.clock.advance(Duration::from_secs(60));
        let copied = copy(&app.admin(), "team/a/b", "library/web:v1").await;
        assert_eq!((copied.status, copied.text().as_str()), (201, ""));
        assert_eq!(copied.header("location"), "/api/v2.0/projects/team/repositories/a%252Fb/artifacts/v1");
        let shown = app.admin().get(copied.header("location")).await.json();
        for same in ["digest", "type", "size", "media_type", "extra_attrs", "icon", "artifact_type"] {
            assert_eq!(shown.get(same), source.get(same), "{same}");
        }
        assert_ne!(shown["id"], source["id"]);
        assert_eq!(shown["push_time"], "2023-11-14T22:16:20.000Z", "it is new here");
        assert_eq!(shown.get("labels"), Some(&Value::Null), "labels stay behind");
        assert_eq!(tags(&app, "team/a/b").await, json!(["latest", "v1"]));
        let told = app.admin().get(&format!("{API}/auditlog-exts?page_size=1")).await.json();
        let told = ["username", "operation", "resource_type", "resource"].map(|name| told[0][name].clone());
        assert_eq!(json!(told), json!(["admin", "create", "artifact", "team/a/b:v1"]));
        let pulled = app.admin().get("/v2/team/a/b/manifests/latest").await;
        assert_eq!(pulled.body, web.manifest);
        for blob in &web.blobs {
            let path = format!("/v2/team/a/b/blobs/{}", haven_oci::Digest::sha256(blob));
            assert_eq!(app.admin().get(&path).await.body, *blob);
        }
        let repository = app.admin().get(&format!("{API}/projects/team/repositories/a%252Fb")).await.json();
        assert_eq!(repository["artifact_count"], 1);
    })
    .await;
}

#[tokio::test]
async fn an_index_comes_with_its_parts_and_all_that_hangs_on_them() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (one, two) = (image("one"), image("two"));
        let index = Image::index(&[&one, &two]);
        push(&app, "library/web", "one", &one).await;
        push(&app, "library/web", &two.digest(), &two).await;
        push(&app, "library/web", "all", &index).await;
        let (tag, by_tag) = index.cosign_by_tag();
        push(&app, "library/web", &tag, &by_tag).await;
        let sbom = two.sbom("{}");
        let signed = sbom.notation();
        for hanging in [&sbom, &signed] {
            push(&app, "library/web", &hanging.digest(), hanging).await;
        }
        let from = format!("library/web@{}", index.digest());
        let copied = copy(&app.admin(), "team/web", &from).await;
        assert_eq!(copied.status, 201, "{}", copied.text());
        assert!(copied.header("location").ends_with(&index.digest()));
        assert_eq!(tags(&app, "team/web").await, json!(["all", tag]), "tags of the parts stay behind");
        let list = app.admin().get(&format!("{API}/projects/team/repositories/web/artifacts")).await;
        assert_eq!((digests(&list), list.header("x-total-count")), (vec![index.digest()], "1"));
        let shown = artifact(&app, "team/web", "all").await;
        let children: Vec<_> =
            shown["references"].as_array().unwrap().iter().map(|part| &part["child_digest"]).collect();
        assert_eq!(children, [&*one.digest(), &*two.digest()]);
        assert_eq!(shown["references"][0]["parent_id"], shown["id"]);
        assert_eq!(shown["references"][0]["platform"]["os"], "linux");
        assert_eq!(shown["references"][1]["child_id"], artifact(&app, "team/web", &two.digest()).await["id"]);
        assert_eq!(shown["accessories"][0]["digest"], by_tag.digest());
        assert_eq!(shown["accessories"][0]["subject_artifact_id"], shown["id"]);
        let two = artifact(&app, "team/web", &two.digest()).await;
        assert_eq!(two["accessories"][0]["type"], "sbom.harbor");
        let sbom = artifact(&app, "team/web", &sbom.digest()).await;
        assert_eq!(sbom["accessories"][0]["digest"], signed.digest());
        let referrers =
            app.admin().get(&format!("/v2/team/web/referrers/{}", two["digest"].as_str().unwrap())).await;
        assert_eq!(referrers.json()["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(app.admin().delete(&format!("{API}/projects/library/repositories/web")).await.status, 200);
        assert_eq!(
            app.admin().get("/v2/team/web/manifests/all").await.status,
            200,
            "it needs nothing of the source"
        );
        assert_eq!(
            app.admin().delete(&format!("{API}/projects/team/repositories/web/artifacts/all")).await.status,
            200
        );
        assert_eq!(
            app.admin().get(&format!("{API}/projects/team/repositories/web")).await.json()["artifact_count"],
            0
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_there_already_only_gets_the_tags() {
    on_each_engine(async |app| {
        let web = image("web");
        push(&app, "library/web", "v1", &web).await;
        push(&app, "library/copy", "mine", &web).await;
        push(&app, "library/copy", "v1", &image("other")).await;
        push(&app, "library/web", &web.cosign().digest(), &web.cosign()).await;
        let before = artifact(&app, "library/copy", "mine").await;
        assert_eq!(copy(&app.admin(), "library/copy", "library/web:v1").await.status, 201);
        let after = artifact(&app, "library/copy", "v1").await;
        assert_eq!((&after["id"], &after["digest"]), (&before["id"], &json!(web.digest())), "the tag moved");
        assert_eq!(tags(&app, "library/copy").await, json!(["mine", "v1"]));
        assert_eq!(after.get("accessories"), Some(&Value::Null), "nothing else is looked at");
        let list = app.admin().get(&format!("{API}/projects/library/repositories/copy/artifacts")).await;
        assert_eq!(
            (digests(&list).len(), list.header("x-total-count")),
            (2, "2"),
            "what lost the tag is still listed"
        );
        assert_eq!(copy(&app.admin(), "library/copy", "library/web:v1").await.status, 201, "again");
        assert_eq!(copy(&app.admin(), "library/web", "library/web:v1").await.status, 201, "onto itself");
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_subject_finds_the_copy() {
    on_each_engine(async |app| {
        let web = image("web");
        let signature = web.cosign();
        push(&app, "library/copy", &signature.digest(), &signature).await;
        push(&app, "library/web", "v1", &web).await;
        assert_eq!(copy(&app.admin(), "library/copy", "library/web:v1").await.status, 201);
        let shown = artifact(&app, "library/copy", "v1").await;
        assert_eq!(shown["accessories"][0]["digest"], signature.digest());
    })
    .await;
}

#[tokio::test]
async fn a_part_of_the_copy_that_is_there_is_used() {
    on_each_engine(async |app| {
        let (one, two) = (image("one"), image("two"));
        push(&app, "library/copy", &one.digest(), &one).await;
        for part in [&one, &two] {
            push(&app, "library/web", &part.digest(), part).await;
        }
        push(&app, "library/web", "all", &Image::index(&[&one, &two])).await;
        let list = format!("{API}/projects/library/repositories/copy/artifacts");
        assert_eq!(digests(&app.admin().get(&list).await), [one.digest()]);
        assert_eq!(copy(&app.admin(), "library/copy", "library/web:all").await.status, 201);
        let listed = app.admin().get(&list).await;
        let index = Image::index(&[&one, &two]);
        assert_eq!(
            (digests(&listed), listed.header("x-total-count")),
            (vec![index.digest()], "1"),
            "it is a part now"
        );
    })
    .await;
}

#[tokio::test]
async fn a_copy_takes_rights_on_both_sides() {
    on_each_engine(async |app| {
        for project in ["from", "to"] {
            app.project(project, false).await;
        }
        push(&app, "from/web", "v1", &image("web")).await;
        let join = async |client: &str, project: &str, role: Role| {
            let join = "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
                SELECT p.id, 'u', u.id, $3, 1, 1 FROM project p, user_account u
                WHERE p.name = $1 AND u.username = $2";
            app.db().execute(join, haven_db::params![project, client, role.id()]).await.unwrap();
        };
        let writer = app.member("to", "wil", Role::Developer).await;
        let reader = app.member("from", "rea", Role::Guest).await;
        let both = app.member("to", "bob", Role::Developer).await;
        join("bob", "from", Role::LimitedGuest).await;
        let guest = app.member("to", "gus", Role::Guest).await;
        join("gus", "from", Role::ProjectAdmin).await;
        for (client, status) in
            [(&app.anonymous(), 401), (&app.person("fay").await, 403), (&writer, 403), (&reader, 403), (&guest, 403)]
        {
            assert_eq!(copy(client, "to/web", "from/web:v1").await.status, status);
        }
        assert_eq!(copy(&writer, "to/web", "nobodys/web:v1").await.status, 403, "as if it were hidden");
        assert_eq!(app.admin().get(&format!("{API}/projects/to/repositories")).await.json(), json!([]));
        assert_eq!(copy(&both, "to/web", "from/web:v1").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_copy_counts_what_is_new_to_the_project() {
    on_each_engine(async |app| {
        for project in ["from", "to"] {
            app.project(project, false).await;
        }
        let (web, other) = (image("web"), image("other"));
        push(&app, "from/web", "v1", &web).await;
        push(&app, "from/web", "other", &other).await;
        let used = async |project: &str| {
            let summary = app.admin().get(&format!("{API}/projects/{project}/summary")).await.json();
            summary["quota"]["used"]["storage"].as_i64().unwrap()
        };
        let size =
            |image: &Image| (image.manifest.len() + image.blobs.iter().map(Vec::len).sum::<usize>()) as i64;
        let whole = used("from").await;
        assert_eq!(copy(&app.admin(), "to/web", "from/web:v1").await.status, 201);
        assert_eq!((used("to").await, used("from").await), (size(&web), whole));
        assert_eq!(copy(&app.admin(), "to/more", "to/web:v1").await.status, 201, "the project has it");
        assert_eq!(used("to").await, size(&web));
        let quotas = app.admin().get(&format!("{API}/quotas?page_size=100")).await.json();
        let of_to = quotas.as_array().unwrap().iter().find(|quota| quota["ref"]["name"] == "to").unwrap();
        let limit = json!({ "hard": { "storage": size(&web) + 1 } });
        let quota = format!("{API}/quotas/{}", of_to["id"]);
        assert_eq!(app.admin().put(&quota, &limit).await.status, 200);
        let refused = copy(&app.admin(), "to/other", "from/web:other").await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"));
        assert!(
            refused.message().contains("will exceed the configured upper limit of"),
            "{}",
            refused.message()
        );
        assert_eq!(app.admin().get(&format!("{API}/projects/to/repositories/other")).await.status, 404);
        assert_eq!(copy(&app.admin(), "to/third", "from/web:v1").await.status, 201, "it costs nothing");
        for repository in ["web", "more"] {
            let gone = app.admin().delete(&format!("{API}/projects/to/repositories/{repository}")).await;
            assert_eq!((gone.status, used("to").await), (200, size(&web)), "the third needs it");
        }
        assert_eq!(
            app.admin().delete(&format!("{API}/projects/to/repositories/third/artifacts/v1")).await.status,
            200
        );
        assert_eq!((used("to").await, used("from").await), (0, whole));
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    on_each_engine(async |app| {
        let web = image("web");
        let signature = web.cosign();
        push(&app, "library/web", "v1", &web).await;
        push(&app, "library/web", &signature.digest(), &signature).await;
        let admin = app.admin();
        let unknown = format!("library/web@{}", image("none").digest());
        for (from, status, code) in [
            ("library/web", 400, "BAD_REQUEST"),
            ("web:v1", 400, "BAD_REQUEST"),
            ("library/web@v1", 400, "BAD_REQUEST"),
            ("library/WEB:v1", 400, "BAD_REQUEST"),
            ("library/web:-v1", 400, "BAD_REQUEST"),
            ("library/web:v2", 404, "NOT_FOUND"),
            ("library/none:v1", 404, "NOT_FOUND"),
            ("nobodys/web:v1", 404, "NOT_FOUND"),
            (&unknown, 404, "NOT_FOUND"),
        ] {
            let refused = copy(&admin, "library/copy", from).await;
            assert_eq!((refused.status, refused.code().as_str()), (status, code), "{from}");
        }
        let path = format!("{API}/projects/library/repositories/copy/artifacts");
        for query in ["", "?from="] {
            let refused = admin.request(Method::POST, &format!("{path}{query}"), &[], "").await;
            let words = "validation failure list:\nfrom in query is required";
            assert_eq!(refusal(&refused), told(422, "UNPROCESSABLE_ENTITY", words));
        }
        let accessory = copy(&admin, "library/copy", &format!("library/web@{}", signature.digest())).await;
        let words =
            format!("library/web@{} is an accessory, and is copied with its subject", signature.digest());
        assert_eq!(refusal(&accessory), told(403, "DENIED", &words));
        assert_eq!(copy(&admin, "nobodys/copy", "library/web:v1").await.status, 404);
        assert_eq!(admin.get(&format!("{API}/projects/library/repositories/copy")).await.status, 404);
        assert_eq!(
            admin.get(&format!("{API}/projects/library/repositories")).await.header("x-total-count"),
            "1"
        );
    })
    .await;
}

#[tokio::test]
async fn copies_both_ways_at_once_do_not_wait_for_ever() {
    on_each_engine(async |app| {
        for number in 0..4 {
            push(&app, "library/a", &format!("a{number}"), &image(&format!("a{number}"))).await;
            push(&app, "library/b", &format!("b{number}"), &image(&format!("b{number}"))).await;
        }
        let copies = (0..4).flat_map(|number| {
            [("library/b", format!("library/a:a{number}")), ("library/a", format!("library/b:b{number}"))]
        });
        let running: Vec<_> = copies
            .map(|(to, from)| {
                let admin = app.admin();
                tokio::spawn(async move { copy(&admin, to, &from).await.status })
            })
            .collect();
        for copying in running {
            assert_eq!(copying.await.unwrap(), 201);
        }
        for repository in ["library/a", "library/b"] {
            assert_eq!(tags(&app, repository).await.as_array().unwrap().len(), 8);
        }
    })
    .await;
}
