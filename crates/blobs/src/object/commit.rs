//! From an upload to a blob: verified first, and visible only as a whole.

use futures::StreamExt;
use haven_oci::Digest;
use object_store::multipart::PartId;
use object_store::path::Path;

use super::ObjectStorage;
use super::failure::{failed, is_part_missing};
use super::read::gone;
use super::state::{Multipart, State, Tail};
use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::upload::{Upload, check_id};

impl ObjectStorage {
    /// See [`crate::BlobStore::commit`].
    pub(super) async fn commit_upload(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        check_id(&upload.id)?;
        let (id, size) = (upload.id.clone(), upload.size);
        let mut state = State::of(&upload)?;
        if upload.algorithm() == digest.algorithm() && !upload.hasher.clone().matches(digest) {
            self.discard_logged(&id, &state).await;
            return Err(Error::mismatch(digest));
        }
        match state.multipart.take() {
            Some(multipart) => self.commit_parts(&upload, multipart, &state.tail, digest).await?,
            None => self.commit_small(&upload, &state, digest).await?,
        }
        self.discard_logged(&id, &state).await;
        Ok(size)
    }

    /// A blob that lies in its place, in the state, or in one object.
    async fn commit_small(&self, upload: &Upload, state: &State, digest: &Digest) -> Result<()> {
        let key = self.keys.blob(digest);
        if matches!(&state.tail, Tail::Placed(placed) if placed == digest) {
            // Whoever removes blobs that nobody needs may have come between two requests.
            let here = upload.fresh || self.certain_size(&key).await? == Some(upload.size);
            return if here { Ok(()) } else { Err(Error::no_upload(&upload.id)) };
        }
        let bytes = match self.tail(&upload.id, &state.tail, upload.size).await {
            Err(error) if error.kind == Kind::NotFound => {
                return self.committed_before(upload, digest, error).await;
            }
            tail => tail?,
        };
        if !upload.hasher.clone().matches(&Digest::of(upload.algorithm(), &bytes)) {
            // What came was hashed on its way there, so this is not the client's doing.
            let context = format!("the storage gives other bytes for upload {} than it was given", upload.id);
            return Err(Error::new(Kind::Unavailable, context));
        }
        if upload.algorithm() != digest.algorithm() && Digest::of(digest.algorithm(), &bytes) != *digest {
            self.discard_logged(&upload.id, state).await;
            return Err(Error::mismatch(digest));
        }
        self.write(&key, bytes.into()).await
    }

    async fn commit_parts(
        &self,
        upload: &Upload,
        mut multipart: Multipart,
        tail: &Tail,
        digest: &Digest,
    ) -> Result<()> {
        let (id, same) = (upload.id.as_str(), upload.algorithm() == digest.algorithm());
        if let Some(target) = &multipart.target
            && target != digest
        {
            // The client has changed its mind about a digest that decided where the parts went.
            tracing::warn!(upload.id = id, %target, %digest, "the upload was begun for another digest");
            return Err(Error::no_upload(id));
        }
        let key = self.keys.blob(digest);
        if same && self.object_size(&key).await? == Some(upload.size) {
            // The blob is here already, or this very commit is repeated because its answer was lost.
            return Ok(());
        }
        self.complete(upload, &mut multipart, tail).await?;
        self.remove(&self.keys.piece(id, &multipart.marker)?).await?;
        if multipart.target.is_some() {
            return Ok(());
        }
        if !same && !self.verify(upload, digest).await? {
            self.clean_up(id).await;
            return Err(Error::mismatch(digest));
        }
        self.copy(id, digest, upload.size).await
    }

    /// Makes one object of the parts; that it was made before is fine.
    async fn complete(&self, upload: &Upload, multipart: &mut Multipart, tail: &Tail) -> Result<()> {
        let id = upload.id.as_str();
        let key = self.target_key(id, multipart.target.as_ref())?;
        let made = match self.last_part(upload, multipart, tail).await {
            Ok(()) => {
                let parts = multipart.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
                let made = self.bucket.multiparts.complete_multipart(&key, &multipart.id, parts).await;
                made.map(drop).map_err(|error| failed(format!("complete multipart of upload {id}"), error))
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => Ok(()),
            // An answer may have been lost, here or before a crash.
            Err(_) if self.is_there(&key, upload.size).await => Ok(()),
            Err(error) if is_part_missing(&error) => {
                tracing::warn!(
                    upload.id = id,
                    error = &error as &dyn std::error::Error,
                    "the storage has other parts than it was sent, so the upload cannot go on"
                );
                Err(Error::no_upload(id))
            }
            Err(error) => Err(gone(id, error)),
        }
    }

    /// Whether there is an object of this size, as far as can be told soon.
    pub(super) async fn is_there(&self, key: &Path, size: u64) -> bool {
        let found = tokio::time::timeout(self.patience.answer, self.object_size(key)).await;
        matches!(found, Ok(Ok(Some(found))) if found == size)
    }

    /// Sends what is too little for a part in the middle.
    async fn last_part(&self, upload: &Upload, multipart: &mut Multipart, tail: &Tail) -> Result<()> {
        let id = upload.id.as_str();
        let bytes = self.tail(id, tail, upload.size.saturating_sub(multipart.size)).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        let key = self.target_key(id, multipart.target.as_ref())?;
        let index = multipart.parts.len();
        let part = self.bucket.multiparts.put_part(&key, &multipart.id, index, bytes.into()).await;
        let part = part.map_err(|error| failed(format!("send part of upload {id}"), error))?;
        multipart.parts.push(part.content_id);
        Ok(())
    }

    /// Whether the object of an upload has the content that a digest of another kind names.
    async fn verify(&self, upload: &Upload, digest: &Digest) -> Result<bool> {
        let id = upload.id.as_str();
        let mut hasher = Hasher::new(digest.algorithm());
        let mut stream = self.stream(&self.keys.whole(id)?, upload.size).await?;
        while let Some(slice) = stream.next().await {
            let slice = slice
                .map_err(|error| Error::with_source(Kind::Unavailable, format!("read upload {id}"), error))?;
            hasher.update(&slice);
            tokio::task::consume_budget().await;
        }
        Ok(hasher.matches(digest))
    }

    /// A commit that is repeated because its answer was lost finds its work done. The hash of the session proves that
    /// the caller had the content.
    async fn committed_before(&self, upload: &Upload, digest: &Digest, otherwise: Error) -> Result<()> {
        let proven = upload.algorithm() == digest.algorithm() && upload.hasher.clone().matches(digest);
        if proven && self.certain_size(&self.keys.blob(digest)).await? == Some(upload.size) {
            return Ok(());
        }
        Err(otherwise)
    }
}
