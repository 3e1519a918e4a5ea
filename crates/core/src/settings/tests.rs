//! Settings against the rules of their shapes.

use super::{Change, Configured, ITEMS, Settings, Shape, Values};
use serde_json::{Value, json};
use std::sync::Arc;

fn read(change: Value) -> Result<Vec<(&'static str, String)>, String> {
    let change: Change = serde_json::from_value(change).map_err(|error| error.to_string())?;
    let texts = change.texts().map_err(|error| error.message)?;
    Ok(texts.into_iter().map(|(item, text)| (item.name, text)).collect())
}

#[test]
fn only_what_is_present_known_and_not_null_changes() {
    let change = json!({ "read_only": true, "token_expiration": null, "colour": "blue", "ldap_scope": 1 });
    let changed = read(change).unwrap();
    assert_eq!(changed, [("read_only", "true".to_owned()), ("ldap_scope", "1".to_owned())]);
}

#[test]
fn each_value_is_held_against_its_shape() {
    let good = [
        json!({ "token_expiration": 1 }),
        json!({ "storage_per_project": -1 }),
        json!({ "storage_per_project": 1_125_899_906_842_624_i64 }),
        json!({ "auth_mode": "db_auth" }),
        json!({ "robot_name_prefix": " bot+ " }),
        json!({ "oidc_extra_redirect_parms": "{\"a\":\"b\"}" }),
        json!({ "audit_log_forward_endpoint": "" }),
        json!({ "audit_log_forward_endpoint": "[::1]:514" }),
        json!({ "audit_log_forward_endpoint": "udp://host:514" }),
        json!({ "ldap_search_password": "x" }),
    ];
    for change in good {
        assert_eq!(read(change.clone()).map(|changed| changed.len()), Ok(1), "{change}");
    }
    let bad = [
        json!({ "token_expiration": 0 }),
        json!({ "session_timeout": 10_000_000_000_i64 }),
        json!({ "storage_per_project": 0 }),
        json!({ "storage_per_project": -2 }),
        json!({ "storage_per_project": 1_125_899_906_842_625_i64 }),
        json!({ "auth_mode": "none" }),
        json!({ "auth_mode": "oidc_auth" }),
        json!({ "robot_name_prefix": "  " }),
        json!({ "oidc_extra_redirect_parms": "{\"a\":1}" }),
        json!({ "oidc_extra_redirect_parms": "[]" }),
        json!({ "ldap_scope": 3 }),
        json!({ "banner_message": "a\u{0}b" }),
        json!({ "banner_message": "x".repeat(65_537) }),
        json!({ "audit_log_forward_endpoint": "host" }),
        json!({ "audit_log_forward_endpoint": "http://host:1" }),
        json!({ "audit_log_forward_endpoint": "host:0" }),
        // Of another type.
        json!({ "read_only": "true" }),
        json!({ "token_expiration": "30" }),
        json!({ "banner_message": 1 }),
        json!({ "token_expiration": 1.5 }),
    ];
    for change in bad {
        assert!(read(change.clone()).is_err(), "{change}");
    }
}

#[test]
fn a_value_comes_back_as_it_was_stored() {
    let mut values = Values::default();
    for item in ITEMS {
        let text = match item.shape {
            Shape::Flag => "true",
            Shape::Number { .. } | Shape::Limit | Shape::Days => "2",
            Shape::Choice(words) => words[1],
            Shape::Map => "{}",
            _ => "text",
        };
        values.put(item.name, text);
        let shown = values.json(item.name);
        let shown = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
        assert_eq!(shown, if item.shape == Shape::Secret { "null" } else { text }, "{}", item.name);
    }
    assert_eq!(values.ldap_search_password.expose(), "text");
    assert!(!format!("{values:?}").contains("ldap_search_password: text"));
}

#[test]
fn the_configuration_may_say_more_than_the_api() {
    let map = |value: Value| value.as_object().cloned().unwrap();
    let given = json!({ "pull_count_update_disable": true, "token_expiration": "45", "oidc_extra_redirect_parms": {} });
    assert_eq!(Change::overwrite(map(given)).unwrap().texts().unwrap().len(), 3);
    assert!(Change::overwrite(map(json!({ "database_type": "x" }))).is_err());
    assert!(Change::overwrite(map(json!({ "token_expiration": 0 }))).is_err());
    assert!(read(json!({ "pull_count_update_disable": true })).unwrap().is_empty(), "not over the API");
}

#[test]
fn what_was_read_before_a_change_is_not_remembered_after_it() {
    let settings = Settings::new(Configured::default()).unwrap();
    let (values, before) = (Arc::new(Values::default()), *settings.changes());
    settings.remember(&values, before);
    assert!(settings.recent.get(&()).is_some());
    settings.forget();
    settings.remember(&values, before);
    assert!(settings.recent.get(&()).is_none());
    let now = *settings.changes();
    settings.remember(&values, now);
    assert!(settings.recent.get(&()).is_some());
}
