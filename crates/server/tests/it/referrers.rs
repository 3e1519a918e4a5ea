//! Lists of referrers that are longer than an answer should be.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_db::params;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use serde_json::json;

const SBOM: &str = "application/x-sbom+json";
const NOTE: &str = "application/x-note";

/// An artifact about `subject` with an annotation of this length.
fn about(subject: &Image, kind: &str, text: &str, length: usize) -> Image {
    let annotations = json!({ "text": text, "fill": "x".repeat(length) });
    let more = json!({ "subject": subject.descriptor(), "artifactType": kind, "annotations": annotations });
    Image::of("application/vnd.oci.empty.v1+json", b"{}", &[b"{}"], more)
}

async fn push(admin: &Client, image: &Image) -> String {
    let pushed = admin.push("library/web", &image.digest(), image).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    image.digest()
}

fn digests(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    body["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["digest"].as_str().unwrap().to_owned())
        .collect()
}

/// The address of the next page, as a client reads it.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.headers.get("link")?.to_str().unwrap();
    let path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    Some(path.unwrap().to_owned())
}

/// All pages from this one on, each with its digests.
async fn pages(admin: &Client, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), Some(first.to_owned()));
    while let Some(asked) = path {
        let answer = admin.get(&asked).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/vnd.oci.image.index.v1+json");
        assert_eq!(answer.headers.contains_key("oci-filters-applied"), first.contains("artifactType"));
        pages.push(digests(&answer));
        path = next(&answer);
    }
    pages
}

#[tokio::test]
async fn pages_follow_each_other_and_keep_what_was_asked() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let subject = image("subject");
        let (mut sboms, mut all) = (Vec::new(), Vec::new());
        for n in 0..5 {
            sboms.push(push(&admin, &about(&subject, SBOM, &format!("{n}"), 1)).await);
            all.push(sboms[n].clone());
            all.push(push(&admin, &about(&subject, NOTE, &format!("{n}"), 1)).await);
        }
        let path = format!("/v2/library/web/referrers/{}", subject.digest());
        let whole = admin.get(&path).await;
        assert_eq!((digests(&whole), next(&whole), whole.header("x-total-count")), (all.clone(), None, "10"));
        assert_eq!(pages(&admin, &format!("{path}?n=4")).await, [&all[..4], &all[4..8], &all[8..]]);
        assert_eq!(pages(&admin, &format!("{path}?n=5")).await.len(), 2, "no empty page at the end");
        let filtered = format!("{path}?artifactType=application%2Fx-sbom%2Bjson&n=2");
        assert_eq!(pages(&admin, &filtered).await, [&sboms[..2], &sboms[2..4], &sboms[4..]]);
        let first = admin.get(&filtered).await;
        assert_eq!(first.header("x-total-count"), "10");
        // What went between two pages leaves no gap, and what came is on the last.
        let second = next(&first).unwrap();
        assert_eq!(admin.delete(&format!("/v2/library/web/manifests/{}", sboms[1])).await.status, 202);
        let late = push(&admin, &about(&subject, SBOM, "late", 1)).await;
        assert_eq!(pages(&admin, &second).await, [&sboms[2..4], &[sboms[4].clone(), late]]);
        let none = admin.get(&format!("{path}?artifactType=application/none")).await;
        assert_eq!((digests(&none).len(), next(&none)), (0, None));
        for query in ["n=-1", "n=x", "last=x"] {
            assert_eq!(admin.get(&format!("{path}?{query}")).await.status, 400, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_with_large_annotations_is_short() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let subject = image("subject");
        let mut all = Vec::new();
        for (n, length) in [900_000, 900_000, 900_000, 3_000_000, 10].into_iter().enumerate() {
            all.push(push(&admin, &about(&subject, NOTE, &format!("{n}"), length)).await);
        }
        let path = format!("/v2/library/web/referrers/{}", subject.digest());
        let shown = pages(&admin, &path).await;
        assert_eq!(shown, [&all[..2], &all[2..3], &all[3..4], &all[4..]]);
    })
    .await;
}

/// Makes `count` more of the one artifact that refers to something, by rows alone.
async fn multiply(app: &TestApp, count: i64) {
    let of = "FROM n, accessory x JOIN artifact a ON a.id = x.artifact_id";
    for insert in [
        format!(
            "INSERT INTO manifest (digest, content) SELECT 'sha256:' || CAST(n.i AS TEXT), m.content
            {of} JOIN manifest m ON m.digest = a.digest"
        ),
        format!(
            "INSERT INTO artifact (project_id, repository_id, digest, type, media_type, artifact_type,
                manifest_media_type, manifest_size, size, annotations, accessory, pushed_at)
            SELECT a.project_id, a.repository_id, 'sha256:' || CAST(n.i AS TEXT), a.type, a.media_type,
                a.artifact_type, a.manifest_media_type, 1, 1, a.annotations, TRUE, 1 {of}"
        ),
        "INSERT INTO accessory (artifact_id, repository_id, subject_digest, type, created_at)
            SELECT a.id, a.repository_id, x.subject_digest, x.type, 1 FROM n
            JOIN artifact a ON a.digest = 'sha256:' || CAST(n.i AS TEXT) JOIN accessory x ON x.id = 1"
            .to_owned(),
    ] {
        let numbers =
            "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)";
        app.db().execute(&format!("{numbers} {insert}"), params![count]).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_holds_a_thousand_whatever_is_asked() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let subject = image("subject");
        push(&admin, &about(&subject, NOTE, "first", 1)).await;
        multiply(&app, 2100).await;
        let path = format!("/v2/library/web/referrers/{}", subject.digest());
        for asked in [path.clone(), format!("{path}?n=5000"), format!("{path}?artifactType={NOTE}")] {
            let pages = pages(&admin, &asked).await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 101], "{asked}");
            let mut all = pages.concat();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 2101);
        }
        assert_eq!(admin.get(&path).await.header("x-total-count"), "2101");
    })
    .await;
}
