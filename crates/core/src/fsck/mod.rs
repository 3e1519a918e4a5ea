//! Consistency: the database against storage, both ways, manifests against the rows made of them, and rows against each
//! other.
//!
//! Owns no table. It looks without changing anything, while the program runs or not, and mends only when told to; what
//! mends is a step of the slice that owns the rows. One of the 256 shelves of storage is compared at a time, so memory
//! does not grow with the installation.

mod artifact;
mod blobs;
mod compare;
mod content;
mod damage;
mod finding;
mod manifests;
mod needed;
mod orphans;
mod rows;
mod sql;
mod uploads;

pub use finding::{Fault, Finding, Needed, Repair, Summary};

use crate::Result;
use haven_blobs::BlobStore;
use haven_db::{Clock, Db};
use haven_oci::Algorithm;
use std::sync::Arc;
use std::time::Duration;

/// What is looked at: less than an application, because none may be started for it.
#[derive(Clone)]
pub struct Installation {
    pub db: Db,
    pub blobs: Arc<dyn BlobStore>,
    pub clock: Clock,
}

/// How to look, and what to do about what is found.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Read every byte and compare it with its digest.
    pub deep: bool,
    /// Mend what can be mended.
    pub repair: bool,
    /// Bytes without a row are left in peace for so long: a push writes its row after them.
    pub grace: Duration,
    /// Remove bytes without a row even if they are most of what storage holds.
    pub force: bool,
    /// How many blobs are read at once.
    pub readers: usize,
}

/// What is told on the way.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something is wrong.
    Found(&'a Finding),
    Progress(Progress),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Of `total`, in what the stage counts.
    pub done: u64,
    pub total: u64,
    pub findings: u64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Comparing, counted in shelves.
    Shelves,
    /// Comparing and reading, counted in bytes.
    Bytes,
    /// Rows against rows, counted in checks.
    Rows,
    /// Manifests against the rows of their artifacts, counted in artifacts.
    Manifests,
    /// Sessions against what storage holds of them, counted in sessions.
    Uploads,
}

/// Those who listen.
pub type Listener<'a> = dyn FnMut(Event<'_>) + Send + 'a;

/// Looks at everything and tells what it finds.
///
/// # Errors
/// When database or storage cannot be asked. What is found wrong is no error.
pub async fn check(on: &Installation, options: &Options, listener: &mut Listener<'_>) -> Result<Summary> {
    let mut check = Check { on, options, listener, summary: Summary::default() };
    let orphans = blobs::compare_shelves(&mut check).await?;
    rows::check(&mut check).await?;
    let suspicious = orphans::suspicious(&check, &orphans);
    uploads::check(&mut check, suspicious).await?;
    orphans::check(&mut check, orphans, suspicious).await?;
    Ok(check.summary)
}

/// One run.
struct Check<'a, 'l> {
    on: &'a Installation,
    options: &'a Options,
    listener: &'a mut Listener<'l>,
    summary: Summary,
}

impl Check<'_, '_> {
    fn found(&mut self, finding: &Finding) {
        self.summary.findings += 1;
        if matches!(finding.repair, Repair::Done(_)) {
            self.summary.repaired += 1;
        }
        (self.listener)(Event::Found(finding));
    }

    fn progress(&mut self, stage: Stage, done: u64, total: u64) {
        let findings = self.summary.findings;
        (self.listener)(Event::Progress(Progress { stage, done: done.min(total), total, findings }));
    }

    /// Mends, if that is wanted. What cannot be mended does not end the run.
    async fn mend(&self, offer: &'static str, work: impl Future<Output = Result<Repair>>) -> Repair {
        if !self.options.repair {
            return Repair::Offered(offer);
        }
        match work.await {
            Ok(repair) => repair,
            Err(error) => {
                let mut text = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(inner) = cause {
                    text = format!("{text}: {inner}");
                    cause = inner.source();
                }
                Repair::ByHand(text)
            }
        }
    }
}

/// One of the 256 parts of the digests of one algorithm, or all of them where they are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shelf {
    algorithm: Algorithm,
    prefix: Option<u8>,
}

impl Shelf {
    /// The first digest text that belongs here, and the first that does not.
    fn bounds(self) -> (String, String) {
        let text = |prefix: u8| format!("{}:{prefix:02x}", self.algorithm);
        let end = || format!("{}:g", self.algorithm);
        match self.prefix {
            None => (text(0), end()),
            Some(u8::MAX) => (text(u8::MAX), end()),
            Some(prefix) => (text(prefix), text(prefix + 1)),
        }
    }
}
