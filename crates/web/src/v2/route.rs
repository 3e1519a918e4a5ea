//! The paths of the distribution API. Split from the right, because repository names contain slashes. Pure.

use haven_core::{Code, Error};
use haven_oci::{Digest, Reference, RepositoryName};
use percent_encoding::percent_decode_str;

/// What a path below `/v2` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Catalog,
    Tags { name: RepositoryName },
    Manifest { name: RepositoryName, reference: Reference },
    Blob { name: RepositoryName, digest: Digest },
    Uploads { name: RepositoryName },
    Upload { name: RepositoryName, id: String },
    Referrers { name: RepositoryName, digest: Digest },
}

/// No path of ours is longer: a name, a digest, and the words between.
const MAX_LENGTH: usize = 1024;

impl Route {
    /// Reads a path, still escaped.
    ///
    /// # Errors
    /// `NameInvalid`, `DigestInvalid`, `TagInvalid`, or `NotFound` when it has no shape of ours.
    pub(super) fn parse(path: &str) -> Result<Self, Error> {
        let unknown = || Error::not_found(format!("path {path} was not found"));
        if path.len() > MAX_LENGTH {
            return Err(unknown());
        }
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        let rest = decoded.strip_prefix("/v2").ok_or_else(unknown)?;
        match rest {
            "" | "/" => return Ok(Self::Base),
            "/_catalog" | "/_catalog/" => return Ok(Self::Catalog),
            _ => {}
        }
        let rest = rest.strip_prefix('/').ok_or_else(unknown)?;
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags { name: repository(name)? });
        }
        if let Some(name) =
            rest.strip_suffix("/blobs/uploads").or_else(|| rest.strip_suffix("/blobs/uploads/"))
        {
            return Ok(Self::Uploads { name: repository(name)? });
        }
        let (rest, last) = rest.rsplit_once('/').ok_or_else(unknown)?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Ok(Self::Upload { name: repository(name)?, id: upload(last)? });
        }
        let (name, noun) = rest.rsplit_once('/').ok_or_else(unknown)?;
        match noun {
            "manifests" => Ok(Self::Manifest { name: repository(name)?, reference: reference(last)? }),
            "blobs" => Ok(Self::Blob { name: repository(name)?, digest: last.parse()? }),
            "referrers" => Ok(Self::Referrers { name: repository(name)?, digest: subject(last)? }),
            _ => Err(unknown()),
        }
    }

    /// The name in metrics and logs.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Base => "v2_others",
            Self::Catalog => "v2_catalog",
            Self::Tags { .. } => "v2_tags",
            Self::Manifest { .. } => "v2_manifest",
            Self::Blob { .. } => "v2_blob",
            Self::Uploads { .. } | Self::Upload { .. } => "v2_blob_upload",
            Self::Referrers { .. } => "v2_referrers",
        }
    }
}

pub(super) fn repository(name: &str) -> Result<RepositoryName, Error> {
    if !name.contains('/') {
        return Err(Error::bad_request(format!("bad request: invalid repository name: {name}")));
    }
    Ok(name.parse()?)
}

fn reference(text: &str) -> Result<Reference, Error> {
    if !text.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Error::not_found("invalid reference format"));
    }
    // A tag nobody could have pushed is simply not there, but whoever pushes it learns what is wrong.
    Ok(text.parse()?)
}

fn subject(text: &str) -> Result<Digest, Error> {
    text.parse().map_err(|_| Error::bad_request(format!("unsupported digest {text}")))
}

/// Ids of ours are UUIDs; anything else cannot be known.
fn upload(text: &str) -> Result<String, Error> {
    let is_id =
        text.len() == 36 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-'));
    if is_id {
        return Ok(text.to_owned());
    }
    Err(Error::new(Code::BlobUploadUnknown, "blob upload unknown to registry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ID: &str = "b5b0c9f2-5d0f-4b39-9a5c-0a1b2c3d4e5f";

    #[test]
    fn paths_are_read_from_the_right() {
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let parse = |path: &str| Route::parse(path).unwrap();
        assert_eq!(parse("/v2"), Route::Base);
        assert_eq!(parse("/v2/_catalog"), Route::Catalog);
        assert_eq!(parse("/v2/a/b/c/tags/list"), Route::Tags { name: name("a/b/c") });
        assert_eq!(
            parse("/v2/a/manifests/manifests/latest"),
            Route::Manifest { name: name("a/manifests"), reference: "latest".parse().unwrap() }
        );
        assert_eq!(
            parse(&format!("/v2/a/b/manifests/sha256%3A{HEX}")),
            Route::Manifest { name: name("a/b"), reference: Reference::Digest(digest.clone()) }
        );
        assert_eq!(
            parse(&format!("/v2/a/blobs/uploads/blobs/sha256:{HEX}")),
            Route::Blob { name: name("a/blobs/uploads"), digest: digest.clone() }
        );
        assert_eq!(parse("/v2/a/b/blobs/uploads/"), Route::Uploads { name: name("a/b") });
        assert_eq!(
            parse(&format!("/v2/a/b/blobs/uploads/{ID}")),
            Route::Upload { name: name("a/b"), id: ID.into() }
        );
        assert_eq!(
            parse(&format!("/v2/a/b/referrers/sha256:{HEX}")),
            Route::Referrers { name: name("a/b"), digest }
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (path, code) in [
            ("/v2/a/b", Code::NotFound),
            ("/v2/a/b/nouns/x", Code::NotFound),
            ("/v2/a/manifests/latest", Code::BadRequest),
            ("/v2/A/b/manifests/latest", Code::NameInvalid),
            ("/v2/a/../b/manifests/latest", Code::NameInvalid),
            ("/v2/a/%2e%2e/manifests/latest", Code::NameInvalid),
            ("/v2/a/b/manifests/.", Code::NotFound),
            ("/v2/a/b/manifests/-x", Code::TagInvalid),
            ("/v2/a/b/manifests/sha256:abc", Code::DigestInvalid),
            ("/v2/a/b/blobs/sha256:abc", Code::DigestInvalid),
            ("/v2/a/b/referrers/latest", Code::BadRequest),
            ("/v2/a/b/blobs/uploads/..%2fx", Code::NotFound),
            ("/v2/a/b/blobs/uploads/nope", Code::BlobUploadUnknown),
            ("/v2/a/b/blobs/%ff", Code::NotFound),
        ] {
            assert_eq!(Route::parse(path).unwrap_err().code, code, "{path}");
        }
        assert_eq!(Route::parse(&format!("/v2/{}", "a/".repeat(600))).unwrap_err().code, Code::NotFound);
    }
}
