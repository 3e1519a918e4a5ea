//! The settings over REST: what an administrator sees, changes, and is refused.

use crate::on_each_engine;
use haven_db::params;
use haven_testkit::{Client, TestApp};
use serde_json::{Value, json};

const CONFIGURATIONS: &str = "/api/v2.0/configurations";

async fn values(client: &Client) -> Value {
    let answer = client.get(CONFIGURATIONS).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What a change is answered with, as status and message.
async fn change(client: &Client, change: Value) -> (u16, String) {
    let answer = client.put(CONFIGURATIONS, &change).await;
    let message = if answer.status == 200 { String::new() } else { answer.message() };
    (answer.status, message)
}

#[tokio::test]
async fn every_setting_is_listed_changed_and_kept() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = values(&admin).await;
        assert_eq!(before["robot_name_prefix"], json!({ "value": "robot$", "editable": true }));
        assert_eq!(before["ldap_url"]["value"], "");
        assert_eq!(before["storage_per_project"]["value"], -1);
        for hidden in
            ["ldap_search_password", "oidc_client_secret", "uaa_client_secret", "pull_count_update_disable"]
        {
            assert_eq!(before.get(hidden), None, "{hidden}");
        }
        let wanted = json!({
            "session_timeout": 5, "self_registration": true, "robot_name_prefix": " bot+", "ldap_scope": 1,
            "oidc_extra_redirect_parms": "{\"prompt\":\"login\"}", "banner_message": null, "unknown": [1],
        });
        assert_eq!(change(&admin, wanted).await, (200, String::new()));
        let after = values(&app.restart().await.admin()).await;
        for (name, value) in [
            ("session_timeout", json!(5)),
            ("self_registration", json!(true)),
            ("robot_name_prefix", json!("bot+")),
            ("ldap_scope", json!(1)),
            ("oidc_extra_redirect_parms", json!("{\"prompt\":\"login\"}")),
            ("banner_message", json!("")),
        ] {
            assert_eq!(after[name]["value"], value, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_is_made_whole_or_not_at_all() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = values(&admin).await;
        let refused = [
            (json!({ "self_registration": true, "token_expiration": 0 }), 400, "item name token_expiration"),
            (json!({ "self_registration": true, "auth_mode": "magic" }), 400, "item name auth_mode"),
            (
                json!({ "self_registration": true, "storage_per_project": 0 }),
                400,
                "item name storage_per_project",
            ),
            (
                json!({ "self_registration": true, "skip_audit_log_database": true }),
                400,
                "audit log forward endpoint should be configured before enable skip audit log in database",
            ),
            (json!({ "self_registration": true, "ldap_group_search_filter": "(cn=*)" }), 400, "LDAP groups"),
            (
                json!({ "self_registration": true, "audit_log_forward_endpoint": "127.0.0.1:1" }),
                400,
                "does not answer",
            ),
            (json!({ "self_registration": "true" }), 422, "wrong type"),
            (json!({ "self_registration": true, "token_expiration": 2.5 }), 422, "wrong type"),
            (json!(["self_registration"]), 422, ""),
        ];
        for (wanted, status, words) in refused {
            let (got, message) = change(&admin, wanted.clone()).await;
            assert!(got == status && message.contains(words), "{wanted}: {got} {message}");
        }
        assert_eq!(values(&admin).await, before);
    })
    .await;
}

/// Each would be good alone: a filter for groups, and their attributes taken away.
#[tokio::test]
async fn changes_at_the_same_time_agree_with_each_other() {
    on_each_engine(async |app| {
        let (one, other) = (app.admin(), app.admin());
        for _ in 0..30 {
            let start = json!({
                "ldap_group_search_filter": "", "ldap_group_attribute_name": "cn",
                "ldap_group_membership_attribute": "member",
            });
            assert_eq!(change(&one, start).await, (200, String::new()));
            let filter = change(&one, json!({ "ldap_group_search_filter": "(objectclass=group)" }));
            let bare = change(&other, json!({ "ldap_group_attribute_name": "" }));
            let (filter, bare) = tokio::join!(filter, bare);
            assert_eq!([filter.0, bare.0].iter().filter(|status| **status == 200).count(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn the_syslog_server_is_looked_for_before_it_is_trusted() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = server.local_addr().unwrap().to_string();
        let both = json!({ "audit_log_forward_endpoint": endpoint, "skip_audit_log_database": true });
        assert_eq!(change(&admin, both).await.0, 200);
        let (status, _) = change(&admin, json!({ "audit_log_forward_endpoint": "" })).await;
        assert_eq!(status, 400, "records would go nowhere");
        let off = json!({ "audit_log_forward_endpoint": "", "skip_audit_log_database": false });
        assert_eq!(change(&admin, off).await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn secrets_are_taken_kept_encrypted_and_never_told() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let secrets = json!({ "ldap_search_password": "Hush-hush-1", "oidc_client_secret": "Hush-hush-2" });
        assert_eq!(change(&admin, secrets).await.0, 200);
        assert!(!values(&admin).await.to_string().contains("ush-hush"));
        for row in app.db().query("SELECT name, value FROM setting", params![]).await.unwrap() {
            let (name, value): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            // That one is the lock.
            let is_sealed = name == "turn" || value.starts_with("sealed:");
            assert!(is_sealed && !value.contains("ush-hush"), "{name}={value}");
        }
        let kept = haven_core::settings::get(&app.restart().await.app).await.unwrap();
        assert_eq!(kept.ldap_search_password.expose(), "Hush-hush-1");
    })
    .await;
}

#[tokio::test]
async fn the_way_of_logging_in_is_fixed_once_people_have_come() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(values(&admin).await["auth_mode"], json!({ "value": "db_auth", "editable": true }));
        let by_another = async || {
            let set = "INSERT INTO setting (name, value) VALUES ('auth_mode', 'oidc_auth')
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            app.db().execute(set, &[]).await.unwrap();
        };
        assert_eq!(change(&admin, json!({ "oidc_name": "corp" })).await.0, 200);
        by_another().await;
        let info = app.replica().await.get("/api/v2.0/systeminfo").await.json();
        assert_eq!((&info["auth_mode"], &info["oidc_provider_name"]), (&json!("oidc_auth"), &json!("corp")));
        assert_eq!(change(&admin, json!({ "auth_mode": "db_auth" })).await.0, 200);
        app.person("ann").await;
        assert_eq!(values(&admin).await["auth_mode"]["editable"], json!(false));
        by_another().await;
        let (status, message) = change(&admin, json!({ "auth_mode": "db_auth" })).await;
        assert_eq!(status, 400);
        assert!(message.contains("cannot be modified as new users have been inserted"), "{message}");
        app.db().execute("UPDATE setting SET value = 'db_auth' WHERE name = 'auth_mode'", &[]).await.unwrap();
        assert_eq!(change(&admin, json!({ "auth_mode": "db_auth" })).await.0, 200, "the same is no change");
    })
    .await;
}

#[tokio::test]
async fn a_way_of_logging_in_that_is_not_built_is_refused() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for mode in ["ldap_auth", "uaa_auth", "http_auth", "oidc_auth"] {
            let (status, message) = change(&admin, json!({ "auth_mode": mode, "read_only": true })).await;
            let words = format!("item name auth_mode: this version has no {mode}, only db_auth");
            assert!(status == 400 && message.ends_with(&words), "{status} {message}");
        }
        assert_eq!(change(&admin, json!({ "auth_mode": "db_auth" })).await.0, 200);
        let info = app.admin().get("/api/v2.0/systeminfo").await.json();
        assert_eq!((&info["auth_mode"], &info["read_only"]), (&json!("db_auth"), &json!(false)));
    })
    .await;
}

#[tokio::test]
async fn only_administrators_see_and_change_settings() {
    on_each_engine(async |app: TestApp| {
        let ann = app.person("ann").await;
        for (client, status) in [(&ann, 403), (&app.anonymous(), 401)] {
            assert_eq!(client.get(CONFIGURATIONS).await.status, status);
            assert_eq!(client.put(CONFIGURATIONS, &json!({ "read_only": true })).await.status, status);
            assert_eq!(client.get("/api/v2.0/systeminfo/volumes").await.status, status);
        }
        assert_eq!(values(&app.admin()).await["read_only"]["value"], false);
    })
    .await;
}

#[tokio::test]
async fn the_room_of_the_storage_is_told_where_there_is_an_end() {
    on_each_engine(async |app| {
        let volumes = app.admin().get("/api/v2.0/systeminfo/volumes").await.json();
        if !app.on_files() {
            assert_eq!(volumes, json!({ "storage": [] }));
            return;
        }
        let (total, free) = (&volumes["storage"][0]["total"], &volumes["storage"][0]["free"]);
        assert!(free.as_u64().unwrap() > 0 && free.as_u64() < total.as_u64(), "{volumes}");
    })
    .await;
}

#[tokio::test]
async fn a_syslog_server_that_is_away_does_not_keep_what_stays_from_being_said_again() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let same = json!({ "audit_log_forward_endpoint": endpoint, "token_expiration": 31 });
        assert_eq!(change(&admin, same.clone()).await, (200, String::new()));
        drop(listener);
        let mut again = same;
        again["token_expiration"] = json!(32);
        assert_eq!(change(&admin, again).await, (200, String::new()));
        assert_eq!(values(&admin).await["token_expiration"]["value"], 32);
        let (status, told) =
            change(&admin, json!({ "audit_log_forward_endpoint": "127.0.0.1:1", "token_expiration": 33 }))
                .await;
        assert!(status == 400 && told.contains("does not answer"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn the_certificate_is_handed_out_to_everybody_where_there_is_one() {
    on_each_engine(async |app| {
        let without = app.anonymous().get("/api/v2.0/systeminfo/getcert").await;
        assert_eq!((without.status, without.code()), (404, "NOT_FOUND".to_owned()));
        let network = haven_web::conn::Network {
            ca_certificate: Some("-----BEGIN CERTIFICATE-----\n".into()),
            ..Default::default()
        };
        let admin = app.admin_within(network);
        let with = admin.get("/api/v2.0/systeminfo/getcert").await;
        assert_eq!((with.status, with.text()), (200, "-----BEGIN CERTIFICATE-----\n".to_owned()));
        assert_eq!(with.header("content-disposition"), "attachment; filename=ca.crt");
        assert_eq!(admin.get("/api/v2.0/systeminfo").await.json()["has_ca_root"], true);
    })
    .await;
}
