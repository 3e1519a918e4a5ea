//! Requests as nobody means them: right in most parts, so that they come far, and wrong in some.

use super::bodies::{body, query_of_table};
use super::dice::Dice;
use super::doors::door;
use super::pool::Pool;
use super::registry::registry;
use axum::body::Body;
use haven_web::contract::openapi;
use haven_web::kit::Operation;
use http::{HeaderValue, Method, Request};
use serde_json::Value;

/// A request before it is sent, so that it can be told.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn new(id: &'static str, method: Method, target: String) -> Self {
        Self { id, method, target, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Nothing if HTTP itself cannot carry it.
    pub(crate) fn request(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(*name, HeaderValue::from_bytes(value).ok()?);
        }
        request.body(Body::from(self.body.clone())).ok()
    }

    pub(crate) fn told(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("\n{name}: {}", value.escape_ascii()));
        let start = &self.body[..self.body.len().min(1500)];
        let target: String = self.target.chars().take(1500).collect();
        format!(
            "{} {} {target}{}\n\n{} ({} bytes)",
            self.id,
            self.method,
            headers.collect::<String>(),
            start.escape_ascii(),
            self.body.len()
        )
    }
}

/// Makes requests from what is served and what there is.
pub(crate) struct Requests {
    operations: Vec<(Operation, Value)>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let documented = |operation: &Operation| {
            let path = operation.path.trim_start_matches("/api/v2.0");
            let path = if path == "/api/version" { "/version" } else { path };
            openapi()["paths"][path][operation.method.as_str().to_ascii_lowercase()].clone()
        };
        let operations = haven_web::operations().into_iter();
        Self {
            operations: operations
                .map(|one| {
                    let known = documented(&one);
                    (one, known)
                })
                .collect(),
        }
    }

    pub(crate) fn next(&self, dice: &mut Dice, pool: &Pool) -> Asked {
        let mut asked = match dice.below(20) {
            0..=12 => self.rest(dice, pool),
            13..=17 => registry(dice, pool),
            _ => door(dice, pool),
        };
        while dice.one_in(8) {
            let value = dice.odd_text();
            asked = odd_header(dice, asked, value);
        }
        asked
    }

    fn rest(&self, dice: &mut Dice, pool: &Pool) -> Asked {
        let (operation, document) = dice.pick(&self.operations);
        let mut path = String::new();
        for segment in operation.path.split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(hole) => path.push_str(&segment_for(dice, pool, operation.id, hole)),
                None => path.push_str(segment),
            }
        }
        if dice.one_in(40) {
            path = bend(dice, &path);
        }
        let query = query(dice, pool, operation.id, document);
        let method = if dice.one_in(40) { any_method(dice) } else { operation.method.clone() };
        let mut asked = Asked::new(operation.id, method, path + &query);
        if !matches!(operation.method, Method::GET | Method::HEAD) || dice.one_in(30) {
            let (body, kind) = body(dice, pool, operation.id, document);
            asked = asked.with("content-type", kind);
            asked.body = body;
        }
        for (header, one_in, good) in [
            ("x-is-resource-name", 8, &["true", "false"][..]),
            ("x-resource-name-in-location", 8, &["true", "false"]),
            ("accept", 12, &["application/json", "text/plain", "*/*", "image/png"]),
        ] {
            if dice.one_in(one_in) {
                let value = if dice.one_in(4) { dice.odd_text() } else { (*dice.pick(good)).to_owned() };
                asked = asked.with(header, value);
            }
        }
        asked
    }
}

pub(crate) fn any_method(dice: &mut Dice) -> Method {
    let name =
        dice.pick(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"]);
    Method::from_bytes(name.as_bytes()).unwrap()
}

fn segment_for(dice: &mut Dice, pool: &Pool, id: &str, hole: &str) -> String {
    let hole = match (hole, id) {
        ("id", _) => "quota_id",
        ("digest", "getIcon") if dice.one_in(2) => "picture",
        (hole, _) => hole,
    };
    match pool.filling(dice, hole) {
        // These have their slashes encoded already.
        Some(known) if hole == "repository_name" => known,
        Some(known) if !dice.one_in(8) => escape(dice, &known),
        _ => {
            let odd = dice.odd_text();
            escape(dice, &odd)
        }
    }
}

/// Percent-encodes what must be, and now and then what need not be.
pub(crate) fn escape(dice: &mut Dice, text: &str) -> String {
    let (all, broken) = (dice.one_in(15), dice.one_in(60));
    let mut escaped = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte);
        if plain && !all {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    if broken {
        escaped.push_str(dice.pick::<&str>(&["%", "%2", "%zz", "%FF", "%C3", "%00"]));
    }
    escaped
}

/// The path, not quite.
fn bend(dice: &mut Dice, path: &str) -> String {
    match dice.below(7) {
        0 => format!("{path}/"),
        1 => path.replacen('/', "//", 2),
        2 => path.to_uppercase(),
        3 => format!("{path}/..;/{}", dice.below(9)),
        4 => path.replace("/projects", "/projects/../projects"),
        5 => format!("{path}/{}", "a/".repeat(dice.below(3000))),
        _ => path.rsplit_once('/').map_or("/", |(parent, _)| parent).to_owned() + "/",
    }
}

fn query(dice: &mut Dice, pool: &Pool, id: &str, document: &Value) -> String {
    let mut pairs = Vec::new();
    if dice.one_in(3) {
        pairs.extend(query_of_table(dice, pool, id));
    }
    for parameter in document["parameters"].as_array().into_iter().flatten() {
        let reference =
            parameter["$ref"].as_str().and_then(|path| openapi().pointer(path.trim_start_matches('#')));
        let parameter = reference.unwrap_or(parameter);
        let Some(name) = parameter["name"].as_str().filter(|_| parameter["in"] == "query") else { continue };
        if dice.one_in(if parameter["required"] == true { 10 } else { 2 }) == (parameter["required"] == true)
        {
            continue;
        }
        let value = parameter_value(dice, pool, name, &parameter["schema"]);
        pairs.push(format!("{name}={}", escape(dice, &value).replace('&', "%26").replace('+', "%2B")));
    }
    if dice.one_in(12) {
        let (name, value) = (dice.odd_text(), dice.odd_text());
        pairs.push(format!("{}={}", escape(dice, &name), escape(dice, &value)));
    }
    if dice.one_in(30) {
        pairs.push(
            (*dice.pick(&["%zz", "&&==&", "page=1&page=2", "q=%FF", "a[]=1", "page", "=", "q=%25ZZ"]))
                .to_owned(),
        );
    }
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn parameter_value(dice: &mut Dice, pool: &Pool, name: &str, schema: &Value) -> String {
    if dice.one_in(8) {
        return dice.odd_text();
    }
    match name {
        "q" => return conditions(dice, pool),
        "sort" => {
            let keys: Vec<String> = (0..=dice.below(3))
                .map(|_| format!("{}{}", if dice.one_in(2) { "-" } else { "" }, dice.pick(KEYS)))
                .collect();
            return keys.join(",");
        }
        "page" => return dice.pick(&["1", "2", "0", "-1", "100000", "9223372036854775807"]).to_string(),
        "page_size" => {
            return dice.pick(&["1", "10", "100", "101", "0", "-1", "9223372036854775807"]).to_string();
        }
        _ => {}
    }
    if let Some(known) = pool.filling(dice, name) {
        return known;
    }
    match schema["type"].as_str() {
        Some("boolean") => dice.pick(&["true", "false", "1", "yes", ""]).to_string(),
        Some("integer") => dice.odd_number().to_string(),
        _ => match schema["enum"].as_array() {
            Some(words) => dice.pick(words).as_str().unwrap_or_default().to_owned(),
            None => dice.pick(&["web", "a", "o", "library"]).to_string(),
        },
    }
}

/// What lists are filtered and sorted by, here or there.
const KEYS: &[&str] = &[
    "name",
    "id",
    "project_id",
    "ProjectID",
    "Level",
    "creation_time",
    "update_time",
    "owner_id",
    "public",
    "username",
    "op_time",
    "operation",
    "resource",
    "resource_type",
    "tags",
    "labels",
    "type",
    "media_type",
    "digest",
    "push_time",
    "pull_time",
    "scope",
    "visible",
    "disabled",
    "reference",
    "reference_id",
    "used.storage",
    "hard.storage",
    "email",
    "x",
    "repository_name",
    "artifact_type",
    "group_name",
    "size",
    "user_id",
    "sysadmin",
];

fn conditions(dice: &mut Dice, pool: &Pool) -> String {
    let mut conditions = Vec::new();
    for _ in 0..=dice.below(3) {
        let mut value = || {
            if dice.one_in(3) {
                return dice.odd_text();
            }
            let word = *dice.pick(&[
                "1",
                "2",
                "project",
                "true",
                "web",
                "v1",
                "IMAGE",
                "nil",
                "*",
                "2024-05-01T08:00:00",
                "id",
            ]);
            if word == "id" { pool.known(dice, "project_id") } else { word.to_owned() }
        };
        let (one, two) = (value(), value());
        let value = match dice.below(8) {
            0 => format!("~{one}"),
            1 => format!("[{one}~{two}]"),
            2 => format!("[{one}~]"),
            3 => format!("{{{one} {two}}}"),
            4 => format!("({one} {two})"),
            5 => format!("\"{one}\""),
            _ => one,
        };
        let key = if dice.one_in(12) { dice.odd_text() } else { (*dice.pick(KEYS)).to_owned() };
        conditions.push(format!("{key}={value}"));
    }
    let text = conditions.join(",");
    if dice.one_in(3) { escape(dice, &text) } else { text }
}

fn odd_header(dice: &mut Dice, asked: Asked, value: String) -> Asked {
    let good: (&'static str, &[&str]) = *dice.pick(&[
        ("x-request-id", &["a", "a b", "0123456789012345678901234567890123456789"][..]),
        ("x-accept-vulnerabilities", &["application/vnd.security.vulnerability.report; version=1.1"]),
        ("if-none-match", &["*", "\"a\""]),
        ("x-forwarded-for", &["127.0.0.1", "::1, 10.0.0.1"]),
        ("x-forwarded-proto", &["https", "ftp"]),
        ("cookie", &["sid=x", "sid=\"", "a=b; sid=; c", "_gorilla_csrf=x"]),
        ("x-harbor-csrf-token", &["x", "AAAA"]),
        ("user-agent", &["docker/24", "harbor-registry-client"]),
        ("accept", &["application/vnd.oci.image.index.v1+json", "text/html", "*/*;q=0"]),
        ("accept-language", &["en"]),
        ("if-match", &["\"a\""]),
        ("expect", &["100-continue"]),
        ("content-length", &["7", "-1", "99999999999"]),
        ("transfer-encoding", &["chunked"]),
        ("content-encoding", &["gzip"]),
        ("host", &["other.test", "a:b:c", "[::1]:80", "evil.test/x"]),
        (
            "authorization",
            &["Bearer x", "Basic !!!", "Basic Og==", "Basic YTpi", "x", "Bearer haven_pat_x", "Bearer a.b.c"],
        ),
    ]);
    if asked.headers.iter().any(|(name, _)| *name == good.0) {
        return asked;
    }
    let value = if dice.one_in(3) { value } else { (*dice.pick(good.1)).to_owned() };
    asked.with(good.0, value)
}
