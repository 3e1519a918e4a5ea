//! Icons: Haven's own, and those that artifacts bring.

use super::API;
use crate::on_each_engine;
use base64::Engine as _;
use haven_oci::Digest;
use haven_testkit::{Image, Part, TestApp, image};
use serde_json::json;

const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// A widget with this layer as its picture.
fn widget(picture: &[u8]) -> Image {
    let icon = Part::new("image/gif", picture).annotated("io.goharbor.artifact.v1alpha1.icon", "");
    let config = Part::new("application/vnd.acme.widget.config.v1+json", "{}");
    Image::made_of(&config, &[Part::new("a/b", "x"), icon], json!({}))
}

async fn icon_of(app: &TestApp, tag: &str) -> String {
    let shown =
        app.admin().get(&format!("{API}/projects/team/repositories/web/artifacts/{tag}")).await.json();
    shown["icon"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_icon_is_there_for_everybody() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.admin().push("team/web", "v1", &image("web")).await;
        let icon = app.anonymous().get(&format!("{API}/icons/{}", icon_of(&app, "v1").await)).await;
        assert_eq!((icon.status, &icon.json()["content-type"]), (200, &json!("image/png")));
        let picture =
            base64::engine::general_purpose::STANDARD.decode(icon.json()["content"].as_str().unwrap());
        assert!(picture.unwrap().starts_with(b"\x89PNG"));
        let unknown = Digest::sha256(b"unknown").to_string();
        for name in [unknown.as_str(), "sha256:1", "x", "..%2Fchart.png"] {
            let refused = app.anonymous().get(&format!("{API}/icons/{name}")).await;
            assert_eq!((refused.status, refused.code().as_str()), (404, "NOT_FOUND"), "{name}");
            let name = name.replace("%2F", "/");
            assert_eq!(refused.message(), format!("the icon {name} not found"));
        }
    })
    .await;
}

#[tokio::test]
async fn an_artifact_may_bring_its_own() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let before = Digest::sha256(GIF).to_string();
        app.admin().push_blob("team/web", GIF).await;
        assert_eq!(
            app.anonymous().get(&format!("{API}/icons/{before}")).await.status,
            404,
            "a blob is no icon"
        );
        assert_eq!(app.admin().push("team/web", "v1", &widget(GIF)).await.status, 201);
        assert_eq!(icon_of(&app, "v1").await, before);
        let icon = app.anonymous().get(&format!("{API}/icons/{before}")).await;
        assert_eq!((icon.status, &icon.json()["content-type"]), (200, &json!("image/gif")));
        let content = base64::engine::general_purpose::STANDARD.encode(GIF);
        assert_eq!(icon.json()["content"], content);
        let artifact = format!("{API}/projects/team/repositories/web/artifacts/v1");
        assert_eq!(app.admin().delete(&artifact).await.status, 200);
        assert_eq!(app.anonymous().get(&format!("{API}/icons/{before}")).await.status, 404, "gone with it");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_picture_is_no_icon() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let default = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f";
        let mut large = GIF.to_vec();
        large.resize((1 << 20) + 1, 0);
        for (number, picture) in [&b"<svg onload='x'/>"[..], b"", b"GIF89a", &large].into_iter().enumerate() {
            let tag = format!("v{number}");
            let pushed = app.admin().push("team/web", &tag, &widget(picture)).await;
            assert_eq!(pushed.status, 201, "the push itself is sound: {}", pushed.text());
            assert_eq!(icon_of(&app, &tag).await, default, "{tag}");
            let digest = Digest::sha256(picture);
            assert_eq!(app.anonymous().get(&format!("{API}/icons/{digest}")).await.status, 404, "{tag}");
        }
    })
    .await;
}
