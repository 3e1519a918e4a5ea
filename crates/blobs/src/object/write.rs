//! One `append`: from where the upload stands to where it stands afterwards, whatever happens between.

use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::ObjectStorage;
use super::failure::failed_to_make;
use super::intake::Intake;
use super::read::gone;
use super::state::{State, Tail};
use crate::error::{Error, Kind, Result};
use crate::store::ByteStream;
use crate::upload::{Upload, check_id};

impl ObjectStorage {
    /// See [`crate::BlobStore::append`].
    pub(super) async fn append_body(
        &self,
        upload: &mut Upload,
        mut body: ByteStream,
        limit: Option<u64>,
    ) -> Result<u64> {
        check_id(&upload.id)?;
        let state = State::of(upload)?;
        // The last request of a push brings no bytes as a rule, and then it needs none that came before.
        let first = loop {
            match body.next().await {
                None => return Ok(upload.size),
                Some(Err(error)) => return Err(Error::interrupted(&upload.id, error)),
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => break chunk,
            }
        };
        let body = stream::once(async { Ok(first) }).chain(body).boxed();
        let mut intake = Intake::begin(self, upload, state).await?;
        let outcome = intake.run(body, limit.map(|limit| (limit.saturating_sub(upload.size), limit))).await;
        match &outcome {
            Err(error) if error.kind == Kind::TooLarge => {
                intake.forget().await;
                return outcome.map(|()| upload.size);
            }
            // Nothing is on its way, and a storage that has just failed is not asked to keep what there is.
            Err(error) if error.kind != Kind::Interrupted && !intake.is_sending() => {
                return outcome.map(|()| upload.size);
            }
            _ => {}
        }
        let kept = intake.keep(upload, outcome.is_ok()).await;
        // That the storage fails is worth more to know than that the client went away.
        kept.and(outcome).map(|()| upload.size)
    }

    /// The bytes after the last part, of which there are `size`.
    pub(super) async fn tail(&self, id: &str, tail: &Tail, size: u64) -> Result<Bytes> {
        let key = match tail {
            Tail::Inline(bytes) => return Ok(bytes.clone()),
            Tail::Staged(name) => self.keys.piece(id, name)?,
            Tail::Placed(digest) => self.keys.blob(digest),
        };
        self.fetch(&key, size).await.map_err(|error| gone(id, error))
    }

    /// Writes an object at once.
    pub(super) async fn write(&self, key: &Path, payload: PutPayload) -> Result<()> {
        let written = self.bucket.objects.put(key, payload).await;
        written.map(drop).map_err(|error| failed_to_make(format!("write {key}"), error))
    }
}
