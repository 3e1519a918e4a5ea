//! Helm charts: documents of the archive, and what a chart depends on. Pure.

use super::archive::{Limits, find_gzipped};
use super::build::{MAX_DOCUMENT, Made, Problem, list_or_null};
use bytes::Bytes;
use haven_oci::{Descriptor, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Today's name of a chart's archive, and the one of helm's first attempts.
const ARCHIVES: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];

/// What helm itself is willing to unpack, and more files than any chart has.
const LIMITS: Limits = Limits { unpacked: 100 << 20, entries: 10_000, document: MAX_DOCUMENT };
/// A list of dependencies is short.
const MAX_REQUIREMENTS: u64 = 256 << 10;

/// Whether the manifest is one of a chart.
pub(super) fn is_chart(manifest: &Manifest) -> bool {
    manifest.effective_artifact_type() == Some(CONFIG)
}

/// The layer with the chart: the one that says so, or else the first that is not the config.
pub(super) fn archive(manifest: &Manifest) -> Option<&Descriptor> {
    let config = manifest.config.as_ref().map(|config| &config.digest);
    let mut layers = manifest.layers.iter().filter(|layer| Some(&layer.digest) != config);
    let named = |layer: &&Descriptor| ARCHIVES.contains(&layer.media_type.as_str());
    layers.clone().find(named).or_else(|| layers.next())
}

/// A file at the top of the chart; empty when there is none.
pub(super) fn document(archive: &[u8], name: &str) -> Made {
    let found = find_gzipped(archive, LIMITS, |path| is_at_top(path, name));
    Made::found(found, Made::Content(Bytes::new()))
}

/// Whether a path is `<chart>/<name>`. A dependency brings files of the same names further down.
fn is_at_top(path: &str, name: &str) -> bool {
    let mut parts = path.split('/').filter(|part| *part != ".");
    let (folder, file, rest) = (parts.next(), parts.next(), parts.next());
    let named = file.is_some_and(|file| file.eq_ignore_ascii_case(name));
    named && rest.is_none() && !matches!(folder, None | Some("" | ".."))
}

/// Where a chart names its dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// In its description, and so in the config.
    Here(Bytes),
    /// In a file of its own, as charts of the first version do.
    InArchive,
}

/// What a chart's config says of its dependencies.
pub(super) fn declared(config: &[u8]) -> Declared {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Chart<'a> {
        api_version: String,
        #[serde(borrow, default)]
        dependencies: Option<&'a RawValue>,
    }
    match serde_json::from_slice::<Chart<'_>>(config) {
        Ok(chart) if chart.api_version == "v2" => Declared::Here(list_or_null(chart.dependencies)),
        _ => Declared::InArchive,
    }
}

/// A chart of the first version's dependencies, from its archive.
pub(super) fn requirements(archive: &[u8]) -> Made {
    let limits = Limits { document: MAX_REQUIREMENTS, ..LIMITS };
    let found = find_gzipped(archive, limits, |path| is_at_top(path, "requirements.yaml"));
    match Made::found(found, Made::Content(Bytes::new())) {
        Made::Content(yaml) => list(&yaml).map_or(Made::Problem(Problem::Unreadable), Made::Content),
        problem @ Made::Problem(_) => problem,
    }
}

#[derive(Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
}

#[derive(Deserialize, Serialize)]
struct Dependency {
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(default)]
    repository: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    condition: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    alias: String,
}

fn list(yaml: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(yaml).ok()?;
    let requirements: Requirements = if text.trim().is_empty() {
        Requirements::default()
    } else {
        // Aliases that multiply would make much of little.
        let options = serde_saphyr::options! {
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
        };
        serde_saphyr::from_str_with_options(text, options).ok()?
    };
    serde_json::to_vec(&requirements.dependencies.unwrap_or_default()).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_charts_own_files_count() {
        for path in ["web/README.md", "./web/readme.md", "web/./ReadMe.MD", "a..b/readme.md"] {
            assert!(is_at_top(path, "readme.md"), "{path}");
        }
        for path in [
            "readme.md",
            "/readme.md",
            "../readme.md",
            "./../readme.md",
            "web/../readme.md",
            "web/charts/db/README.md",
            "//readme.md",
            "web/readme.md/",
            "web/readme.mdx",
            "",
        ] {
            assert!(!is_at_top(path, "readme.md"), "{path}");
        }
    }

    #[test]
    fn dependencies_are_where_the_version_says() {
        let here = |text: &'static str| Declared::Here(Bytes::from_static(text.as_bytes()));
        for (config, declared_as) in [
            (r#"{"apiVersion":"v2","dependencies":[{"name":"db"}]}"#, here(r#"[{"name":"db"}]"#)),
            (r#"{"apiVersion":"v2"}"#, here("null")),
            (r#"{"apiVersion":"v2","dependencies":"all"}"#, here("null")),
            (r#"{"apiVersion":"v1","dependencies":[]}"#, Declared::InArchive),
            (r#"{"apiVersion":2}"#, Declared::InArchive),
            ("no json", Declared::InArchive),
        ] {
            assert_eq!(declared(config.as_bytes()), declared_as, "{config}");
        }
    }

    #[test]
    fn requirements_are_told_as_json() {
        let yaml = "dependencies:\n- name: db\n  version: 1.0\n  repository: https://charts.test\n  odd: 1\n- name: x\n";
        let json = r#"[{"name":"db","version":"1.0","repository":"https://charts.test"},{"name":"x","repository":""}]"#;
        assert_eq!(list(yaml.as_bytes()).unwrap(), json);
        for empty in ["", "dependencies:\n", "dependencies: []", "other: 1"] {
            assert_eq!(list(empty.as_bytes()).unwrap(), "[]", "{empty}");
        }
        assert_eq!(list(b"dependencies: 7"), None);
        assert_eq!(list(b"\xff"), None);
        let mut bomb = "a0: &a0 [x, x]\n".to_owned();
        for n in 1..40 {
            bomb.push_str(&format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1));
        }
        bomb.push_str("dependencies: *a39\n");
        assert_eq!(list(bomb.as_bytes()), None);
    }
}
