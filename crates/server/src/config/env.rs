//! The environment: `HAVEN_HTTP__PORT` sets `http.port`, and a name that sets nothing is an error.

use super::{
    file,
    keys::{self, Key, Kind},
    problems::Place,
    settings::Settings,
    tree::{self, Node, Value},
};

/// Names the configuration file; read by [`super::Config::load`] itself.
pub(super) const CONFIG_FILE: &str = "HAVEN_CONFIG";
/// Harbor's own name for the first password of `admin`.
const ADMIN_PASSWORD: &str = "HARBOR_ADMIN_PASSWORD";
/// Settings that overrule those of the database, as a JSON object.
pub(super) const OVERWRITE: &str = "CONFIG_OVERWRITE_JSON";

/// Lays the variables over what is in `settings`. A variable that is set to nothing counts as not set.
pub(super) fn read(variables: &[(String, String)], settings: &mut Settings) {
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        if name == ADMIN_PASSWORD {
            variable(name, value, "harbor_admin_password", settings);
        } else if let Some(inner) = name.strip_prefix("HAVEN_").filter(|_| name != CONFIG_FILE) {
            known(name, inner, value, settings);
        }
    }
}

fn known(name: &str, inner: &str, value: &str, settings: &mut Settings) {
    if let Some(key) = find(name) {
        put(key, name, value, settings);
    } else if let Some(key) = name.strip_suffix("_FILE").and_then(find).filter(|key| key.kind == Kind::Secret)
    {
        from_file(key, name, value, settings);
    } else if !is_service_link(inner, value) {
        let names: Vec<String> = keys::KEYS.iter().flat_map(Key::variables).collect();
        let hint = file::closest(name, names.iter().map(String::as_str));
        let hint = hint.map_or_else(String::new, |hint| format!("; did you mean {hint}?"));
        settings.problems.at(&Place::Env(name.to_owned()), format!("sets no known key{hint}"));
    }
}

/// The key of a variable, or the refused section that the variable reaches into.
fn find(name: &str) -> Option<&'static Key> {
    let exact = keys::KEYS.iter().find(|key| key.variables().any(|variable| variable == name));
    let inside = |key: &&Key| {
        matches!(key.role, keys::Role::Unsupported(_))
            && name.strip_prefix(&keys::variable(key.path)).is_some_and(|rest| rest.starts_with("__"))
    };
    exact.or_else(|| keys::KEYS.iter().find(inside))
}

fn variable(name: &str, value: &str, path: &str, settings: &mut Settings) {
    if let Some(key) = keys::find(path) {
        put(key, name, value, settings);
    }
}

fn put(key: &'static Key, name: &str, value: &str, settings: &mut Settings) {
    let place = Place::Env(name.to_owned());
    match parse(key, value) {
        Ok(value) => settings.put(key, Node { value, place }),
        Err(message) => settings.problems.at(&place, message),
    }
}

/// Text is taken as it is, so that a password needs no quotes; a list may be written `[a, b]` or `a, b`.
fn parse(key: &Key, value: &str) -> Result<Value, String> {
    // An address of IPv6 begins like a list, and ends with its port.
    let is_list = key.kind == Kind::List && value.trim().starts_with('[') && value.trim().ends_with(']');
    if !is_list {
        return Ok(Value::Scalar(value.to_owned()));
    }
    tree::parse("", value).map(|node| node.value).map_err(|problem| problem.message)
}

/// `HAVEN_.._FILE` of a secret names a file that holds it, as container secrets are mounted.
fn from_file(key: &'static Key, name: &str, path: &str, settings: &mut Settings) {
    let place = Place::Env(name.to_owned());
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let value = Value::Scalar(text.trim_end_matches(['\r', '\n']).to_owned());
            settings.put(key, Node { value, place });
        }
        Err(error) => settings.problems.at(&place, format!("{path} cannot be read: {error}")),
    }
}

/// Kubernetes describes a service called `haven` (or `haven-db`) to every pod in variables such as
/// `HAVEN_SERVICE_HOST`, `HAVEN_PORT=tcp://..` and `HAVEN_PORT_8080_TCP_ADDR`; those are not ours.
fn is_service_link(inner: &str, value: &str) -> bool {
    let name = format!("_{inner}");
    let describes_port = |rest: &str| {
        let protocol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol.len() < rest.len()
            && ["_TCP", "_UDP", "_SCTP"].iter().any(|known| protocol.starts_with(known))
    };
    !inner.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.ends_with("_SERVICE_PORT")
            || name.contains("_SERVICE_PORT_")
            || (name.ends_with("_PORT") && value.contains("://"))
            || name.match_indices("_PORT_").any(|(at, word)| describes_port(&name[at + word.len()..])))
}
