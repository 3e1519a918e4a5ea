//! haven-blobs
