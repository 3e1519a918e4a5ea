//! Bytes on their way in: collected into parts, hashed, and kept where the next request finds them, wherever it runs.
//!
//! A part is sent only when enough follows it to make another one. So what is left at the end of a body is never too
//! short for a part if anything was sent before it, and needs no object of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use haven_oci::Digest;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::ObjectStorage;
use super::buffer::Buffer;
use super::hashing::HashLine;
use super::parts::{Sender, part_size, random};
use super::state::{State, Tail};
use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::store::ByteStream;
use crate::upload::{Intent, Upload};

/// Every part but the last has at least this many bytes, for the services want it so.
pub(super) const LEAST_PART: u64 = 5 << 20;
/// This much is kept in the state itself: it would not be worth the requests for an object.
const INLINE: u64 = 64 << 10;
/// What an upload may keep in memory, in bytes, whatever others do.
const LITTLE: usize = 1 << 20;

/// One body on its way in.
pub(super) struct Intake<'a> {
    storage: &'a ObjectStorage,
    id: String,
    intent: Intent,
    state: State,
    buffer: Buffer,
    hash: HashLine,
    /// Where the buffer begins, in the whole upload.
    start: u64,
    /// Where complete parts end that are still in the buffer.
    ends: VecDeque<u64>,
    /// Where the part ends that is being collected.
    end: u64,
    sender: Option<Sender>,
    /// Held by an upload that keeps more than [`LITTLE`] in memory.
    seat: Option<OwnedSemaphorePermit>,
}

impl<'a> Intake<'a> {
    /// Goes on from the last acknowledged byte, with the bytes that are not yet in a part.
    pub(super) async fn begin(storage: &'a ObjectStorage, upload: &Upload, state: State) -> Result<Self> {
        let start = state.in_parts();
        let tail = storage.tail(&upload.id, &state.tail, upload.size.saturating_sub(start)).await?;
        let held = tail.len() as u64;
        if start + held != upload.size {
            return Err(Error::upload_shorter(&upload.id, start + held, upload.size));
        }
        let mut intake = Self {
            storage,
            id: upload.id.clone(),
            intent: upload.intent.clone(),
            state,
            buffer: Buffer::default(),
            hash: HashLine::new(upload.hasher.clone()),
            start,
            ends: VecDeque::new(),
            end: start,
            sender: None,
            seat: None,
        };
        intake.buffer.push_whole(tail);
        intake.end = start + intake.next_part_size();
        if held >= intake.end - start {
            // Within the tail there is no hash any more that a shorter part could end with.
            intake.hash.mark().await?;
            intake.ends.push_back(start + held);
            intake.end = start + held + intake.next_part_size();
        }
        Ok(intake)
    }

    /// Takes in the body up to its end, its breaking off, or the limit. `room` is how many bytes may come, and for how
    /// many in all.
    pub(super) async fn run(&mut self, mut body: ByteStream, mut room: Option<(u64, u64)>) -> Result<()> {
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|error| Error::interrupted(&self.id, error))?;
            if let Some((left, limit)) = &mut room {
                *left = left.checked_sub(chunk.len() as u64).ok_or_else(|| Error::too_large(*limit))?;
            }
            while !chunk.is_empty() {
                self.take(&mut chunk).await?;
            }
        }
        Ok(())
    }

    /// Takes from the front of a chunk what fits into a block.
    async fn take(&mut self, chunk: &mut Bytes) -> Result<()> {
        if self.seat.is_none() && self.buffer.size() > LITTLE {
            self.seat = Some(self.storage.seat(&self.id).await?);
        }
        let room = usize::try_from(self.end - self.position()).unwrap_or(usize::MAX);
        let Some(block) = self.buffer.fill(chunk, room) else { return Ok(()) };
        let whole_part = self.position() == self.end;
        self.hash.feed(block, whole_part).await?;
        if whole_part {
            self.ends.push_back(self.end);
            self.end += self.next_part_size();
        }
        if self.ends.front().is_some_and(|end| self.position() - end >= LEAST_PART)
            && let Some(end) = self.ends.pop_front()
        {
            let hasher = self.hash.next_mark().await?;
            self.send(end, hasher).await?;
        }
        Ok(())
    }

    /// Sends everything up to `end` as one part.
    async fn send(&mut self, end: u64, hasher: Hasher) -> Result<()> {
        let payload = self.buffer.take(usize::try_from(end - self.start).unwrap_or(usize::MAX));
        self.start = end;
        let sender = match &mut self.sender {
            Some(sender) => sender,
            None => {
                let multipart = match &self.state.multipart {
                    Some(multipart) => multipart.clone(),
                    None => self.storage.begin_multipart(&self.id, self.target(&hasher)).await?,
                };
                self.sender.insert(Sender::new(self.storage, &self.id, multipart)?)
            }
        };
        sender.send(payload, hasher).await
    }

    /// The blob that is being made, if its key may hold parts of it already.
    fn target(&self, hasher: &Hasher) -> Option<Digest> {
        match &self.intent {
            Intent::Last(digest)
                if digest.algorithm() == hasher.algorithm() && self.storage.parts_are_private() =>
            {
                Some(digest.clone())
            }
            _ => None,
        }
    }

    /// Keeps everything that was taken in and says so in `upload`; `complete` if the body did not break off.
    ///
    /// # Errors
    /// Failures of the storage. Then `upload` describes what was kept before.
    pub(super) async fn keep(mut self, upload: &mut Upload, complete: bool) -> Result<()> {
        if let Some(block) = self.buffer.close() {
            self.hash.feed(block, false).await?;
        }
        let hasher = self.hash.finish().await?;
        let size = self.position();
        let tail = match self.place(&hasher, complete) {
            Place::Part => {
                // A failure of this or an earlier part shows below.
                let _ = self.send(size, hasher).await;
                return self.arrive(upload).await;
            }
            Place::Inline => Tail::Inline(self.rest().into_iter().collect::<Vec<_>>().concat().into()),
            Place::Object => {
                let name = random();
                self.storage.write(&self.storage.keys.piece(&self.id, &name)?, self.rest()).await?;
                self.state.littered = true;
                Tail::Staged(name)
            }
            Place::Blob(digest) => {
                upload.placing = Some(digest.clone());
                self.storage.write(&self.storage.keys.blob(&digest), self.rest()).await?;
                upload.fresh = true;
                Tail::Placed(digest)
            }
        };
        self.state.tail = tail;
        (upload.size, upload.hasher, upload.backend) = (size, hasher, self.state.to_bytes());
        Ok(())
    }

    /// Where the bytes in the buffer go.
    fn place(&self, hasher: &Hasher, complete: bool) -> Place {
        let rest = self.buffer.size() as u64;
        if self.sender.is_some() {
            return Place::Part;
        }
        if rest <= INLINE {
            return Place::Inline;
        }
        let digest = hasher.clone().digest().filter(|_| complete && self.start == 0);
        match (&self.intent, digest) {
            (Intent::Whole, Some(digest)) => Place::Blob(digest),
            (Intent::Last(wanted), Some(digest)) if *wanted == digest => Place::Blob(digest),
            _ if rest >= LEAST_PART => Place::Part,
            _ => Place::Object,
        }
    }

    /// Waits for the parts; those that have arrived without a gap are what was kept.
    async fn arrive(mut self, upload: &mut Upload) -> Result<()> {
        // Only a multipart that could not even be begun has no sender.
        let Some(sender) = self.sender.take() else {
            return Err(Error::new(Kind::Unavailable, format!("begin multipart of upload {}", self.id)));
        };
        let arrived = sender.arrive().await;
        let went_on = self.state.multipart.is_some();
        self.state.littered = true;
        if let Some(hasher) = arrived.hasher {
            self.state.tail = Tail::default();
            (upload.size, upload.hasher) = (arrived.multipart.size, hasher);
        }
        let target = arrived.multipart.target.clone();
        self.state.multipart = Some(arrived.multipart);
        upload.backend = self.state.to_bytes();
        match arrived.failure {
            Some(_) if went_on && self.has_ended(target.as_ref()).await? => Err(Error::no_upload(&self.id)),
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Whether a crash came after the commit and before the state was written down: then the multipart is no more, which
    /// every service says in its own words. What the commit made is there.
    async fn has_ended(&self, target: Option<&Digest>) -> Result<bool> {
        let made = self.storage.target_key(&self.id, target)?;
        let mut keys = vec![made];
        if let Intent::Last(digest) = &self.intent {
            keys.push(self.storage.keys.blob(digest));
        }
        for key in keys {
            if self.storage.object_size(&key).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether parts have been sent, or are being sent.
    pub(super) fn is_sending(&self) -> bool {
        self.sender.is_some()
    }

    /// Gives up everything that was taken in.
    pub(super) async fn forget(self) {
        let Some(sender) = self.sender else { return };
        let arrived = sender.arrive().await;
        if self.state.multipart.is_some() {
            return;
        }
        let dropping = self.storage.drop_multipart(&self.id, &arrived.multipart);
        if let Err(error) = self.storage.briefly(dropping).await {
            // What remains is found by its marker when the upload ends.
            tracing::warn!(
                upload.id = self.id,
                error = &error as &dyn std::error::Error,
                "multipart not dropped"
            );
        }
    }

    fn rest(&mut self) -> object_store::PutPayload {
        self.buffer.take(self.buffer.size())
    }

    fn position(&self) -> u64 {
        self.start + self.buffer.size() as u64
    }

    fn next_part_size(&self) -> u64 {
        let before = self.state.multipart.as_ref().map_or(0, |multipart| multipart.parts.len());
        let index = self.sender.as_ref().map_or(before, Sender::next) + self.ends.len();
        part_size(self.storage.part_size, index)
    }
}

impl ObjectStorage {
    /// A seat among the large uploads. Storage that is slow, or away, keeps those who have one for long; whoever finds
    /// none in time is told to come back, for what all clients together send has no room in memory.
    async fn seat(&self, id: &str) -> Result<OwnedSemaphorePermit> {
        match timeout(self.patience.answer, Arc::clone(&self.seats).acquire_owned()).await {
            Ok(Ok(seat)) => Ok(seat),
            Ok(Err(_)) | Err(_) => {
                let context = format!("upload {id}: there are too many large uploads at once");
                Err(Error::new(Kind::Unavailable, context))
            }
        }
    }
}

/// Where bytes go that no part has taken.
enum Place {
    /// Into a part.
    Part,
    /// Into the state.
    Inline,
    /// Into an object of the upload.
    Object,
    /// They are all there is, and the blob that they make.
    Blob(Digest),
}
