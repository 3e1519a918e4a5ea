//! Additions: what can be read about an artifact beyond its row.

use super::{refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_oci::media_type;
use haven_testkit::{Answer, Image, Part, TestApp, bomb, chart, chart_of, gzip, image, model, tar};
use serde_json::{Value, json};

const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";
const TEXT: &str = "text/plain; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

async fn push(app: &TestApp, tag: &str, image: &Image) {
    let pushed = app.admin().push("library/web", tag, image).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
}

async fn addition(app: &TestApp, tag: &str, name: &str) -> Answer {
    app.admin().get(&format!("{WEB}/{tag}/additions/{name}")).await
}

/// The type and text of an addition that is there.
async fn read(app: &TestApp, tag: &str, name: &str) -> (String, String) {
    let answer = addition(app, tag, name).await;
    assert_eq!(answer.status, 200, "{tag} {name}: {}", answer.text());
    (answer.header("content-type").to_owned(), answer.text())
}

fn is(content_type: &str, text: &str) -> (String, String) {
    (content_type.to_owned(), text.to_owned())
}

async fn kept(app: &TestApp) -> i64 {
    let count = "SELECT COUNT(*) FROM manifest_addition";
    app.db().query_one(count, &[]).await.unwrap().get(0).unwrap()
}

#[tokio::test]
async fn an_image_has_a_history() {
    on_each_engine(async |app| {
        let history = r#"[{"created_by":"RUN a && b","empty_layer":true},{"created_by":"COPY . ."}]"#;
        let config = format!(r#"{{"os":"linux","history":{history}}}"#);
        push(&app, "v1", &Image::of(media_type::OCI_CONFIG, config.as_bytes(), &[b"x"], json!({}))).await;
        push(&app, "bare", &image("bare")).await;
        push(&app, "odd", &Image::of(media_type::DOCKER_CONFIG, b"no json", &[b"x"], json!({}))).await;
        assert_eq!(read(&app, "v1", "build_history").await, is(JSON, history));
        for tag in ["bare", "odd"] {
            assert_eq!(read(&app, tag, "build_history").await, is(JSON, "null"));
        }
        let refused = addition(&app, "v1", "values.yaml").await;
        assert_eq!(
            refusal(&refused),
            told(400, "BAD_REQUEST", "addition values.yaml isn't supported for IMAGE")
        );
        push(&app, "all", &Image::index(&[&image("bare")])).await;
        assert_eq!(addition(&app, "all", "build_history").await.status, 400, "an index has none");
        assert!(app.admin().get(&format!("{WEB}/all")).await.json().get("addition_links").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_chart_has_values_a_readme_and_dependencies() {
    on_each_engine(async |app| {
        let files: [(&str, &[u8]); 5] = [
            ("web/Chart.yaml", b"name: web"),
            ("web/charts/db/values.yaml", b"of: db"),
            ("web/charts/db/README.md", b"# Database"),
            ("web/values.yaml", b"replicas: 1\n"),
            ("web/README.md", b"# Web"),
        ];
        let dependencies = json!([{ "name": "db", "version": "1", "repository": "https://charts.test" }]);
        let mut description = json!({ "apiVersion": "v2", "name": "web", "dependencies": dependencies });
        push(&app, "v1", &chart(&description, &files)).await;
        assert_eq!(read(&app, "v1", "values.yaml").await, is(TEXT, "replicas: 1\n"));
        assert_eq!(read(&app, "v1", "readme.md").await, is(MARKDOWN, "# Web"));
        assert_eq!(read(&app, "v1", "dependencies").await, is(JSON, &dependencies.to_string()));
        description = json!({ "apiVersion": "v2", "name": "web" });
        push(&app, "bare", &chart(&description, &files[..1])).await;
        assert_eq!(read(&app, "bare", "values.yaml").await, is(TEXT, ""), "without the file it is empty");
        assert_eq!(read(&app, "bare", "readme.md").await, is(MARKDOWN, ""));
        assert_eq!(read(&app, "bare", "dependencies").await, is(JSON, "null"));
        for (name, text) in [("license", "CHART"), ("build_history", "CHART"), ("sbom", "CHART")] {
            let words = format!("addition {name} isn't supported for {text}");
            assert_eq!(refusal(&addition(&app, "v1", name).await), told(400, "BAD_REQUEST", &words));
        }
    })
    .await;
}

#[tokio::test]
async fn a_chart_of_the_first_version_names_its_dependencies_in_a_file() {
    on_each_engine(async |app| {
        let requirements =
            b"dependencies:\n- name: db\n  version: 1.0.0\n  repository: https://charts.test\n";
        let description = json!({ "apiVersion": "v1", "name": "web" });
        push(&app, "v1", &chart(&description, &[("web/Requirements.yaml", requirements)])).await;
        let listed = r#"[{"name":"db","version":"1.0.0","repository":"https://charts.test"}]"#;
        assert_eq!(read(&app, "v1", "dependencies").await, is(JSON, listed));
        push(&app, "bare", &chart(&description, &[("web/values.yaml", b"")])).await;
        assert_eq!(read(&app, "bare", "dependencies").await, is(JSON, "[]"));
        push(&app, "odd", &chart(&description, &[("web/requirements.yaml", b"dependencies: {")])).await;
        assert_eq!(addition(&app, "odd", "dependencies").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_model_has_documents_and_files() {
    on_each_engine(async |app| {
        push(&app, "v1", &model(&[("README.md", b"# Tiny"), ("LICENSE.txt", b"MIT"), ("w/1.bin", b"12345")]))
            .await;
        assert_eq!(read(&app, "v1", "readme.md").await, is(MARKDOWN, "# Tiny"));
        assert_eq!(read(&app, "v1", "license").await, is(TEXT, "MIT"));
        let tree: Value = serde_json::from_str(&read(&app, "v1", "files").await.1).unwrap();
        let file = |name: &str, size: u64| json!({ "name": name, "type": "file", "size": size });
        let folder = json!({ "name": "w", "type": "directory", "children": [file("1.bin", 5)] });
        assert_eq!(tree, json!([folder, file("LICENSE.txt", 3), file("README.md", 6)]));
        let packed = Part::new("application/vnd.cncf.model.doc.v1.tar", tar(&[("README.md", b"# Packed")]))
            .annotated("org.cncf.model.filepath", "README.md");
        let large = Part::new("application/vnd.cncf.model.doc.v1.raw", vec![b'x'; (4 << 20) + 1])
            .annotated("org.cncf.model.filepath", "LICENSE");
        let more = json!({ "artifactType": "application/vnd.cncf.model.manifest.v1+json" });
        push(&app, "v2", &Image::made_of(&Part::new(media_type::OCI_EMPTY, "{}"), &[packed, large], more))
            .await;
        assert_eq!(read(&app, "v2", "readme.md").await, is(MARKDOWN, "# Packed"));
        assert_eq!(addition(&app, "v2", "license").await.status, 413);
        push(&app, "bare", &model(&[("w/1.bin", b"1")])).await;
        assert_eq!(
            refusal(&addition(&app, "bare", "license").await),
            told(404, "NOT_FOUND", "the artifact has no license")
        );
        assert_eq!(addition(&app, "bare", "readme.md").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_bill_of_materials_is_its_layer() {
    on_each_engine(async |app| {
        let web = image("web");
        let sbom = web.sbom(r#"{"spdxVersion":"SPDX-2.3"}"#);
        push(&app, "v1", &web).await;
        push(&app, &sbom.digest(), &sbom).await;
        let kind = "application/vnd.goharbor.harbor.sbom.v1";
        assert_eq!(read(&app, &sbom.digest(), "sbom").await, is(kind, r#"{"spdxVersion":"SPDX-2.3"}"#));
        assert_eq!(addition(&app, "v1", "sbom").await.status, 400, "the image has none of itself");
        let parts = [Part::new(kind, "1"), Part::new(kind, "2")];
        let two = Image::made_of(&Part::new(kind, "{}"), &parts, json!({}));
        push(&app, "two", &two).await;
        assert_eq!(
            refusal(&addition(&app, "two", "sbom").await),
            told(404, "NOT_FOUND", "the artifact has no sbom")
        );
    })
    .await;
}

/// A layer that is to be had elsewhere needs not be the project's, so its digest may name anybody's blob.
#[tokio::test]
async fn a_foreign_layer_opens_nobody_elses_blob() {
    on_each_engine(async |app| {
        app.project("secret", false).await;
        let private = r#"{"spdxVersion":"SPDX-2.3","name":"secret"}"#;
        assert_eq!(app.admin().push_blob("secret/web", private.as_bytes()).await.status, 201);
        let sbom = image("web").sbom(private);
        let mut manifest: Value = serde_json::from_slice(&sbom.manifest).unwrap();
        manifest["layers"][0]["urls"] = json!(["https://elsewhere.test/sbom"]);
        let manifest = manifest.to_string().into_bytes();
        let foreign = Image { manifest, blobs: vec![b"{}".to_vec()], ..sbom };
        push(&app, &foreign.digest(), &foreign).await;
        let answer = addition(&app, &foreign.digest(), "sbom").await;
        assert_eq!(refusal(&answer), told(404, "NOT_FOUND", "the artifact has no sbom"));
    })
    .await;
}

#[tokio::test]
async fn without_a_scanner_there_are_no_reports() {
    on_each_engine(async |app| {
        push(&app, "v1", &image("web")).await;
        let reports = addition(&app, "v1", "vulnerabilities").await;
        assert_eq!((reports.status, reports.json()), (200, json!({})));
        let header =
            [("x-accept-vulnerabilities", "application/vnd.security.vulnerability.report; version=1.1")];
        let path = format!("{WEB}/v1/additions/vulnerabilities");
        let asked = app.admin().request(http::Method::GET, &path, &header, "").await;
        assert_eq!(asked.json(), json!({}));
        assert_eq!(addition(&app, "v2", "vulnerabilities").await.status, 404);
        let query =
            "with_scan_overview=true&with_sbom_overview=true&with_signature=true&with_immutable_status=true";
        let shown = app.admin().get(&format!("{WEB}/v1?{query}")).await.json();
        assert!(shown.get("scan_overview").is_none() && shown.get("sbom_overview").is_none());
        assert_eq!(shown["tags"][0]["immutable"], false);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        assert_eq!(app.admin().push("team/web", "v1", &image("web")).await.status, 201);
        let path = |project: &str, name: &str| {
            format!("/api/v2.0/projects/{project}/repositories/web/artifacts/v1/additions/{name}")
        };
        let words = "validation failure list:\naddition in path should be one of \
                     [build_history values.yaml readme.md dependencies sbom license files]";
        let odd = app.anonymous().get(&path("team", "passwords")).await;
        assert_eq!(
            refusal(&odd),
            told(422, "UNPROCESSABLE_ENTITY", words),
            "before anybody is asked who they are"
        );
        let guest = app.member("team", "gus", Role::LimitedGuest).await;
        assert_eq!(guest.get(&path("team", "build_history")).await.status, 200);
        for name in ["build_history", "vulnerabilities"] {
            assert_eq!(app.anonymous().get(&path("team", name)).await.status, 401);
            assert_eq!(app.person(&format!("fay-{name}")).await.get(&path("team", name)).await.status, 403);
            assert_eq!(app.admin().get(&path("nobodys", name)).await.status, 404);
            assert_eq!(app.admin().get(&path("library", name)).await.status, 404, "no such repository");
        }
        push(&app, "v1", &image("web")).await;
        assert_eq!(app.anonymous().get(&path("library", "build_history")).await.status, 200, "it is public");
    })
    .await;
}

#[tokio::test]
async fn hostile_archives_are_given_up_and_remembered() {
    on_each_engine(async |app| {
        let description = json!({ "apiVersion": "v2", "name": "web" });
        let large = vec![b'#'; (4 << 20) + 1];
        let many: Vec<(String, Vec<u8>)> = (0..10_001).map(|n| (format!("web/{n}"), Vec::new())).collect();
        let many: Vec<(&str, &[u8])> =
            many.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let cut = gzip(&tar(&[("web/Chart.yaml", b"name: web")]));
        let escapes: [(&str, &[u8]); 3] = [
            ("../values.yaml", b"a: up"),
            ("/etc/values.yaml", b"a: root"),
            ("web/../../values.yaml", b"a: out"),
        ];
        for (tag, archive, status, text) in [
            ("bomb", bomb(101), 413, None),
            ("wide", bomb(8), 200, Some("a: 1")),
            ("large", gzip(&tar(&[("web/values.yaml", &large)])), 413, None),
            ("many", gzip(&tar(&many)), 413, None),
            ("cut", cut[..cut.len() / 2].to_vec(), 404, None),
            ("plain", b"this is no archive".to_vec(), 404, None),
            ("empty", Vec::new(), 404, None),
            ("paths", gzip(&tar(&escapes)), 200, Some("")),
        ] {
            push(&app, tag, &chart_of(&description, archive)).await;
            for _ in 0..2 {
                let answer = addition(&app, tag, "values.yaml").await;
                assert_eq!(answer.status, status, "{tag}: {}", answer.text());
                if let Some(text) = text {
                    assert_eq!(answer.text(), text, "{tag}");
                }
            }
        }
        assert_eq!(kept(&app).await, 8, "each was unpacked once");
    })
    .await;
}

#[tokio::test]
async fn an_addition_is_made_once_for_all_repositories() {
    on_each_engine(async |app| {
        let web = chart(&json!({ "apiVersion": "v2", "name": "web" }), &[("web/values.yaml", b"a: 1")]);
        push(&app, "v1", &web).await;
        assert_eq!(app.admin().push("library/other", "v1", &web).await.status, 201);
        assert_eq!(read(&app, "v1", "values.yaml").await, is(TEXT, "a: 1"));
        assert_eq!(kept(&app).await, 1);
        let other = "/api/v2.0/projects/library/repositories/other/artifacts/v1/additions/values.yaml";
        let app = app.restart().await;
        app.db().execute("UPDATE blob SET lost = TRUE", &[]).await.unwrap();
        assert_eq!(app.admin().get(other).await.text(), "a: 1", "from the row alone");
        assert_eq!(kept(&app).await, 1);
    })
    .await;
}
