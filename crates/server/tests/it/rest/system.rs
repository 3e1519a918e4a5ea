//! The installation itself: who is asking, what it says of itself, its settings.

use super::{API, refusal, told};
use crate::on_each_engine;
use serde_json::{Value, json};

#[tokio::test]
async fn the_current_user_is_whoever_logged_in() {
    on_each_engine(async |app| {
        let current = format!("{API}/users/current");
        let admin = app.admin().get(&current).await.json();
        assert_eq!((&admin["user_id"], &admin["username"]), (&json!(1), &json!("admin")));
        assert_eq!((&admin["sysadmin_flag"], &admin["admin_role_in_auth"]), (&json!(true), &json!(false)));
        assert_eq!(admin["creation_time"], "2023-11-14T22:13:20.000Z");
        let ann = app.person("ann").await.get(&current).await.json();
        assert_eq!((&ann["user_id"], &ann["sysadmin_flag"]), (&json!(3), &json!(false)));
        assert!(ann.get("comment").is_none() && ann.get("realname").is_none(), "empty is left out: {ann}");
        let by_mail = app.with_password("ann@example.com", "Harbor12345").get(&current).await;
        assert_eq!(by_mail.json()["username"], "ann");
        for (name, password) in [("bob", "Harbor12345"), ("ANN", "Harbor12345"), ("anonymous", ""), ("", "")]
        {
            let refused = app.with_password(name, password).get(&current).await;
            assert_eq!(refusal(&refused), told(401, "UNAUTHORIZED", "unauthorized"), "{name}");
        }
        assert_eq!(app.anonymous().get(&current).await.status, 401);
        assert_eq!(app.with_password("ann", "harbor12345").get(&current).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_stranger_learns_only_what_logging_in_needs() {
    on_each_engine(async |app| {
        let keys = |info: &Value| {
            let mut keys: Vec<String> = info.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
        let few = "auth_mode banner_message oidc_provider_name primary_auth_mode self_registration";
        let info = format!("{API}/systeminfo");
        assert_eq!(keys(&app.anonymous().get(&info).await.json()), few);
        let known = app.person("ann").await.get(&info).await.json();
        assert_eq!(known["registry_url"], "haven.test");
        assert_eq!(known["external_url"], "http://haven.test");
        assert_eq!(known["current_time"], "2023-11-14T22:13:20.000Z");
        assert_eq!((&known["read_only"], &known["has_ca_root"]), (&json!(false), &json!(false)));
        assert_eq!(known["project_creation_restriction"], "everyone");
        assert_eq!(known["registry_storage_provider_name"], "filesystem");
        assert!(known["harbor_version"].as_str().unwrap().starts_with("v2."));
        let wrong = app.with_password("ann", "wrong").get(&info).await;
        assert_eq!((wrong.status, keys(&wrong.json()).as_str()), (200, few), "as nobody");
    })
    .await;
}

#[tokio::test]
async fn where_clients_are_told_to_come_is_what_the_configuration_says() {
    on_each_engine(async |app| {
        let external_url = Some("https://registry.example.com:8443".parse().unwrap());
        let network = haven_web::conn::Network { external_url, ..haven_web::conn::Network::default() };
        let known = app.admin_within(network).get(&format!("{API}/systeminfo")).await.json();
        assert_eq!(known["registry_url"], "registry.example.com:8443", "whichever name was asked");
        assert_eq!(known["external_url"], "https://registry.example.com:8443");
    })
    .await;
}

#[tokio::test]
async fn monitors_find_what_they_ask_for() {
    on_each_engine(async |app| {
        let anonymous = app.anonymous();
        let ping = anonymous.get(&format!("{API}/ping")).await;
        assert_eq!((ping.status, ping.text().as_str()), (200, "Pong"));
        assert!(ping.header("content-type").starts_with("text/plain"));
        assert_eq!(anonymous.get("/api/version").await.json(), json!({ "version": "v2.0" }));
        let health = anonymous.get(&format!("{API}/health")).await.json();
        assert_eq!(health["status"], "healthy");
        let components = health["components"].as_array().unwrap();
        let names: Vec<_> = components.iter().map(|part| part["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["core", "database", "jobservice", "portal", "registry", "registryctl"]);
        assert!(components.iter().all(|part| part["status"] == "healthy" && part.get("error").is_none()));
        let document = anonymous.get(&format!("{API}/openapi.json")).await;
        assert_eq!(&document.json(), haven_web::contract::openapi());
    })
    .await;
}

#[tokio::test]
async fn settings_change_as_far_as_they_are_given() {
    on_each_engine(async |app| {
        let (admin, settings) = (app.admin(), format!("{API}/configurations"));
        let value = |of: &Value, name: &str| of[name]["value"].clone();
        let before = admin.get(&settings).await.json();
        assert_eq!(before["auth_mode"], json!({ "value": "db_auth", "editable": true }));
        assert_eq!(before["token_expiration"], json!({ "value": 30, "editable": true }));
        assert_eq!((value(&before, "read_only"), value(&before, "banner_message")), (json!(false), json!("")));
        let change = json!({
            "token_expiration": 5, "banner_message": "closed on \"Friday\"", "read_only": null, "shade": "dark",
        });
        let changed = admin.put(&settings, &change).await;
        assert_eq!((changed.status, changed.text().as_str(), changed.header("content-type")), (200, "", ""));
        let after = admin.get(&settings).await.json();
        assert_eq!((value(&after, "token_expiration"), value(&after, "read_only")), (json!(5), json!(false)));
        assert_eq!(value(&after, "banner_message"), "closed on \"Friday\"");
        let info = app.anonymous().get(&format!("{API}/systeminfo")).await.json();
        assert_eq!(info["banner_message"], "closed on \"Friday\"");
        assert_eq!(admin.put(&settings, &json!({})).await.status, 200);
        let app = app.restart().await;
        assert_eq!(app.admin().get(&settings).await.json(), after, "kept");
    })
    .await;
}

#[tokio::test]
async fn settings_are_checked_and_change_together_or_not_at_all() {
    on_each_engine(async |app| {
        let (admin, settings) = (app.admin(), format!("{API}/configurations"));
        let before = admin.get(&settings).await.json();
        for (change, status) in [
            (json!({ "banner_message": "x", "token_expiration": 0 }), 400),
            (json!({ "banner_message": "x", "token_expiration": -30 }), 400),
            (json!({ "banner_message": "x", "token_expiration": 10_000_000_000_i64 }), 400),
            (json!({ "banner_message": "x", "project_creation_restriction": "nobody" }), 400),
            (json!({ "banner_message": "x", "token_expiration": "30" }), 422),
            (json!({ "banner_message": "x", "read_only": "yes" }), 422),
            (json!({ "banner_message": 7 }), 422),
            (json!([]), 422),
        ] {
            assert_eq!(admin.put(&settings, &change).await.status, status, "{change}");
        }
        let refused = admin.put(&settings, &json!({ "token_expiration": 0 })).await;
        assert!(refused.message().starts_with("bad request: item name token_expiration"));
        assert_eq!(admin.get(&settings).await.json(), before);
        let ann = app.person("ann").await;
        assert_eq!(refusal(&ann.get(&settings).await), told(403, "FORBIDDEN", "ann"));
        assert_eq!(ann.put(&settings, &json!({ "read_only": true })).await.status, 403);
        assert_eq!(app.anonymous().get(&settings).await.status, 401);
    })
    .await;
}
