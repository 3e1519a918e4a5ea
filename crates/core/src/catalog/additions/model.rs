//! AI models in the format of the CNCF: documents among the layers, and the tree of files. Pure.

use super::archive::{Limits, find};
use super::build::{MAX_DOCUMENT, Made, Problem};
use bytes::Bytes;
use haven_oci::{Descriptor, Digest, Manifest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PATH: &str = "org.cncf.model.filepath";
const RAW: &str = "application/vnd.cncf.model.doc.v1.raw";
const TAR: &str = "application/vnd.cncf.model.doc.v1.tar";

/// One file, packed.
const LIMITS: Limits = Limits { unpacked: 8 << 20, entries: 1_000, document: MAX_DOCUMENT };
/// The tree is drawn level by level by whoever shows it; nobody's model is deeper or has more files.
const MAX_DEPTH: usize = 32;
const MAX_ENTRIES: usize = 20_000;

/// The layer with the model's description.
pub(super) fn readme(manifest: &Manifest) -> Option<&Descriptor> {
    document_at(manifest, &["README.md", "README"])
}

/// The layer with its license.
pub(super) fn license(manifest: &Manifest) -> Option<&Descriptor> {
    document_at(manifest, &["LICENSE", "LICENSE.txt"])
}

fn document_at<'a>(manifest: &'a Manifest, paths: &[&str]) -> Option<&'a Descriptor> {
    let is_document = |layer: &&Descriptor| matches!(layer.media_type.as_str(), RAW | TAR);
    let path = |layer: &Descriptor| layer.annotations.get(PATH).cloned().unwrap_or_default();
    manifest.layers.iter().filter(is_document).find(|layer| paths.contains(&path(layer).as_str()))
}

/// The text of a document's layer.
pub(super) fn document(manifest: &Manifest, digest: &Digest, bytes: &[u8]) -> Made {
    let layer = manifest.layers.iter().find(|layer| layer.digest == *digest);
    if layer.is_some_and(|layer| layer.media_type == RAW) {
        return Made::Content(Bytes::copy_from_slice(bytes));
    }
    Made::found(find(bytes, LIMITS, |_| true), Made::Problem(Problem::Missing))
}

#[derive(Default)]
struct Folder {
    folders: BTreeMap<String, Folder>,
    /// With their sizes.
    files: BTreeMap<String, u64>,
}

/// The files of a model as a tree: folders before files, each by name. A path that leads out of the model or goes too
/// deep is left out.
pub(super) fn files(manifest: &Manifest) -> Bytes {
    let mut root = Folder::default();
    let mut entries = 0;
    for layer in &manifest.layers {
        let Some(parts) = layer.annotations.get(PATH).and_then(|path| parts(path)) else { continue };
        entries += parts.len();
        if entries > MAX_ENTRIES {
            break;
        }
        root.add(&parts, layer.size);
    }
    root.list().to_string().into()
}

fn parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let sound = (1..=MAX_DEPTH).contains(&parts.len())
        && parts.iter().all(|part| *part != ".." && part.len() <= 255 && !part.contains('\0'));
    sound.then_some(parts)
}

impl Folder {
    fn add(&mut self, parts: &[&str], size: u64) {
        match parts {
            [] => {}
            [file] => {
                self.files.insert((*file).to_owned(), size);
            }
            [folder, rest @ ..] => self.folders.entry((*folder).to_owned()).or_default().add(rest, size),
        }
    }

    /// At most [`MAX_DEPTH`] deep.
    fn list(&self) -> Value {
        let folders = self
            .folders
            .iter()
            .map(|(name, folder)| json!({ "name": name, "type": "directory", "children": folder.list() }));
        let files =
            self.files.iter().map(|(name, size)| json!({ "name": name, "type": "file", "size": size }));
        folders.chain(files).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use haven_oci::media_type;
    use proptest::prelude::*;

    /// A model whose layers are files at these paths.
    fn model(paths: &[&str]) -> Manifest {
        let layer = |(n, path): (usize, &&str)| {
            let digest = Digest::sha256(path.as_bytes());
            json!({ "mediaType": RAW, "digest": digest, "size": n + 1, "annotations": { PATH: path } })
        };
        let layers: Vec<Value> = paths.iter().enumerate().map(layer).collect();
        let config = json!({ "mediaType": "a/b", "digest": Digest::sha256(b"{}"), "size": 2 });
        let document = json!({ "schemaVersion": 2, "config": config, "layers": layers });
        Manifest::parse(media_type::OCI_MANIFEST, document.to_string().as_bytes()).unwrap()
    }

    fn tree(paths: &[&str]) -> Value {
        serde_json::from_slice(&files(&model(paths))).unwrap()
    }

    #[test]
    fn files_are_told_as_a_tree() {
        let shown = tree(&["z.bin", "a.txt", "w/2.bin", "./w/1.bin", "w//deep/x", "w"]);
        let file = |name: &str, size: u64| json!({ "name": name, "type": "file", "size": size });
        let folder =
            |name: &str, children: Value| json!({ "name": name, "type": "directory", "children": children });
        let deep = folder("deep", json!([file("x", 5)]));
        let w = folder("w", json!([deep, file("1.bin", 4), file("2.bin", 3)]));
        assert_eq!(shown, json!([w, file("a.txt", 2), file("w", 6), file("z.bin", 1)]));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_left_out() {
        let long = "x".repeat(256);
        let deep = "a/".repeat(33);
        assert_eq!(tree(&["../x", "a/../../b", "..", "", "/", &long, &deep, "a/.."]), json!([]));
        assert_eq!(tree(&["/etc/passwd"])[0]["name"], "etc", "a name like any other");
    }

    #[test]
    fn documents_are_found_by_their_place() {
        let model = model(&["docs/README.md", "README", "LICENSE.txt"]);
        assert_eq!(readme(&model).unwrap().size, 2);
        assert_eq!(license(&model).unwrap().size, 3);
        assert_eq!(document(&model, &model.layers[1].digest, b"# Model"), Made::Content("# Model".into()));
    }

    proptest! {
        #[test]
        fn any_path_is_survived(paths in prop::collection::vec("[a-c./\\\\\u{0}é]{0,80}", 0..8)) {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let shown = tree(&paths).to_string();
            prop_assert!(!shown.contains("\"..\""));
        }
    }
}
