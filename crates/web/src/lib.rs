//! haven-web

pub mod conn;
pub mod kit;
pub mod metrics;
