//! What uploads leave behind: objects below their keys, and multiparts that the service keeps out of sight.
//!
//! No list of multiparts is needed: each is remembered by an object of its upload, and whoever removes that object ends
//! the multipart first. One whose object could not be written, because of a crash in between, has no parts and costs
//! nothing.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::ObjectStorage;
use super::failure::failed;
use super::keys::Keys;
use super::state::State;
use crate::error::{Error, Kind, Result};

impl ObjectStorage {
    /// Removes whatever lies below the key of an upload.
    pub(super) async fn discard(&self, id: &str) -> Result<()> {
        let prefix = self.keys.upload(id)?;
        let context = || format!("list upload {id}");
        let objects: Vec<ObjectMeta> = self
            .bucket
            .objects
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(|error| failed(context(), error))?;
        for object in objects {
            if Keys::is_marker(&object.location) {
                self.end_multipart(id, &object.location).await?;
            }
            self.remove(&object.location).await?;
        }
        Ok(())
    }

    /// Cleans up after an upload whose fate is decided; what remains is for the sweep.
    pub(super) async fn discard_logged(&self, id: &str, state: &State) {
        if (state.littered || state.multipart.is_some())
            && let Err(error) = self.discard(id).await
        {
            tracing::warn!(upload.id = id, error = &error as &dyn std::error::Error, "upload not cleaned up");
        }
    }

    /// Ends the multipart that a marker remembers, unless it ended by itself.
    async fn end_multipart(&self, id: &str, marker: &Path) -> Result<()> {
        let note = match self.fetch(marker).await {
            Err(error) if error.kind == Kind::NotFound => return Ok(()),
            note => note?,
        };
        let note = String::from_utf8_lossy(&note);
        let mut lines = note.lines();
        let multipart = lines.next().unwrap_or_default().to_owned();
        let target = lines.next().and_then(|digest| digest.parse().ok());
        let key = self.target_key(id, target.as_ref())?;
        match self.bucket.multiparts.abort_multipart(&key, &multipart).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(format!("abort multipart of upload {id}"), error)),
        }
    }

    /// Removes an object; an absent one is fine.
    pub(super) async fn remove(&self, key: &Path) -> Result<()> {
        match self.bucket.objects.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(format!("remove {key}"), error)),
        }
    }

    /// See [`crate::BlobStore::sweep`].
    pub(super) async fn sweep_uploads(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        // What is written now shows what time it is there, as exactly as the list has it.
        self.probe().await?;
        let (written, now) = self.written_uploads().await?;
        let old = |last: &SystemTime| now?.duration_since(*last).ok().filter(|age| *age >= older_than);
        let mut swept = 0;
        for (id, _) in written.iter().filter(|(id, last)| old(last).is_some() && !known.contains(*id)) {
            self.discard(id).await?;
            swept += 1;
        }
        Ok(swept)
    }

    /// When each upload that has objects was last written to, and when the probe was.
    pub(super) async fn written_uploads(&self) -> Result<(HashMap<String, SystemTime>, Option<SystemTime>)> {
        let context = |error| failed("list uploads", error);
        let (probe, mut probed) = (self.keys.probe(), None);
        let mut written: HashMap<String, SystemTime> = HashMap::new();
        let mut objects = self.bucket.objects.list(Some(&self.keys.uploads()));
        while let Some(object) = objects.next().await {
            let object = object.map_err(context)?;
            let modified = object.last_modified.into();
            if object.location == probe {
                probed = Some(modified);
            }
            let Some(id) = self.keys.id_of(&object.location) else { continue };
            let last = written.entry(id).or_insert(modified);
            *last = (*last).max(modified);
        }
        Ok((written, probed))
    }

    /// Writes something small.
    pub(super) async fn probe(&self) -> Result<()> {
        match self.write(&self.keys.probe(), "probe".into()).await {
            // Only a bucket can be missing here.
            Err(error) if error.kind == Kind::NotFound => {
                Err(Error::with_source(Kind::Unavailable, "the bucket does not exist", error))
            }
            outcome => outcome,
        }
    }
}
