//! A change of settings: some of them, each with the text that is to be stored.

use super::items::{ITEMS, Values};
use super::shape::{Item, Shape};
use crate::{Error, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is to change; everything else stays.
#[derive(Clone, Default)]
pub struct Change(Vec<(&'static Item, Value)>);

/// From the API: null counts as absent, what is unknown is ignored, and a value of another type is no change at all.
impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut changes = Vec::new();
        for (name, value) in Map::<String, Value>::deserialize(deserializer)? {
            let Some(item) = item(&name).filter(|item| item.taken() && !value.is_null()) else { continue };
            if !item.fits(&value) {
                return Err(D::Error::custom(format!("{name} has the wrong type")));
            }
            changes.push((item, value));
        }
        Ok(Self(changes))
    }
}

impl Change {
    /// What the configuration overwrites; there numbers and flags may be written as texts.
    ///
    /// # Errors
    /// `BadRequest` for a name that is no setting and for a value out of its range.
    pub fn overwrite(map: Map<String, Value>) -> Result<Self> {
        let mut changes = Vec::new();
        for (name, value) in map {
            let item = item(&name).ok_or_else(|| unknown(&name))?;
            let value = match (&value, item.shape) {
                (Value::Object(_), Shape::Map) => value.to_string().into(),
                _ => value,
            };
            item.text(&value)?;
            changes.push((item, value));
        }
        Ok(Self(changes))
    }

    /// One setting, written as on a command line.
    ///
    /// # Errors
    /// `BadRequest` for a name that is no setting.
    pub fn push(&mut self, name: &str, text: &str) -> Result<()> {
        let item = item(name).ok_or_else(|| unknown(name))?;
        self.0.push((item, text.into()));
        Ok(())
    }

    /// Name and text of each, checked by itself.
    pub(super) fn texts(&self) -> Result<Vec<(&'static Item, String)>> {
        self.0.iter().map(|(item, value)| Ok((*item, item.text(value)?))).collect()
    }
}

fn item(name: &str) -> Option<&'static Item> {
    ITEMS.iter().find(|item| item.name == name)
}

fn unknown(name: &str) -> Error {
    Error::bad_request(format!("this version has no setting {name}"))
}

/// Rules about several settings, which must hold after a change.
///
/// # Errors
/// `BadRequest`, naming the rule.
pub(super) fn agree(values: &Values) -> Result<()> {
    if !values.ldap_group_search_filter.is_empty()
        && (values.ldap_group_attribute_name.is_empty() || values.ldap_group_membership_attribute.is_empty())
    {
        return Err(Error::bad_request(
            "bad request: a filter for LDAP groups needs the attributes of their name and of membership",
        ));
    }
    if values.skip_audit_log_database && values.audit_log_forward_endpoint.is_empty() {
        return Err(Error::bad_request(
            "bad request: audit log forward endpoint should be configured before enable skip audit log in database",
        ));
    }
    Ok(())
}
