//! A multipart under way: its parts travel side by side while the client still sends.

use std::sync::Arc;

use haven_oci::Digest;
use object_store::PutPayload;
use object_store::multipart::PartId;
use object_store::path::Path;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;

use super::ObjectStorage;
use super::failure::{failed, failed_to_make};
use super::keys::Keys;
use super::state::Multipart;
use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;

/// Bytes of parts that one upload has on their way.
const IN_FLIGHT: u64 = 24 << 20;
/// MiB of parts that all uploads together have on their way while more of them is collected. One upload alone has three
/// parts on their way; many at once wait for one before they collect the next.
pub(super) const SPARE: usize = 48;
/// No service takes more.
const MOST_PARTS: usize = 10_000;

/// How large the part of this index is, unless the configuration says so: the first 2,000 hold 8 MiB, the next 2,000
/// twice as much and all others 32 MiB, so that 10,000 parts hold 234 GiB.
pub(super) fn part_size(fixed: Option<u64>, index: usize) -> u64 {
    let grown = match index {
        0..2_000 => 8 << 20,
        2_000..4_000 => 16 << 20,
        _ => 32 << 20,
    };
    fixed.unwrap_or(grown)
}

/// Sends parts and knows which of them have arrived.
pub(super) struct Sender {
    storage: ObjectStorage,
    upload: String,
    key: Path,
    multipart: Multipart,
    sent: Vec<Sent>,
    flight: JoinSet<(usize, object_store::Result<PartId>)>,
    failure: Option<Error>,
}

/// One part that was sent.
struct Sent {
    size: u64,
    /// The hash of everything up to its end.
    hasher: Hasher,
    id: Option<String>,
}

/// What has arrived without a gap.
pub(super) struct Arrived {
    pub(super) multipart: Multipart,
    /// The hash of all of it; none if no new part has arrived.
    pub(super) hasher: Option<Hasher>,
    pub(super) failure: Option<Error>,
}

impl ObjectStorage {
    /// Begins a multipart, and remembers it where any replica can find it.
    pub(super) async fn begin_multipart(&self, id: &str, target: Option<Digest>) -> Result<Multipart> {
        let key = self.target_key(id, target.as_ref())?;
        // The second answer counts: one that begins without it has no parts.
        let created = self.again(|| self.bucket.multiparts.create_multipart(&key)).await;
        let multipart =
            created.map_err(|error| failed_to_make(format!("begin multipart of upload {id}"), error))?;
        let marker = Keys::marker(&random());
        let note = format!("{multipart}\n{}\n", target.as_ref().map(Digest::as_str).unwrap_or_default());
        let note_key = self.keys.piece(id, &marker)?;
        if let Err(error) = self.write(&note_key, note.into()).await {
            // Where this fails too, an empty multipart is left, and perhaps its note. Where parts belong to a key, nothing was
            // begun, and nobody waits for a note.
            let undo = async {
                self.end_multipart(id, &key, &multipart).await?;
                self.remove(&note_key).await
            };
            if self.parts_are_private() {
                let _ = self.briefly(undo).await;
            }
            return Err(error);
        }
        Ok(Multipart { id: multipart, marker, target, parts: Vec::new(), size: 0 })
    }

    /// The key that a multipart makes.
    pub(super) fn target_key(&self, id: &str, target: Option<&Digest>) -> Result<Path> {
        match target {
            Some(digest) => Ok(self.keys.blob(digest)),
            None => self.keys.whole(id),
        }
    }

    /// Ends a multipart of which nothing is needed, and forgets it.
    pub(super) async fn drop_multipart(&self, id: &str, multipart: &Multipart) -> Result<()> {
        let key = self.target_key(id, multipart.target.as_ref())?;
        self.end_multipart(id, &key, &multipart.id).await?;
        self.remove(&self.keys.piece(id, &multipart.marker)?).await
    }
}

impl Sender {
    pub(super) fn new(storage: &ObjectStorage, upload: &str, multipart: Multipart) -> Result<Self> {
        let key = storage.target_key(upload, multipart.target.as_ref())?;
        Ok(Self {
            storage: storage.clone(),
            upload: upload.to_owned(),
            key,
            multipart,
            sent: Vec::new(),
            flight: JoinSet::new(),
            failure: None,
        })
    }

    /// The index of the part that comes next.
    pub(super) fn next(&self) -> usize {
        self.multipart.parts.len() + self.sent.len()
    }

    /// Sends a part as soon as few enough others are on their way.
    ///
    /// # Errors
    /// When an earlier part has failed; [`Sender::arrive`] says how.
    pub(super) async fn send(&mut self, payload: PutPayload, hasher: Hasher) -> Result<()> {
        let index = self.next();
        let size = payload.content_length() as u64;
        let most = usize::try_from(IN_FLIGHT / size.max(1)).unwrap_or(1).max(1);
        while self.flight.len() >= most && self.failure.is_none() {
            self.land().await;
        }
        if self.failure.is_none() && index >= MOST_PARTS {
            let context = format!("upload {} has more than {MOST_PARTS} parts", self.upload);
            self.failure = Some(Error::new(Kind::TooLarge, context));
        }
        if self.failure.is_some() {
            return Err(Error::new(Kind::Unavailable, "a part could not be sent"));
        }
        self.sent.push(Sent { size, hasher, id: None });
        let multiparts = Arc::clone(&self.storage.bucket.multiparts);
        let (key, id) = (self.key.clone(), self.multipart.id.clone());
        let (room, kept) = oneshot::channel::<OwnedSemaphorePermit>();
        self.flight.spawn(async move {
            let sent = multiparts.put_part(&key, &id, index, payload).await;
            drop(kept);
            (index, sent)
        });
        self.make_room(size, room).await;
        Ok(())
    }

    /// Waits until there is room to collect what comes after a part of this size: until it has some of what all uploads
    /// share, which it keeps as long as it is on its way, or nothing of this upload is on its way any more. So every upload
    /// gets on, whatever others do.
    async fn make_room(&mut self, size: u64, room: oneshot::Sender<OwnedSemaphorePermit>) {
        let wanted = usize::try_from(size.div_ceil(1 << 20)).unwrap_or(SPARE).min(SPARE);
        let shared = Arc::clone(&self.storage.spare);
        let share = shared.acquire_many_owned(u32::try_from(wanted).unwrap_or(u32::MAX));
        tokio::pin!(share);
        while !self.flight.is_empty() {
            tokio::select! {
                biased;
                share = &mut share => {
                    // Nobody takes it if the part has arrived meanwhile.
                    let _ = share.map(|share| room.send(share));
                    return;
                }
                () = self.land() => {}
            }
        }
    }

    /// Waits until nothing is on its way any more.
    pub(super) async fn arrive(mut self) -> Arrived {
        while !self.flight.is_empty() {
            self.land().await;
        }
        let mut hasher = None;
        for part in self.sent {
            let Some(id) = part.id else { break };
            self.multipart.parts.push(id);
            self.multipart.size += part.size;
            hasher = Some(part.hasher);
        }
        Arrived { multipart: self.multipart, hasher, failure: self.failure }
    }

    /// Takes note of one part that has arrived or failed.
    async fn land(&mut self) {
        let context = || format!("send part of upload {}", self.upload);
        match self.flight.join_next().await {
            None => {}
            Some(Ok((index, Ok(part)))) => {
                let known =
                    index.checked_sub(self.multipart.parts.len()).and_then(|at| self.sent.get_mut(at));
                if let Some(sent) = known {
                    sent.id = Some(part.content_id);
                }
            }
            Some(Ok((_, Err(error)))) => {
                self.failure = self.failure.take().or_else(|| Some(failed(context(), error)));
            }
            Some(Err(error)) => {
                let lost = || Some(Error::with_source(Kind::Unavailable, context(), error));
                self.failure = self.failure.take().or_else(lost);
            }
        }
    }
}

/// Enough to be met once.
pub(super) fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
