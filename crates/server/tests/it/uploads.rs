//! Stories of uploads.
