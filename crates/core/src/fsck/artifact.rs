//! The rows of an artifact against what its manifest says, purely.

use crate::catalog::{Expected, total_size};
use haven_oci::{Descriptor, Digest};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An artifact as its rows tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) id: i64,
    pub(super) project: i64,
    pub(super) repository: i64,
    /// The repository's name.
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) kind: String,
    pub(super) media_type: String,
    pub(super) artifact_type: String,
    pub(super) pushed_as: String,
    pub(super) manifest_size: i64,
    pub(super) size: i64,
    /// JSON.
    pub(super) annotations: String,
    pub(super) accessory: bool,
    /// The manifest.
    pub(super) content: Vec<u8>,
    /// The digests of blobs that it holds.
    pub(super) needs: BTreeSet<String>,
    /// What an index contains, in order.
    pub(super) parts: Vec<Part>,
    /// What it hangs on, and as what.
    pub(super) hangs_on: Vec<(String, String)>,
}

/// A part of an index as its row tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) digest: String,
    /// JSON; empty when absent.
    pub(super) platform: String,
    pub(super) annotations: String,
    pub(super) urls: String,
    /// That of the artifact in the same repository, if it is there.
    pub(super) size: Option<i64>,
}

/// The blobs that the manifest cannot do without, and that the artifact does not hold. Its own is looked for elsewhere.
pub(super) fn missing<'a>(rows: &Rows, expected: &'a Expected) -> Vec<&'a Digest> {
    let required = expected.manifest.required_blobs().map(|blob| &blob.digest);
    let missing: BTreeSet<&Digest> =
        required.filter(|digest| !rows.needs.contains(digest.as_str())).collect();
    missing.into_iter().collect()
}

/// Everything in which they differ, in words; nothing when the rows are right.
pub(super) fn differences(rows: &Rows, expected: &Expected) -> Vec<String> {
    let mut found = Vec::new();
    values(rows, expected, &mut found);
    for digest in missing(rows, expected) {
        found.push(format!("it does not hold the blob {digest}"));
    }
    let named: BTreeSet<&str> = expected.manifest.blobs().map(|blob| blob.digest.as_str()).collect();
    for digest in
        rows.needs.iter().filter(|digest| !named.contains(digest.as_str()) && **digest != rows.digest)
    {
        found.push(format!("it holds the blob {digest}, which the manifest does not name"));
    }
    if !same_parts(&rows.parts, &expected.manifest.manifests) {
        found.push("its parts are not those that the manifest names, in that order".to_owned());
    }
    attachments(rows, expected, &mut found);
    found
}

fn values(rows: &Rows, expected: &Expected, found: &mut Vec<String>) {
    let (manifest, class) = (&expected.manifest, &expected.class);
    for (what, is, should) in [
        ("type", &rows.kind, &class.kind),
        ("media type", &rows.media_type, &class.media_type),
        ("artifact type", &rows.artifact_type, &class.artifact_type),
        ("manifest's media type", &rows.pushed_as, &manifest.media_type),
    ] {
        if is != should {
            found.push(format!("its {what} is {is:?}, by the manifest it is {should:?}"));
        }
    }
    if u64::try_from(rows.manifest_size).ok() != Some(manifest.size) {
        found
            .push(format!("its manifest has {} bytes by its row, and {}", rows.manifest_size, manifest.size));
    }
    let children: Option<Vec<i64>> = rows.parts.iter().map(|part| part.size).collect();
    // As long as parts are missing nobody can tell.
    if let Some(children) = children
        && let Ok(size) = total_size(manifest, children)
        && size != rows.size
        && same_parts(&rows.parts, &manifest.manifests)
    {
        found.push(format!("it has {} bytes by its row, {size} by the manifest", rows.size));
    }
    if read(&rows.annotations) != json!(manifest.annotations) {
        found.push("its annotations are not those of the manifest".to_owned());
    }
}

fn same_parts(parts: &[Part], named: &[Descriptor]) -> bool {
    let some = |value: Value, is_there: bool| if is_there { value } else { Value::Null };
    parts.len() == named.len()
        && parts.iter().zip(named).all(|(part, named)| {
            part.digest == named.digest.as_str()
                && read(&part.platform) == json!(named.platform)
                && read(&part.annotations) == some(json!(named.annotations), !named.annotations.is_empty())
                && read(&part.urls) == some(json!(named.urls), !named.urls.is_empty())
        })
}

fn attachments(rows: &Rows, expected: &Expected, found: &mut Vec<String>) {
    for (subject, kind) in rows.hangs_on.iter().filter(|(subject, kind)| !expected.allows(subject, kind)) {
        found.push(format!("it hangs on {subject} as {kind}, of which the manifest knows nothing"));
    }
    if let Some((subject, kind)) = &expected.subject
        && !rows.hangs_on.iter().any(|(on, as_what)| on == subject.as_str() && as_what == kind)
    {
        found.push(format!("it does not hang on {subject} as {kind}"));
    }
    match (rows.accessory, rows.hangs_on.is_empty()) {
        (true, true) => found.push("it is marked as hanging on another one, and does not".to_owned()),
        (false, false) => found.push("it is not marked as hanging on another one, and does".to_owned()),
        _ => {}
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use haven_oci::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};

    const LAYER: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const CONFIG: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn image() -> (Rows, Expected) {
        let content = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": { "a": "b" },
            "config": { "mediaType": OCI_CONFIG, "digest": CONFIG, "size": 2 },
            "layers": [{ "mediaType": "a/b", "digest": LAYER, "size": 40 }],
            "subject": { "mediaType": OCI_MANIFEST, "digest": LAYER, "size": 1 } });
        let content = content.to_string().into_bytes();
        let rows = Rows {
            digest: "own".into(),
            kind: "IMAGE".into(),
            media_type: OCI_CONFIG.into(),
            artifact_type: OCI_CONFIG.into(),
            pushed_as: OCI_MANIFEST.into(),
            manifest_size: content.len() as i64,
            size: content.len() as i64 + 42,
            annotations: r#"{ "a": "b" }"#.into(),
            accessory: true,
            needs: [LAYER, CONFIG, "own"].map(str::to_owned).into(),
            hangs_on: vec![(LAYER.into(), "subject.accessory".into())],
            content: content.clone(),
            ..Rows::default()
        };
        (rows, Expected::of(OCI_MANIFEST, &content).unwrap())
    }

    /// The words of the only difference that a change makes.
    fn told(change: impl Fn(&mut Rows)) -> String {
        let (mut rows, expected) = image();
        change(&mut rows);
        let mut found = differences(&rows, &expected);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn rows_that_are_right_differ_in_nothing() {
        let (rows, expected) = image();
        assert_eq!(differences(&rows, &expected), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_told() {
        assert!(told(|rows| rows.kind = "CHART".into()).contains("type is \"CHART\""));
        assert!(told(|rows| rows.pushed_as = "x".into()).contains("manifest's media type"));
        assert!(told(|rows| rows.manifest_size = 7).contains("7 bytes by its row"));
        assert!(told(|rows| rows.size += 1).contains("by the manifest"));
        assert!(told(|rows| rows.annotations = String::new()).contains("annotations"));
        assert!(told(|rows| assert!(rows.needs.remove(LAYER))).contains("does not hold"));
        assert!(told(|rows| assert!(rows.needs.insert("other".into()))).contains("does not name"));
        assert!(told(|rows| rows.parts = vec![Part::default()]).contains("its parts"));
        assert!(told(|rows| rows.accessory = false).contains("not marked"));
        assert!(told(|rows| rows.hangs_on.push(("x".into(), "y".into()))).contains("knows nothing"));
    }

    #[test]
    fn the_parts_of_an_index_are_compared_in_order() {
        let part = |digest: &str| {
            json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 5,
            "platform": { "os": "linux", "architecture": "arm64" } })
        };
        let content = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
            "manifests": [part(LAYER), part(CONFIG)] });
        let expected = Expected::of(OCI_INDEX, content.to_string().as_bytes()).unwrap();
        let row = |digest: &str| Part {
            digest: digest.into(),
            platform: r#"{"architecture":"arm64","os":"linux"}"#.into(),
            ..Part::default()
        };
        let named = &expected.manifest.manifests;
        assert!(same_parts(&[row(LAYER), row(CONFIG)], named));
        assert!(!same_parts(&[row(CONFIG), row(LAYER)], named));
        assert!(!same_parts(&[row(LAYER)], named));
        let other = Part { platform: String::new(), ..row(CONFIG) };
        assert!(!same_parts(&[row(LAYER), other], named));
    }
}
