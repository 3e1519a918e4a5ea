//! Artifacts: which are listed, what is told of them, what their deletion takes along.

use super::{digests, refusal, told};
use crate::on_each_engine;
use haven_oci::{Digest, media_type};
use haven_testkit::{Image, TestApp, image};
use serde_json::json;
use std::time::Duration;

const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";

/// Pushes to `library/web` as the administrator, a minute after what was pushed before.
async fn push(app: &TestApp, reference: &str, image: &Image) {
    app.clock.advance(Duration::from_secs(60));
    let pushed = app.admin().push("library/web", reference, image).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
}

/// Pushes an image by its digest alone.
async fn push_untagged(app: &TestApp, image: &Image) {
    push(app, &image.digest(), image).await;
}

#[tokio::test]
async fn a_list_hides_untagged_children_and_accessories() {
    on_each_engine(async |app| {
        let (one, two, alone) = (image("one"), image("two"), image("alone"));
        let (index, note) = (Image::index(&[&one, &two]), image("one").referrer("application/x-note"));
        push_untagged(&app, &one).await;
        push(&app, "two", &two).await;
        push(&app, "all", &index).await;
        push_untagged(&app, &alone).await;
        push(&app, "note", &note).await;
        let list = async |query: &str| digests(&app.admin().get(&format!("{WEB}{query}")).await);
        let (one, two, alone, index) = (one.digest(), two.digest(), alone.digest(), index.digest());
        assert_eq!(list("").await, [&*alone, &*index, &*two], "newest first");
        assert_eq!(list("?q=base%3D*").await, [&*alone, &*index, &*two, &*one]);
        assert_eq!(app.admin().get(&format!("{WEB}?q=base%3Dx")).await.status, 400);
        assert_eq!(app.admin().get(&format!("{WEB}/{}", note.digest())).await.status, 200, "but not gone");
        let repository = WEB.trim_end_matches("/artifacts");
        assert_eq!(app.admin().get(repository).await.json()["artifact_count"], 3);
        let tag_child = app.admin().post(&format!("{WEB}/{one}/tags"), &json!({ "name": "one" })).await;
        assert_eq!(tag_child.status, 201);
        assert_eq!(list("").await, [&*alone, &*index, &*two, &*one], "a tag brings it to light");
        assert_eq!(app.admin().get(repository).await.json()["artifact_count"], 4);
    })
    .await;
}

#[tokio::test]
async fn tags_filter_artifacts() {
    on_each_engine(async |app| {
        let (tagged, other, bare) = (image("tagged"), image("other"), image("bare"));
        push(&app, "v1.0", &tagged).await;
        push(&app, "latest", &tagged).await;
        push(&app, "v1_x", &other).await;
        push_untagged(&app, &bare).await;
        let list = async |q: &str| digests(&app.admin().get(&format!("{WEB}?q=tags%3D{q}")).await);
        let (tagged, other, bare) = (tagged.digest(), other.digest(), bare.digest());
        assert_eq!(list("*").await, [&*other, &*tagged]);
        assert_eq!(list("nil").await, [&*bare]);
        assert_eq!(list("latest").await, [&*tagged]);
        assert_eq!(list("v1").await, [""; 0]);
        assert_eq!(list("~V1").await, [&*other, &*tagged]);
        assert_eq!(list("~1_").await, [&*other], "an underscore is itself");
        assert_eq!(list("~%2525").await, [""; 0], "and so is a percent sign");
        for q in ["%7Bv1.0%20latest%7D", "%5Ba~z%5D", "(v1.0%20latest)"] {
            assert_eq!(app.admin().get(&format!("{WEB}?q=tags%3D{q}")).await.status, 400, "{q}");
        }
        assert_eq!(list("nil,labels%3D(1%202)").await, [""; 0], "nothing has a label");
        assert_eq!(app.admin().get(&format!("{WEB}?q=labels%3D1")).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn columns_filter_and_order_artifacts() {
    on_each_engine(async |app| {
        let (small, large) = (image("small"), image(&"large ".repeat(50)));
        let chart = Image::of("application/vnd.cncf.helm.config.v1+json", b"{}", &[b"chart"], json!({}));
        for (tag, image) in [("large", &large), ("small", &small), ("chart", &chart)] {
            push(&app, tag, image).await;
        }
        let (small, large, chart) = (small.digest(), large.digest(), chart.digest());
        let helm = "application/vnd.cncf.helm.config.v1%252Bjson";
        for (query, found) in [
            (String::new(), vec![&chart, &small, &large]),
            ("sort=push_time".into(), vec![&large, &small, &chart]),
            ("sort=-size&page_size=1".into(), vec![&large]),
            ("sort=nothing".into(), vec![&chart, &small, &large]),
            ("q=type%3DCHART".into(), vec![&chart]),
            ("q=type%3D%7BCHART%20IMAGE%7D".into(), vec![&chart, &small, &large]),
            (format!("q=media_type%3D{helm}"), vec![&chart]),
            (format!("q=digest%3D{small}"), vec![&small]),
            ("q=push_time%3D%5B2023-11-14T22:15:20~%5D".into(), vec![&chart, &small]),
            ("q=PushTime%3D%5B~2023-11-14T22:14:20%5D".into(), vec![&large]),
            ("q=size%3D%5B1000000~%5D".into(), vec![]),
            ("q=shade%3Ddark".into(), vec![&chart, &small, &large]),
        ] {
            let listed = digests(&app.admin().get(&format!("{WEB}?{query}")).await);
            assert_eq!(listed.iter().collect::<Vec<_>>(), found, "{query}");
        }
        let first = app.admin().get(&format!("{WEB}?page_size=1")).await;
        assert_eq!(first.header("x-total-count"), "3");
        assert_eq!(first.header("link"), format!("<{WEB}?page=2&page_size=1>; rel=\"next\""));
    })
    .await;
}

#[tokio::test]
async fn an_artifact_is_found_by_tag_and_by_digest() {
    on_each_engine(async |app| {
        let web = image("one");
        push(&app, "v1", &web).await;
        push(&app, "v2", &web).await;
        let shown = app.admin().get(&format!("{WEB}/v1")).await.json();
        assert_eq!(app.admin().get(&format!("{WEB}/{}", web.digest())).await.json(), shown);
        assert_eq!(app.admin().get(WEB).await.json()[0], shown);
        let size = web.manifest.len() + web.blobs.iter().map(Vec::len).sum::<usize>();
        assert_eq!((&shown["digest"], &shown["size"]), (&json!(web.digest()), &json!(size)));
        assert_eq!((&shown["type"], &shown["repository_name"]), (&json!("IMAGE"), &json!("library/web")));
        assert_eq!(shown["media_type"], media_type::OCI_CONFIG);
        assert_eq!(shown["manifest_media_type"], media_type::OCI_MANIFEST);
        assert_eq!(shown["push_time"], "2023-11-14T22:14:20.000Z", "of the first push");
        assert_eq!(shown["pull_time"], "0001-01-01T00:00:00.000Z");
        assert_eq!(shown["extra_attrs"]["architecture"], "amd64");
        let tags: Vec<_> = shown["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        assert_eq!(tags, ["v2", "v1"], "newest first");
        for name in ["references", "labels", "accessories"] {
            assert_eq!(shown.get(name), Some(&json!(null)), "{name}");
        }
        let bare = app.admin().get(&format!("{WEB}/v1?with_tag=false")).await.json();
        assert_eq!(bare.get("tags"), Some(&json!(null)));
        assert_eq!(app.admin().get(&format!("{WEB}?with_tag=false")).await.json()[0], bare);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_empty_or_not_found() {
    on_each_engine(async |app| {
        push(&app, "v1", &image("one")).await;
        let nothing = app.admin().get("/api/v2.0/projects/library/repositories/nothing/artifacts").await;
        assert_eq!((nothing.status, nothing.text().trim_end()), (200, "[]"));
        assert_eq!(nothing.header("x-total-count"), "0");
        let one = app.admin().get("/api/v2.0/projects/library/repositories/nothing/artifacts/v1").await;
        assert_eq!(refusal(&one), told(404, "NOT_FOUND", "artifact library/nothing:v1 not found"));
        let other = image("other").digest();
        let unknown = app.admin().get(&format!("{WEB}/{other}")).await;
        assert_eq!(
            refusal(&unknown),
            told(404, "NOT_FOUND", &format!("artifact library/web@{other} not found"))
        );
        for reference in ["v2", "V1", "-x", "sha256:abc", "a%20b"] {
            for path in [format!("{WEB}/{reference}"), format!("{WEB}/{reference}/tags")] {
                assert_eq!(app.admin().get(&path).await.status, 404, "{path}");
            }
            assert_eq!(app.admin().delete(&format!("{WEB}/{reference}")).await.status, 404, "{reference}");
        }
        assert_eq!(app.admin().get(&format!("{WEB}?with_tag=perhaps")).await.status, 422);
        assert_eq!(app.admin().get(&format!("{WEB}/v1?with_accessory=perhaps")).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn deleting_by_one_tag_takes_all_tags() {
    on_each_engine(async |app| {
        let web = image("one");
        for tag in ["v1", "v2", "latest"] {
            push(&app, tag, &web).await;
        }
        push(&app, "other", &image("two")).await;
        let deleted = app.admin().delete(&format!("{WEB}/v2")).await;
        assert_eq!((deleted.status, deleted.text().as_str()), (200, ""));
        assert_eq!(app.admin().get("/v2/library/web/tags/list").await.json()["tags"], json!(["other"]));
        for reference in ["v1", "v2", &web.digest()] {
            assert_eq!(app.admin().delete(&format!("{WEB}/{reference}")).await.status, 404);
        }
        let listed = app.admin().get(WEB).await;
        assert_eq!(digests(&listed), [image("two").digest()]);
    })
    .await;
}

#[tokio::test]
async fn an_index_takes_only_the_children_that_nothing_else_holds() {
    on_each_engine(async |app| {
        let [bare, tagged, shared] = ["bare", "tagged", "shared"].map(image);
        push_untagged(&app, &bare).await;
        push(&app, "kept", &tagged).await;
        push_untagged(&app, &shared).await;
        push(&app, "first", &Image::index(&[&bare, &tagged, &shared])).await;
        push(&app, "second", &Image::index(&[&shared])).await;
        for child in [bare.digest(), "kept".into(), shared.digest()] {
            let refused = app.admin().delete(&format!("{WEB}/{child}")).await;
            let words = "the deleting artifact is referenced by others";
            assert_eq!(refusal(&refused), told(412, "VIOLATE_FOREIGN_KEY_CONSTRAINT", words));
        }
        let references = app.admin().get(&format!("{WEB}/first")).await.json()["references"].clone();
        let children: Vec<_> =
            references.as_array().unwrap().iter().map(|child| &child["child_digest"]).collect();
        assert_eq!(children, [&*bare.digest(), &*tagged.digest(), &*shared.digest()], "as in the manifest");
        assert_eq!(references[0]["platform"]["os"], "linux");
        assert_eq!(app.admin().delete(&format!("{WEB}/first")).await.status, 200);
        let status = async |image: &Image| app.admin().get(&format!("{WEB}/{}", image.digest())).await.status;
        assert_eq!((status(&bare).await, status(&tagged).await, status(&shared).await), (404, 200, 200));
        assert_eq!(app.admin().delete(&format!("{WEB}/second")).await.status, 200);
        assert_eq!((status(&tagged).await, status(&shared).await), (200, 404));
        assert_eq!(digests(&app.admin().get(WEB).await), [tagged.digest()]);
    })
    .await;
}

#[tokio::test]
async fn a_type_follows_the_config() {
    on_each_engine(async |app| {
        let chart = br#"{"name":"web","version":"1.2.3","appVersion":"7"}"#;
        let widget = br#"{"shade":"dark","parts":[1,2]}"#;
        let table = [
            ("application/vnd.cncf.helm.config.v1+json", &chart[..], "CHART"),
            ("application/vnd.acme.widget.config.v1+json", &widget[..], "WIDGET"),
            ("application/vnd.acme.big.widget.config.v1+json", &widget[..], "BIG.WIDGET"),
            ("application/octet-stream", &b"{\"no\":1}"[..], "UNKNOWN"),
        ];
        for (number, (media_type, config, kind)) in table.into_iter().enumerate() {
            let tag = format!("v{number}");
            push(&app, &tag, &Image::of(media_type, config, &[b"layer"], json!({}))).await;
            let shown = app.admin().get(&format!("{WEB}/{tag}")).await.json();
            assert_eq!((&shown["type"], &shown["media_type"]), (&json!(kind), &json!(media_type)));
            assert_eq!(shown["artifact_type"], media_type);
            let attrs = serde_json::from_slice::<serde_json::Value>(config).unwrap();
            let attrs = (kind != "UNKNOWN").then_some(attrs);
            assert_eq!(shown.get("extra_attrs"), attrs.as_ref(), "{kind}");
        }
        let shown = app.admin().get(&format!("{WEB}/v0")).await.json();
        let chart = "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518";
        assert_eq!(shown["icon"], chart);
    })
    .await;
}

#[tokio::test]
async fn accessories_hang_on_their_subject() {
    on_each_engine(async |app| {
        let subject = image("subject");
        let [note, sbom] = ["application/x-note", "application/vnd.goharbor.harbor.sbom.v1"]
            .map(|kind| subject.referrer(kind));
        push_untagged(&app, &note).await;
        assert_eq!(app.admin().get(&format!("{WEB}/{}/accessories", subject.digest())).await.status, 404);
        push(&app, "v1", &subject).await;
        push_untagged(&app, &sbom).await;
        let hanging = app.admin().get(&format!("{WEB}/v1/accessories")).await;
        assert_eq!(
            (digests(&hanging), hanging.header("x-total-count")),
            (vec![note.digest(), sbom.digest()], "2")
        );
        let (first, id) =
            (hanging.json()[0].clone(), app.admin().get(&format!("{WEB}/v1")).await.json()["id"].clone());
        assert_eq!((&first["type"], &first["subject_artifact_id"]), (&json!("subject.accessory"), &id));
        assert_eq!(first["subject_artifact_digest"], subject.digest());
        assert_eq!((&first["subject_artifact_repo"], &first["icon"]), (&json!("library/web"), &json!("")));
        assert_eq!(hanging.json()[1]["type"], "sbom.harbor");
        let filtered = app.admin().get(&format!("{WEB}/v1/accessories?q=type%3Dsbom.harbor")).await;
        assert_eq!(digests(&filtered), [sbom.digest()]);
        let shown = app.admin().get(&format!("{WEB}?with_accessory=true")).await.json();
        assert_eq!(shown[0]["accessories"], hanging.json());
        assert_eq!(app.admin().delete(&format!("{WEB}/{}", note.digest())).await.status, 200, "alone");
        assert_eq!(app.admin().delete(&format!("{WEB}/v1")).await.status, 200);
        assert_eq!(
            app.admin().get(&format!("{WEB}/{}", sbom.digest())).await.status,
            404,
            "with its subject"
        );
    })
    .await;
}

#[tokio::test]
async fn a_signature_by_tag_is_an_accessory_with_a_tag() {
    on_each_engine(async |app| {
        let (subject, payload) = (image("subject"), b"signed");
        let layer = json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": Digest::sha256(payload), "size": payload.len(),
        });
        let signature = Image::of(media_type::OCI_CONFIG, b"{}", &[payload], json!({ "layers": [layer] }));
        let attestation = Image::of(media_type::OCI_CONFIG, b"{}", &[b"attested"], json!({}));
        let tag = subject.digest().replace(':', "-");
        push(&app, "v1", &subject).await;
        push(&app, &format!("{tag}.sig"), &signature).await;
        push(&app, &format!("{tag}.att"), &attestation).await;
        let hanging = app.admin().get(&format!("{WEB}/v1/accessories")).await.json();
        assert_eq!(
            (&hanging[0]["type"], &hanging[0]["digest"]),
            (&json!("signature.cosign"), &json!(signature.digest()))
        );
        assert_eq!(hanging.as_array().unwrap().len(), 1);
        let listed = digests(&app.admin().get(WEB).await);
        assert_eq!(listed, [attestation.digest(), subject.digest()], "the signature is not listed");
        assert_eq!(digests(&app.admin().get(&format!("{WEB}?q=base%3D*")).await), listed);
        let tags = app.admin().get("/v2/library/web/tags/list").await.json();
        assert_eq!(tags["tags"], json!([format!("{tag}.att"), format!("{tag}.sig"), "v1"]));
        assert_eq!(app.admin().delete(&format!("{WEB}/v1")).await.status, 200);
        let tags = app.admin().get("/v2/library/web/tags/list").await.json();
        assert_eq!(tags["tags"], json!([format!("{tag}.att")]), "gone with its subject");
    })
    .await;
}
