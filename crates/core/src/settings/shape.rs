//! What a setting may be, and its way between JSON, a row and a typed value. Pure.

use super::items::{Hidden, MOST_BYTES, MOST_TIME};
use crate::{Error, Result};
use serde_json::Value;

/// No setting is longer: a chain of certificates fits.
const LONGEST: usize = 64 << 10;

/// The ways of logging in that Harbor has.
const AUTH_MODES: [&str; 5] = ["db_auth", "ldap_auth", "uaa_auth", "http_auth", "oidc_auth"];
/// The one that is built: another would be accepted and let nobody in by it.
const BUILT: &str = AUTH_MODES[0];

/// One setting.
#[derive(Debug)]
pub struct Item {
    /// Its name on the wire.
    pub name: &'static str,
    pub shape: Shape,
    /// Whether the API tells and takes it; the others come from the configuration alone, or are only taken.
    pub shown: bool,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// True or false.
    Flag,
    /// A whole number.
    Number { least: i64, most: i64 },
    /// Bytes, or -1 for no limit.
    Limit,
    /// Days, at least one, or -1 for no end.
    Days,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A way of logging in that is built.
    Mode,
    /// Any text.
    Text,
    /// A text that is not blank; spaces around it do not count.
    Filled,
    /// As [`Shape::Filled`], short and without a colon, which would end the name in Basic credentials.
    Prefix,
    /// `host:port`, or `udp://host:port`, or empty.
    Endpoint,
    /// A JSON object of texts, in a text.
    Map,
    /// A text that is kept encrypted and never told.
    Secret,
}

impl Item {
    /// Whether the API takes it.
    pub fn taken(&self) -> bool {
        self.shown || self.shape == Shape::Secret
    }

    /// Whether a value of JSON has the right type, whatever it says.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match self.shape {
            Shape::Flag => value.is_boolean(),
            Shape::Number { .. } | Shape::Limit | Shape::Days => value.is_i64(),
            _ => value.is_string(),
        }
    }

    /// The text that is stored for a value.
    ///
    /// # Errors
    /// `BadRequest` for a value of another type or out of its range.
    pub(super) fn text(&self, value: &Value) -> Result<String> {
        let text = match value {
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return Err(self.refuse("it has the wrong type")),
        };
        let right = match self.shape {
            Shape::Flag => matches!(text.as_str(), "true" | "false").then_some(text),
            Shape::Number { least, most } => return self.number(&text, |n| n >= least && n <= most),
            Shape::Limit => return self.number(&text, |n| n == -1 || (1..=MOST_BYTES).contains(&n)),
            Shape::Days => return self.number(&text, |n| n == -1 || (1..=MOST_TIME).contains(&n)),
            Shape::Choice(words) if words.contains(&text.as_str()) => Some(text),
            Shape::Choice(words) => return Err(self.refuse(&format!("it is one of {}", words.join(", ")))),
            Shape::Mode if AUTH_MODES.contains(&text.as_str()) && text != BUILT => {
                return Err(self.refuse(&format!("this version has no {text}, only {BUILT}")));
            }
            Shape::Mode => Some(text).filter(|text| text == BUILT),
            Shape::Filled => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Shape::Prefix => Some(text.trim().to_owned()).filter(|text| is_prefix(text)),
            Shape::Endpoint => Some(text.trim().to_owned()).filter(|text| is_endpoint(text)),
            Shape::Map => is_map(&text).then_some(text),
            Shape::Text | Shape::Secret => Some(text),
        };
        // A text with a NUL is none to PostgreSQL.
        right
            .filter(|text| text.len() <= LONGEST && !text.contains('\0'))
            .ok_or_else(|| self.refuse(self.shape.wanted()))
    }

    fn number(&self, text: &str, holds: impl Fn(i64) -> bool) -> Result<String> {
        let number = text.parse::<i64>().map_err(|_| self.refuse("it is no whole number"))?;
        if holds(number) {
            Ok(number.to_string())
        } else {
            Err(self.refuse(&format!("{number} is out of range")))
        }
    }

    fn refuse(&self, why: &str) -> Error {
        Error::bad_request(format!("bad request: item name {}: {why}", self.name))
    }
}

impl Shape {
    fn wanted(self) -> &'static str {
        match self {
            Self::Flag => "it is either true or false",
            Self::Mode => "it is db_auth",
            Self::Filled => "it must not be empty",
            Self::Prefix => "it has up to 128 bytes, is not blank and has no colon",
            Self::Endpoint => "it is host:port, or udp://host:port",
            Self::Map => "it is a JSON object of texts",
            _ => "it is too long, or no text",
        }
    }
}

fn is_prefix(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && !text.contains(|c: char| c == ':' || c.is_control())
}

fn is_endpoint(text: &str) -> bool {
    let bare = text.strip_prefix("udp://").or_else(|| text.strip_prefix("tcp://")).unwrap_or(text);
    let Some((host, port)) = bare.rsplit_once(':') else { return text.is_empty() };
    !host.is_empty()
        && host.len() <= 255
        && !host.contains(|c: char| c.is_whitespace() || c == '/')
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_map(text: &str) -> bool {
    let Ok(Value::Object(map)) = serde_json::from_str(text) else { return text.is_empty() };
    map.values().all(Value::is_string)
}

/// A type that a setting can have.
pub(super) trait Stored: Sized {
    fn read(text: &str) -> Option<Self>;
    fn json(&self) -> Value;
}

impl Stored for bool {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn json(&self) -> Value {
        (*self).into()
    }
}

impl Stored for i64 {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn json(&self) -> Value {
        (*self).into()
    }
}

impl Stored for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn json(&self) -> Value {
        self.as_str().into()
    }
}

impl Stored for Hidden {
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn json(&self) -> Value {
        Value::Null
    }
}
