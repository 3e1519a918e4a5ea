//! Kinds of artifacts in the shapes that real tools push: what is told of each.

use super::{API, digests};
use crate::on_each_engine;
use haven_oci::media_type;
use haven_testkit::{Image, Part, TestApp, chart, cnab, image, model, wasm};
use serde_json::{Value, json};
use std::time::Duration;

const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";

async fn push(app: &TestApp, reference: &str, image: &Image) {
    app.clock.advance(Duration::from_secs(60));
    let pushed = app.admin().push("library/web", reference, image).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
}

async fn shown(app: &TestApp, reference: &str) -> Value {
    let answer = app.admin().get(&format!("{WEB}/{reference}?with_accessory=true")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The names of the addition links, after a look that each of them leads somewhere.
async fn links(app: &TestApp, artifact: &Value) -> Vec<String> {
    let Some(links) = artifact["addition_links"].as_object() else { return Vec::new() };
    for (name, link) in links {
        let href = link["href"].as_str().unwrap();
        let digest = artifact["digest"].as_str().unwrap();
        assert!(href.ends_with(&format!("/artifacts/{digest}/additions/{name}")), "{href}");
        assert_eq!(link["absolute"], false);
        assert_eq!(app.admin().get(href).await.status, 200, "{href}");
    }
    links.keys().cloned().collect()
}

#[tokio::test]
async fn a_chart_is_told_by_its_description() {
    on_each_engine(async |app| {
        let description = json!({ "apiVersion": "v2", "name": "web", "version": "1.2.3", "appVersion": "7" });
        push(&app, "1.2.3", &chart(&description, &[("web/Chart.yaml", b"name: web")])).await;
        let chart = shown(&app, "1.2.3").await;
        assert_eq!((&chart["type"], &chart["extra_attrs"]), (&json!("CHART"), &description));
        assert_eq!(chart["media_type"], "application/vnd.cncf.helm.config.v1+json");
        assert_eq!(links(&app, &chart).await, ["values.yaml", "readme.md", "dependencies"]);
    })
    .await;
}

#[tokio::test]
async fn a_bundle_is_told_by_the_config_among_its_parts() {
    on_each_engine(async |app| {
        let bundle = json!({ "name": "hello", "version": "0.1", "invocationImages": [{ "image": "x" }] });
        let [config, invocation, index] = cnab(&bundle);
        push(&app, &config.digest(), &config).await;
        push(&app, &invocation.digest(), &invocation).await;
        push(&app, "0.1", &index).await;
        let shown = shown(&app, "0.1").await;
        assert_eq!((&shown["type"], &shown["extra_attrs"]), (&json!("CNAB"), &bundle));
        assert_eq!(shown["media_type"], "application/vnd.cnab.manifest.v1");
        assert_eq!(shown["manifest_media_type"], media_type::OCI_INDEX);
        assert!(shown.get("artifact_type").is_none());
        assert_eq!(shown["references"][0]["annotations"]["io.cnab.manifest.type"], "config");
        assert!(links(&app, &shown).await.is_empty());
        let parts = [&config, &invocation, &index].map(|part| part.manifest.len());
        assert!(shown["size"].as_u64().unwrap() > parts.iter().sum::<usize>() as u64);
    })
    .await;
}

/// A config that is to be had elsewhere needs not be the project's, so its digest may name anybody's blob.
#[tokio::test]
async fn a_bundle_tells_nothing_of_a_config_that_is_elsewhere() {
    on_each_engine(async |app| {
        app.project("secret", false).await;
        let [config, invocation, _] = cnab(&json!({ "name": "secret" }));
        assert_eq!(app.admin().push_blob("secret/web", &config.blobs[0]).await.status, 201);
        let mut manifest: Value = serde_json::from_slice(&config.manifest).unwrap();
        manifest["config"]["urls"] = json!(["https://elsewhere.test/config"]);
        let manifest = manifest.to_string().into_bytes();
        let foreign = Image { manifest, blobs: config.blobs[1..].to_vec(), ..config };
        push(&app, &foreign.digest(), &foreign).await;
        push(&app, &invocation.digest(), &invocation).await;
        let mut part = foreign.descriptor();
        part["annotations"] = json!({ "io.cnab.manifest.type": "config" });
        let kind = json!({ "org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1" });
        let index = Image::index_of(vec![part, invocation.descriptor()], json!({ "annotations": kind }));
        push(&app, "0.1", &index).await;
        let shown = shown(&app, "0.1").await;
        assert_eq!((&shown["type"], shown.get("extra_attrs")), (&json!("CNAB"), None));
    })
    .await;
}

#[tokio::test]
async fn a_module_is_told_by_its_layer_or_its_annotations() {
    on_each_engine(async |app| {
        push(&app, "v1", &wasm("hello.wasm")).await;
        let module = shown(&app, "v1").await;
        assert_eq!(module["type"], "WASM");
        let attrs = json!({
            "manifest.config.mediaType": "application/vnd.wasm.config.v1+json",
            "manifest.layers.mediaType": "application/vnd.wasm.content.layer.v1+wasm",
            "org.opencontainers.image.title": "hello.wasm",
        });
        assert_eq!(module["extra_attrs"], attrs);
        assert_eq!(links(&app, &module).await, ["build_history"]);
        let annotations = json!({ "annotations": { "module.wasm.image/variant": "compat" } });
        push(&app, "compat", &Image::of(media_type::DOCKER_CONFIG, b"{}", &[b"asm"], annotations)).await;
        let compat = shown(&app, "compat").await;
        assert_eq!(compat["media_type"], "application/vnd.wasm.config.v1+json");
        assert_eq!(compat["type"], "WASM");
    })
    .await;
}

#[tokio::test]
async fn a_model_is_told_by_its_config() {
    on_each_engine(async |app| {
        push(&app, "8b", &model(&[("README.md", b"# Tiny"), ("LICENSE", b"MIT"), ("w/1.bin", b"weights")]))
            .await;
        let model = shown(&app, "8b").await;
        assert_eq!(
            (&model["type"], &model["extra_attrs"]["descriptor"]["name"]),
            (&json!("CNAI"), &json!("tiny"))
        );
        assert_eq!(model["artifact_type"], "application/vnd.cncf.model.manifest.v1+json");
        assert_eq!(model["media_type"], "application/vnd.cncf.model.config.v1+json");
        assert_eq!(links(&app, &model).await, ["readme.md", "license", "files"]);
    })
    .await;
}

#[tokio::test]
async fn what_hangs_on_an_image_is_told_by_its_shape() {
    on_each_engine(async |app| {
        let web = image("web");
        let (tag, by_tag) = web.cosign_by_tag();
        push(&app, "v1", &web).await;
        push(&app, &tag, &by_tag).await;
        let hanging = [web.cosign(), web.notation(), web.nydus(), web.sbom("{}"), web.in_toto()];
        for accessory in &hanging {
            push(&app, &accessory.digest(), accessory).await;
        }
        let web = shown(&app, "v1").await;
        let accessories = web["accessories"].as_array().unwrap();
        let kinds: Vec<_> = accessories.iter().map(|accessory| accessory["type"].as_str().unwrap()).collect();
        let expected = [
            "signature.cosign",
            "signature.cosign",
            "signature.notation",
            "accelerator.nydus",
            "sbom.harbor",
            "subject.accessory",
        ];
        assert_eq!(kinds, expected);
        for accessory in accessories {
            let icon = accessory["icon"].as_str().unwrap();
            assert_eq!(icon.is_empty(), accessory["type"] == "subject.accessory");
            if !icon.is_empty() {
                assert_eq!(app.anonymous().get(&format!("{API}/icons/{icon}")).await.status, 200);
            }
        }
        let types = ["UNKNOWN", "UNKNOWN", "IMAGE", "SBOM", "UNKNOWN"];
        for (accessory, kind) in hanging.iter().zip(types) {
            assert_eq!(shown(&app, &accessory.digest()).await["type"], kind);
        }
        assert_eq!(links(&app, &shown(&app, &hanging[3].digest()).await).await, ["sbom"]);
        assert_eq!(digests(&app.admin().get(WEB).await), [image("web").digest()], "only the image is listed");
    })
    .await;
}

#[tokio::test]
async fn signatures_hang_on_what_comes_after_them_and_on_each_other() {
    on_each_engine(async |app| {
        let web = image("web");
        let sbom = web.sbom("{}");
        let signed = sbom.cosign();
        for accessory in [&signed, &sbom] {
            push(&app, &accessory.digest(), accessory).await;
        }
        assert_eq!(app.admin().get(&format!("{WEB}/{}", web.digest())).await.status, 404);
        push(&app, "v1", &web).await;
        let first = &shown(&app, "v1").await["accessories"][0];
        assert_eq!((&first["type"], &first["digest"]), (&json!("sbom.harbor"), &json!(sbom.digest())));
        let nested = &shown(&app, &sbom.digest()).await["accessories"][0];
        assert_eq!(nested["digest"], signed.digest());
        assert_eq!(nested["subject_artifact_id"], shown(&app, &sbom.digest()).await["id"]);
        push(&app, &sbom.digest(), &sbom).await;
        let again = app.admin().get(&format!("{WEB}/v1/accessories")).await;
        assert_eq!(again.header("x-total-count"), "1", "pushed again, it hangs there once");
        assert_eq!(app.admin().delete(&format!("{WEB}/{}", sbom.digest())).await.status, 200);
        assert_eq!(shown(&app, "v1").await.get("accessories"), Some(&Value::Null));
        assert_eq!(
            app.admin().get(&format!("{WEB}/{}", signed.digest())).await.status,
            404,
            "with its subject"
        );
    })
    .await;
}

#[tokio::test]
async fn a_part_without_signatures_inherits_those_of_its_indexes() {
    on_each_engine(async |app| {
        let (one, two) = (image("one"), image("two"));
        let index = Image::index(&[&one, &two, &one]);
        for part in [&one, &two] {
            push(&app, &part.digest(), part).await;
        }
        push(&app, "all", &index).await;
        let (on_index, on_two) = (index.cosign(), two.notation());
        for signature in [&on_index, &on_two, &index.sbom("{}")] {
            push(&app, &signature.digest(), signature).await;
        }
        let inherited = async |reference: &str, query: &str| {
            let shown = app.admin().get(&format!("{WEB}/{reference}?{query}")).await.json();
            shown["inherited_accessories"].clone()
        };
        let of_one = inherited(&one.digest(), "with_inherited_accessory=true").await;
        assert_eq!(of_one.as_array().unwrap().len(), 1);
        assert_eq!(
            (&of_one[0]["digest"], &of_one[0]["type"]),
            (&json!(on_index.digest()), &json!("signature.cosign"))
        );
        assert_eq!(of_one[0]["subject_artifact_digest"], index.digest());
        for (reference, query) in [
            (one.digest(), "with_accessory=true"),
            (two.digest(), "with_inherited_accessory=true"),
            ("all".into(), "with_inherited_accessory=true"),
        ] {
            assert_eq!(inherited(&reference, query).await, Value::Null, "{reference} {query}");
        }
        let listed = app.admin().get(&format!("{WEB}?q=base%3D*&with_inherited_accessory=true")).await.json();
        let with = listed.as_array().unwrap().iter().filter(|one| one.get("inherited_accessories").is_some());
        assert_eq!(with.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_kind_of_its_own_shows_its_config() {
    on_each_engine(async |app| {
        let config =
            Part::new("application/vnd.acme.big.widget.config.v1+json", r#"{"shade":"dark","secret":1}"#)
                .annotated("io.goharbor.artifact.v1alpha1.skip-list", "secret");
        push(&app, "v1", &Image::made_of(&config, &[Part::new("a/b", "x")], json!({}))).await;
        let widget = shown(&app, "v1").await;
        assert_eq!(
            (&widget["type"], &widget["extra_attrs"]),
            (&json!("BIG.WIDGET"), &json!({ "shade": "dark" }))
        );
        assert!(links(&app, &widget).await.is_empty());
        let refused = app.admin().get(&format!("{WEB}/v1/additions/readme.md")).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"));
        assert_eq!(refused.message(), "addition readme.md isn't supported for BIG.WIDGET");
    })
    .await;
}

#[tokio::test]
async fn a_config_that_makes_no_sense_tells_nothing() {
    on_each_engine(async |app| {
        let deep = format!("{{\"os\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        let long = format!("{{\"os\":\"linux\",\"config\":{{\"x\":\"{}\"}}}}", "x".repeat(200_000));
        let huge = format!("{{\"os\":\"linux\",\"pad\":\"{}\"}}", "x".repeat(2 << 20));
        let many: Vec<String> = (0..20_000).map(|n| format!("\"{n}\":{n}")).collect();
        let many = format!("{{{}}}", many.join(","));
        for (number, (kind, config, attrs)) in [
            (media_type::OCI_CONFIG, "no json".to_owned(), Value::Null),
            (media_type::OCI_CONFIG, "[1]".to_owned(), Value::Null),
            (media_type::OCI_CONFIG, deep, Value::Null),
            (media_type::OCI_CONFIG, long, json!({ "os": "linux" })),
            (media_type::OCI_CONFIG, huge, Value::Null),
            ("application/vnd.cncf.helm.config.v1+json", "{\"name\":".to_owned(), Value::Null),
        ]
        .into_iter()
        .enumerate()
        {
            let tag = format!("v{number}");
            push(&app, &tag, &Image::of(kind, config.as_bytes(), &[b"x"], json!({}))).await;
            assert_eq!(shown(&app, &tag).await["extra_attrs"], attrs, "{tag}");
        }
        push(
            &app,
            "many",
            &Image::of("application/vnd.a.b.config.v1+json", many.as_bytes(), &[b"x"], json!({})),
        )
        .await;
        let kept = shown(&app, "many").await["extra_attrs"].to_string().len();
        assert!((60_000..=65_540).contains(&kept), "{kept}");
    })
    .await;
}

#[tokio::test]
async fn a_list_stays_small_whatever_was_pushed() {
    on_each_engine(async |app| {
        let annotations = json!({ "annotations": { "long": "x".repeat(1 << 20), "short": "y" } });
        push(&app, "v1", &Image::of(media_type::OCI_CONFIG, b"{}", &[b"x"], annotations)).await;
        assert!(app.admin().get(WEB).await.body.len() < 5_000);
        assert_eq!(shown(&app, "v1").await["annotations"]["short"], "y", "one by itself is shown whole");
        let part = image("part");
        push(&app, &part.digest(), &part).await;
        push(&app, "wide", &Image::index_of(vec![part.descriptor(); 3_000], json!({}))).await;
        let wide = &app.admin().get(WEB).await.json()[0];
        assert_eq!(wide["references"].as_array().unwrap().len(), 500);
        assert_eq!(shown(&app, "wide").await["references"].as_array().unwrap().len(), 3_000);
    })
    .await;
}
