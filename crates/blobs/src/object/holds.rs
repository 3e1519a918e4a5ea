//! Whether the storage still has what the state of an upload speaks of.
//!
//! Parts are out of sight: no list of objects shows them. S3 can be asked for them; a rule of the bucket may have ended
//! the multipart, for instance. Elsewhere the object that remembers the multipart stands for it.

use std::collections::BTreeSet;

use object_store::path::Path;
use object_store::signer::Method;

use super::ObjectStorage;
use super::request::Signed;
use super::state::{Multipart, State, Tail};
use crate::error::{Kind, Result};
use crate::upload::Upload;

const TRIES: u32 = 3;

impl ObjectStorage {
    /// See [`crate::BlobStore::holds`].
    pub(super) async fn holds_upload(&self, upload: &Upload) -> Result<bool> {
        let state = State::of(upload)?;
        if self.holds_tail(upload, &state).await? && self.holds_parts(upload, &state).await? {
            return Ok(true);
        }
        let Some(digest) = upload.became() else { return Ok(false) };
        Ok(self.object_size(&self.keys.blob(&digest)).await? == Some(upload.size))
    }

    async fn holds_tail(&self, upload: &Upload, state: &State) -> Result<bool> {
        let key = match &state.tail {
            Tail::Inline(_) => return Ok(true),
            Tail::Staged(name) => self.keys.piece(&upload.id, name)?,
            Tail::Placed(digest) => self.keys.blob(digest),
        };
        Ok(self.object_size(&key).await? == Some(upload.size - state.in_parts()))
    }

    async fn holds_parts(&self, upload: &Upload, state: &State) -> Result<bool> {
        let Some(multipart) = &state.multipart else { return Ok(true) };
        let key = self.target_key(&upload.id, multipart.target.as_ref())?;
        // A commit that broke off may have made one object of them, the tail included.
        if self.object_size(&key).await? == Some(upload.size) {
            return Ok(true);
        }
        match self.parts_there(&key, &multipart.id).await? {
            Some(there) => Ok((1..=multipart.parts.len()).all(|number| there.contains(&number))),
            None => self.is_remembered(&upload.id, multipart).await,
        }
    }

    async fn is_remembered(&self, id: &str, multipart: &Multipart) -> Result<bool> {
        Ok(self.object_size(&self.keys.piece(id, &multipart.marker)?).await?.is_some())
    }

    /// The numbers of the parts that the service has; nothing where it cannot be asked or does not say.
    async fn parts_there(&self, key: &Path, id: &str) -> Result<Option<BTreeSet<usize>>> {
        let mut there = BTreeSet::new();
        let mut tries = 0;
        loop {
            let (Some(http), Some(signer)) = (&self.bucket.http, &self.bucket.signer) else {
                return Ok(None);
            };
            let after = there.last().copied().unwrap_or(0);
            let mut query = vec![("uploadId", id.to_owned())];
            query.extend((after > 0).then(|| ("part-number-marker", after.to_string())));
            let context = format!("list parts of {key}");
            let request = Signed { method: Method::GET, key, query, headers: Vec::new(), context };
            tries += 1;
            let answer = match request.send(http, signer.as_ref()).await {
                Err(error) if error.kind == Kind::Unavailable && tries < TRIES => continue,
                answer => answer?,
            };
            match answer.status.as_u16() {
                200 => {}
                404 => return Ok(Some(BTreeSet::new())),
                // It takes a right of its own, and not every service has the request.
                400..500 => return Ok(None),
                _ if tries < TRIES => continue,
                _ => return Err(answer.refused()),
            }
            there.extend(numbers(&answer.text));
            if !answer.text.contains("<IsTruncated>true") || there.last() == Some(&after) {
                return Ok(Some(there));
            }
            tries = 0;
        }
    }
}

/// The numbers in `<Part><PartNumber>1</PartNumber>…`.
fn numbers(answer: &str) -> impl Iterator<Item = usize> {
    let after = answer.split("<PartNumber>").skip(1);
    after.filter_map(|text| text.split_once('<')?.0.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn numbers_of_parts_are_read() {
        let answer = "<ListPartsResult><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>12\
            </NextPartNumberMarker><Part><PartNumber>3</PartNumber><Size>5</Size></Part><Part>\
            <PartNumber> 12 </PartNumber></Part></ListPartsResult>";
        assert_eq!(numbers(answer).collect::<Vec<_>>(), [3, 12]);
        assert_eq!(numbers("<Error/>").count(), 0);
    }
}
