//! The media types that have a meaning to a registry.

pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A layer that is never in a registry: its descriptor says where else to get it.
pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The two bytes `{}`, where a manifest must name a blob and has none to name.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub const OCI_NONDISTRIBUTABLE_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
pub const OCI_NONDISTRIBUTABLE_LAYER_GZIP: &str =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
pub const OCI_NONDISTRIBUTABLE_LAYER_ZSTD: &str =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

/// The media type without its parameters: `text/plain; charset=utf-8` is `text/plain`.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a manifest of this type is a list of other manifests.
pub fn is_index(manifest_media_type: &str) -> bool {
    matches!(manifest_media_type, OCI_INDEX | DOCKER_MANIFEST_LIST)
}

/// Whether a document may call something by this type. The form `type/subtype` is not asked for, because artifact
/// types without a slash are in use; what could not stand in a header or a column is refused.
pub(crate) fn is_acceptable(text: &str) -> bool {
    const LONGEST: usize = 255;
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_not_part_of_the_type() {
        for (given, expected) in [
            (OCI_INDEX, OCI_INDEX),
            ("application/json; charset=utf-8", "application/json"),
            (" text/plain ;q=1;x", "text/plain"),
            (";", ""),
            ("", ""),
        ] {
            assert_eq!(essence(given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_type_is_short_visible_ascii() {
        for good in ["application/vnd.x+json", "example", "a/b; c=d", &"x".repeat(255)] {
            assert!(is_acceptable(good), "{good:?}");
        }
        for bad in ["", "a\nb", "a\0", "é/é", &"x".repeat(256)] {
            assert!(!is_acceptable(bad), "{bad:?}");
        }
    }
}
