//! Descriptors: what a manifest says of the content that it points to.

use std::collections::BTreeMap;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::media_type;

/// A pointer to content. The embedded `data` of the specification is not kept: the content is read by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(deserialize_with = "named_type")]
    pub media_type: String,
    pub digest: Digest,
    #[serde(deserialize_with = "size")]
    pub size: u64,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, deserialize_with = "optional_type", skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// What an image runs on. Tools leave out what they do not know, so nothing is required here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    #[serde(default, deserialize_with = "or_default")]
    pub architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    pub os: String,
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Reads `null`, which Go writes for an empty list or map, as nothing.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an artifact type; `null` and the empty text say that there is none.
pub(crate) fn optional_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if media_type::is_acceptable(&text) => Ok(Some(text)),
        Some(_) => Err(D::Error::custom("artifactType is not a media type")),
    }
}

fn named_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if media_type::is_acceptable(&text) {
        return Ok(text);
    }
    Err(D::Error::custom("mediaType is not a media type"))
}

/// Sizes are signed 64-bit numbers in the specification, in every client and in the database.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = i64::deserialize(deserializer)?;
    u64::try_from(size).map_err(|_| D::Error::custom("size is negative"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(value: Value) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn everything_that_is_kept_is_written_again() {
        let full = json!({
            "mediaType": "a/b", "digest": DIGEST, "size": 7, "urls": ["https://x/y"], "annotations": {"k": "v"},
            "platform": {"architecture": "arm64", "os": "linux", "os.version": "1", "os.features": ["f"], "variant": "v8"},
            "artifactType": "c/d",
        });
        assert_eq!(serde_json::to_value(read(full.clone()).unwrap()).unwrap(), full);
        let least = json!({"mediaType": "a/b", "digest": DIGEST, "size": 0});
        assert_eq!(serde_json::to_value(read(least.clone()).unwrap()).unwrap(), least);
    }

    #[test]
    fn null_and_unknown_fields_are_nothing() {
        let descriptor = read(json!({
            "mediaType": "a/b", "digest": DIGEST, "size": 1, "urls": null, "annotations": null, "platform": null,
            "artifactType": null, "data": "e30=", "future": [1],
        }));
        let least = read(json!({"mediaType": "a/b", "digest": DIGEST, "size": 1, "artifactType": ""}));
        assert_eq!(descriptor.unwrap(), least.unwrap());
        let platform: Platform =
            serde_json::from_value(json!({"os": null, "os.features": null, "features": ["x"]})).unwrap();
        assert_eq!(platform, Platform::default());
    }

    #[test]
    fn what_is_required_must_be_there_and_be_sound() {
        let good = json!({"mediaType": "a/b", "digest": DIGEST, "size": 1});
        for (field, bad) in [
            ("mediaType", json!(null)),
            ("mediaType", json!("")),
            ("mediaType", json!("x".repeat(256))),
            ("digest", json!("sha256:1")),
            ("digest", json!(null)),
            ("size", json!(-1)),
            ("size", json!(1.5)),
            ("size", json!("1")),
            ("size", json!(u64::MAX)),
            ("urls", json!("https://x")),
            ("annotations", json!({"k": 1})),
            ("artifactType", json!("a\nb")),
        ] {
            let mut value = good.clone();
            value[field] = bad.clone();
            assert!(read(value).is_err(), "{field} {bad}");
        }
        for field in ["mediaType", "digest", "size"] {
            let mut value = good.clone();
            value.as_object_mut().unwrap().remove(field);
            assert!(read(value).is_err(), "without {field}");
        }
    }
}
