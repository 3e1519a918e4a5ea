//! From the configuration to the one place where the bytes are.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::Failure;
use haven_blobs::object::{Options, Service};
use haven_blobs::{BlobStore, Filesystem, Kind, ObjectStorage};
use haven_server::config::Storage;

/// How long the start waits for a bucket to show that it can be used.
const PATIENCE: Duration = Duration::from_secs(20);

/// Storage, and what Harbor calls its kind.
pub(crate) type Opened = (Arc<dyn BlobStore>, &'static str);

/// Opens the storage to serve from it.
pub(crate) async fn open(wanted: &Storage) -> Result<Opened, Failure> {
    match wanted {
        Storage::Filesystem { root } => Ok((Arc::new(Filesystem::open(root)?), "filesystem")),
        Storage::Bucket(options) => {
            let storage = ObjectStorage::open(options)?;
            prove(&storage, options).await?;
            Ok((Arc::new(storage), name(options.service)))
        }
    }
}

/// The storage as it is: nothing is written into it, and it need not be writable.
pub(crate) fn look_at(wanted: &Storage) -> Result<Arc<dyn BlobStore>, Failure> {
    match wanted {
        Storage::Filesystem { root } => Ok(Arc::new(Filesystem::look_at(root))),
        Storage::Bucket(options) => Ok(Arc::new(ObjectStorage::open(options)?)),
    }
}

/// A bucket that refuses us will go on doing so. One that is out of reach may come back without a restart, and until then
/// the health check says so.
async fn prove(storage: &ObjectStorage, options: &Options) -> Result<(), Failure> {
    match tokio::time::timeout(PATIENCE, storage.prove()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.kind == Kind::Invalid => return Err(error.into()),
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(bucket = options.bucket, error, "the storage cannot be used yet");
        }
        Err(_) => tracing::warn!(bucket = options.bucket, "the storage does not answer yet"),
    }
    Ok(())
}

fn name(service: Service) -> &'static str {
    match service {
        Service::S3 => "s3",
        Service::Gcs => "gcs",
        Service::Azure => "azure",
    }
}
