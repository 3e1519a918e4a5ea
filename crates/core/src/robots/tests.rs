//! Durations, and the forms of permissions.

use super::permissions::{Access, Permission, Stored, check, rights};
use super::{FOR_EVER, LONGEST, Level, check_duration, end};
use crate::access::{Action, Caller, Robot, SystemResource, may_system};
use haven_db::Timestamp;

fn permission(kind: &str, namespace: &str, access: &[(&str, &str, &str)]) -> Permission {
    let access = access.iter().map(|(resource, action, effect)| Access {
        resource: (*resource).to_owned(),
        action: (*action).to_owned(),
        effect: (*effect).to_owned(),
    });
    Permission { kind: kind.to_owned(), namespace: namespace.to_owned(), access: access.collect() }
}

#[test]
fn durations_are_days_or_for_ever() {
    for (days, good) in
        [(-1, true), (1, true), (LONGEST, true), (0, false), (-2, false), (LONGEST + 1, false)]
    {
        assert_eq!(check_duration(days).is_ok(), good, "{days}");
    }
    let made = Timestamp::from_secs(1_700_000_000);
    assert_eq!(end(made, 1), Some(Timestamp::from_secs(1_700_086_400)));
    assert_eq!(end(made, FOR_EVER), None);
    assert_eq!(end(made, LONGEST), Some(Timestamp(i64::MAX)), "later than any time there is");
}

#[test]
fn what_is_asked_for_twice_comes_once() {
    let asked = [
        permission("project", "*", &[("tag", "list", ""), ("tag", "list", "")]),
        permission("system", "/", &[("user", "list", "")]),
        permission(
            "project",
            "*",
            &[("tag", "list", ""), ("tag", "list", "deny"), ("tag", "create", "allow")],
        ),
    ];
    let checked = check(Level::System, &asked).unwrap();
    assert_eq!(checked.len(), 2);
    let places: Vec<_> = checked.iter().map(|asked| format!("{:?}", asked.place)).collect();
    assert_eq!(places, ["Everywhere", "System"]);
}

#[test]
fn what_is_stored_is_read_as_it_was_meant() {
    let text = r#"[{"kind":"system","access":[{"resource":"user","action":"list"}]},
        {"kind":"project","access":[{"resource":"tag","action":"list"}]},
        {"kind":"project","project":7,"access":[{"resource":"repository","action":"pull","effect":"allow"},
            {"resource":"tag","action":"list","effect":"deny"},{"resource":"of","action":"later"}]}]"#;
    let stored: Vec<Stored> = serde_json::from_str(text).unwrap();
    let robot = Robot { id: 1, name: String::new(), project: None, rights: rights(&stored) };
    let caller = Caller::Robot(robot);
    assert!(may_system(&caller, SystemResource::User, Action::List));
    assert!(!may_system(&caller, SystemResource::User, Action::Read));
    let Caller::Robot(robot) = caller else { return };
    assert!(robot.includes(&rights(&stored[2..]), None) && !robot.includes(&rights(&stored[1..2]), None));
    let again = serde_json::to_string(&stored).unwrap();
    assert_eq!(again, text.replace(['\n', ' '], ""));
}
