//! What was accepted and changes nothing: the operator of a Harbor is told so once, section by section.

use super::{
    database::Database,
    settings::Settings,
    tree::{Node, Value},
    units,
};

/// Harbor's well-known first password.
const SAMPLE_PASSWORD: &str = "Harbor12345";

/// What is read for the versions that will need it, by a key that those who configure it set.
const NOT_YET: [(&str, &str); 3] = [
    ("jobservice", "jobservice.max_job_workers"),
    ("notification", "notification.webhook_job_max_retry"),
    ("proxy", "proxy.http_proxy"),
];

pub(super) fn collect(settings: &mut Settings, database: &Database) -> Vec<String> {
    let mut notices = unused(settings);
    if settings.secret("harbor_admin_password").is_some_and(|given| given.expose() == SAMPLE_PASSWORD) {
        notices.push(
            "harbor_admin_password: is Harbor's well-known sample; change the password after the first login"
                .to_owned(),
        );
    }
    for (section, key) in NOT_YET {
        notices.extend(settings.place(key).map(|place| {
            format!("{section} ({place}): checked, but nothing of this version works with it yet")
        }));
    }
    if settings.has("haven.listen") {
        for key in ["http.port", "https.port"] {
            notices.extend(settings.place(key).map(|place| {
                format!("{key} ({place}): not used, because `haven.listen` says where to listen")
            }));
        }
    }
    let external = settings.place("external_database.harbor.host");
    if let (Some(place), true) = (external, settings.has("haven.database.url")) {
        let used = if matches!(database, Database::Sqlite { .. }) { "SQLite" } else { "another server" };
        notices.push(format!("external_database ({place}): not used, `haven.database.url` names {used}"));
    }
    notices
}

/// One sentence for each section, unless the section only says that it is off.
fn unused(settings: &Settings) -> Vec<String> {
    let mut seen: Vec<(&str, &str, Vec<&Node>)> = Vec::new();
    for (node, what, why) in settings.ignored() {
        match seen.iter_mut().find(|(known, ..)| *known == what) {
            Some((_, _, nodes)) => nodes.push(node),
            None => seen.push((what, why, vec![node])),
        }
    }
    seen.iter()
        .filter(|(what, _, nodes)| !is_off(settings, what, nodes))
        .filter_map(|(what, why, nodes)| Some(format!("{what} ({}): not used, {why}", nodes.first()?.place)))
        .collect()
}

fn is_off(settings: &Settings, what: &str, nodes: &[&Node]) -> bool {
    let switch = settings.place(&format!("{what}.enabled"));
    nodes.iter().any(|node| {
        Some(&node.place) == switch.as_ref()
            && matches!(&node.value, Value::Scalar(text) if units::boolean(text) == Some(false))
    })
}
