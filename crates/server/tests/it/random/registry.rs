//! Requests of the distribution API, right in most parts.

use super::dice::Dice;
use super::pool::{Pool, REPOSITORIES};
use super::requests::{Asked, any_method, escape};
use haven_testkit::{Image, image};
use http::Method;
use serde_json::Value;

/// A request of the distribution API.
pub(crate) fn registry(dice: &mut Dice, pool: &Pool) -> Asked {
    let name = match dice.below(8) {
        0 => dice.odd_text(),
        _ => format!("{}/{}", pool.known(dice, "project_name"), dice.pick(&REPOSITORIES)),
    };
    let name = escape(dice, &name).replace("%2F", "/");
    let digest = match dice.below(6) {
        0 => dice.odd_text(),
        1 => pool.known(dice, "digest"),
        _ => pool.known(dice, "blob"),
    };
    let reference = if dice.one_in(8) { dice.odd_text() } else { pool.reference(dice) };
    let (digest, reference) = (escape(dice, &digest), escape(dice, &reference));
    let upload = match pool.uploads.as_slice() {
        [] => format!("/v2/{name}/blobs/uploads/b5b0c9f2-5d0f-4b39-9a5c-0a1b2c3d4e5f"),
        open => dice.pick(open).clone(),
    };
    let join = if upload.contains('?') { '&' } else { '?' };
    let source = pool.repository(dice);
    let mount = escape(dice, &source);
    let targets = [
        (Method::GET, "/v2/".to_owned()),
        (Method::GET, format!("/v2/_catalog?n={}&last={name}", dice.odd_number())),
        (Method::GET, format!("/v2/{name}/tags/list?n={}&last={reference}", dice.odd_number())),
        (Method::GET, format!("/v2/{name}/manifests/{reference}")),
        (Method::HEAD, format!("/v2/{name}/manifests/{reference}")),
        (Method::PUT, format!("/v2/{name}/manifests/{reference}")),
        (Method::PUT, format!("/v2/{name}/manifests/new{}", dice.below(20))),
        (Method::DELETE, format!("/v2/{name}/manifests/{reference}")),
        (Method::GET, format!("/v2/{name}/blobs/{digest}")),
        (Method::HEAD, format!("/v2/{name}/blobs/{digest}")),
        (Method::DELETE, format!("/v2/{name}/blobs/{digest}")),
        (Method::GET, format!("/v2/{name}/referrers/{digest}?artifactType={reference}")),
        (Method::POST, format!("/v2/{name}/blobs/uploads/")),
        (Method::POST, format!("/v2/{name}/blobs/uploads/?mount={digest}&from={mount}")),
        (Method::POST, format!("/v2/{name}/blobs/uploads/?mount={digest}")),
        (Method::POST, format!("/v2/{name}/blobs/uploads/?digest={digest}")),
        (Method::GET, upload.clone()),
        (Method::PATCH, upload.clone()),
        (Method::PUT, format!("{upload}{join}digest={digest}")),
        (Method::DELETE, upload),
        (Method::GET, format!("/v2/{name}/{reference}")),
    ];
    let (method, target) = targets[dice.below(targets.len())].clone();
    let method = if dice.one_in(40) { any_method(dice) } else { method };
    with_content(dice, pool, Asked::new("registry", method, target))
}

/// Adds a body, and headers about parts of one.
fn with_content(dice: &mut Dice, pool: &Pool, mut asked: Asked) -> Asked {
    if asked.target.contains("/manifests/") && asked.method == Method::PUT {
        let made = manifest(dice, pool);
        asked = asked.with("content-type", made.media_type);
        asked.body = made.manifest;
    } else if !matches!(asked.method, Method::GET | Method::HEAD) && dice.one_in(2) {
        asked.body = b"more".repeat(dice.below(3000));
    }
    if dice.one_in(6) {
        let value = *dice.pick(&[
            "bytes=0-1",
            "bytes=-1",
            "bytes=5-1",
            "bytes=0-18446744073709551615",
            "bytes=0-1,3-4",
            "0-3",
        ]);
        asked = asked.with("range", value);
    }
    if dice.one_in(6) {
        let value = *dice.pick(&["0-3", "0-0", "4-7", "9-1", "0-18446744073709551615", "bytes 0-3/4", "x"]);
        asked = asked.with("content-range", value);
    }
    asked
}

/// A manifest of what is there, of what is not, or none at all.
fn manifest(dice: &mut Dice, pool: &Pool) -> Image {
    let kind = match dice.below(8) {
        0 => dice.odd_text(),
        1 => "application/vnd.docker.distribution.manifest.v2+json".to_owned(),
        2 => "application/vnd.docker.distribution.manifest.v1+prettyjws".to_owned(),
        3 => "application/vnd.oci.image.index.v1+json".to_owned(),
        _ => "application/vnd.oci.image.manifest.v1+json".to_owned(),
    };
    let part = |dice: &mut Dice, name: &str, kind: &str| {
        let digest = if dice.one_in(5) { dice.odd_text() } else { pool.known(dice, name) };
        serde_json::json!({ "mediaType": kind, "digest": digest, "size": dice.odd_number() })
    };
    let manifest = match dice.below(6) {
        0 => image("kept").manifest,
        1 => dice.odd_text().into_bytes(),
        2 => {
            let children: Vec<Value> = (0..dice.below(4)).map(|_| part(dice, "digest", &kind)).collect();
            serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "manifests": children })
                .to_string()
                .into_bytes()
        }
        _ => {
            let layers: Vec<Value> = (0..dice.below(4))
                .map(|_| part(dice, "blob", "application/vnd.oci.image.layer.v1.tar"))
                .collect();
            let mut made = serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "layers": layers,
                "config": part(dice, "blob", "application/vnd.oci.image.config.v1+json"),
                "annotations": { dice.odd_text(): dice.odd_text() } });
            if dice.one_in(3) {
                made["subject"] = part(dice, "digest", &kind);
                made["artifactType"] = dice.odd_text().into();
            }
            made.to_string().into_bytes()
        }
    };
    Image { media_type: kind, manifest, blobs: Vec::new() }
}
