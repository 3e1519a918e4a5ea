//! What uploads leave behind: objects below their keys, and multiparts that the service keeps out of sight.
//!
//! No list of multiparts is needed: each is remembered by an object of its upload, and whoever removes that object ends
//! the multipart first. One whose object could not be written, because of a crash in between, has no parts and costs
//! nothing.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{MultipartId, ObjectMeta, ObjectStoreExt};
use tokio::time::{Instant, timeout};

use super::ObjectStorage;
use super::failure::{failed, failed_to_make, is_cut, is_refused};
use super::keys::Keys;
use super::state::State;
use crate::error::{Error, Kind, Result};

/// What is only tidying up keeps nobody waiting for longer.
const BRIEF: Duration = Duration::from_secs(5);
/// After so many uploads that could not be removed, the fault is hardly theirs.
const MOST_FAILURES: usize = 3;

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
                self.end_remembered(id, &object).await?;
            }
            self.remove(&object.location).await?;
        }
        Ok(())
    }

    /// Cleans up after an upload whose fate is decided; what remains is for the sweep.
    pub(super) async fn discard_logged(&self, id: &str, state: &State) {
        if state.littered || state.multipart.is_some() {
            self.clean_up(id).await;
        }
    }

    /// As [`Self::discard`], unless it fails or takes long.
    pub(super) async fn clean_up(&self, id: &str) {
        if let Err(error) = self.briefly(self.discard(id)).await {
            tracing::warn!(upload.id = id, error = &error as &dyn std::error::Error, "upload not cleaned up");
        }
    }

    /// Work that somebody waits for and whose outcome matters to nobody.
    pub(super) async fn briefly<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |error| Error::with_source(Kind::Unavailable, "clean up", error);
        timeout(BRIEF.min(self.patience.answer), work).await.map_err(late)?
    }

    /// Ends the multipart that a marker remembers.
    async fn end_remembered(&self, id: &str, marker: &ObjectMeta) -> Result<()> {
        let note = match self.fetch(&marker.location, marker.size).await {
            Err(error) if error.kind == Kind::NotFound => return Ok(()),
            note => note?,
        };
        let note = String::from_utf8_lossy(&note);
        let mut lines = note.lines();
        let multipart = lines.next().unwrap_or_default().to_owned();
        let target = lines.next().and_then(|digest| digest.parse().ok());
        let key = self.target_key(id, target.as_ref())?;
        self.end_multipart(id, &key, &multipart).await
    }

    /// Ends a multipart, unless it ended by itself.
    ///
    /// Services refuse this alone where their policy leaves it to a rule of the bucket, and some refuse it for a multipart
    /// that they no longer know. Asking again would change neither, so that only the log tells. Where the credentials are
    /// refused altogether, so is the removal of the marker, which comes next, and the multipart stays remembered.
    pub(super) async fn end_multipart(&self, id: &str, key: &Path, multipart: &MultipartId) -> Result<()> {
        if !self.parts_are_private() {
            return self.end_parts(id, key, multipart).await;
        }
        let ended = self.again(|| self.bucket.multiparts.abort_multipart(key, multipart)).await;
        match absent_is_fine(ended, || format!("abort multipart of upload {id}")) {
            Err(error) if is_refused(&error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    upload.id = id,
                    multipart,
                    error,
                    "the storage does not let a multipart be ended"
                );
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Ends all parts that were sent to the upload's own key. Azure has no request for that and keeps them for a week, but
    /// of those to one key only what an object is made of outlasts the making, and this one is made of none.
    async fn end_parts(&self, id: &str, key: &Path, multipart: &MultipartId) -> Result<()> {
        // No parts are sent to the key of a blob, whose bytes this would take.
        if *key != self.keys.whole(id)? {
            return Ok(());
        }
        let made = self.bucket.multiparts.complete_multipart(key, multipart, Vec::new()).await;
        made.map_err(|error| failed_to_make(format!("end parts of upload {id}"), error))?;
        self.remove(key).await
    }

    /// Removes an object; an absent one is fine.
    pub(super) async fn remove(&self, key: &Path) -> Result<()> {
        let removed = self.again(|| self.bucket.objects.delete(key)).await;
        absent_is_fine(removed, || format!("remove {key}"))
    }

    /// Asks once more when the connection broke. The library does so only for requests of which it knows that twice is
    /// once.
    pub(super) async fn again<T, F>(&self, ask: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let began = Instant::now();
        match ask().await {
            Err(failure)
                if is_cut(&failure)
                    && self.patience.retries > 0
                    && began.elapsed() < self.patience.answer =>
            {
                ask().await
            }
            outcome => outcome,
        }
    }

    /// See [`crate::BlobStore::sweep`].
    pub(super) async fn sweep_uploads(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        let (mut swept, mut failures) = (0, Vec::new());
        for id in self.abandoned(older_than, known).await? {
            match self.discard(&id).await {
                Ok(()) => swept += 1,
                // What cannot be removed must not protect the others.
                Err(error) => failures.push(error),
            }
            if failures.len() >= MOST_FAILURES {
                break;
            }
        }
        failures.into_iter().next().map_or(Ok(swept), Err)
    }

    /// Uploads that are not known and have not changed for so long.
    async fn abandoned(&self, older_than: Duration, known: &HashSet<String>) -> Result<Vec<String>> {
        // What is written now shows what time it is there, as exactly as the list has it.
        self.probe().await?;
        let (mut written, now) = self.written_uploads().await?;
        let old = |last: &SystemTime| now?.duration_since(*last).ok().filter(|age| *age >= older_than);
        written.retain(|id, last| old(last).is_some() && !known.contains(id));
        Ok(written.into_keys().collect())
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
        self.write(&self.keys.probe(), "probe".into()).await
    }
}

fn absent_is_fine(removed: object_store::Result<()>, context: impl Fn() -> String) -> Result<()> {
    match removed.map_err(|failure| failed(context(), failure)) {
        Err(error) if error.kind == Kind::NotFound => Ok(()),
        outcome => outcome,
    }
}
