//! The library part of the binary `haven`: what surrounds the product before the first request and after the last.
//!
//! Owns reading and checking the configuration, the sockets, and the log. It knows no rule of the registry.

pub mod config;
pub mod listen;
pub mod telemetry;
