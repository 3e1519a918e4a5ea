//! Bounds on what a client may cost, and the settings that a fresh database begins with.

use std::time::Duration;

use super::settings::Settings;

/// Bounds on what a client may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Those of connections.
    pub connections: ConnectionLimits,
    /// How long a request of the REST API may take. Blobs have no such limit.
    pub api_timeout: Duration,
}

/// Bounds on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most connections at once; further ones wait.
    pub max_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take from its first byte; that of the first request, from the start of
    /// the connection.
    pub header_timeout: Duration,
    /// How long a connection may rest between requests.
    pub idle_timeout: Duration,
    /// How long a client may send nothing, or take nothing, while the server waits for it.
    pub stall_timeout: Duration,
    /// How long requests in flight may go on after the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// The settings that a fresh database begins with; an administrator changes them in the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// How long a token of the registry is good.
    pub token_expiration: Duration,
}

pub(super) fn limits(settings: &mut Settings) -> Limits {
    let usual = ConnectionLimits::default();
    let connections = ConnectionLimits {
        max_connections: settings
            .number("haven.limits.max_connections", 1, 1_000_000)
            .unwrap_or(usual.max_connections),
        handshake_timeout: settings.span("haven.limits.handshake_timeout").unwrap_or(usual.handshake_timeout),
        header_timeout: settings.span("haven.limits.header_timeout").unwrap_or(usual.header_timeout),
        idle_timeout: settings.span("haven.limits.idle_timeout").unwrap_or(usual.idle_timeout),
        stall_timeout: settings.span("haven.limits.stall_timeout").unwrap_or(usual.stall_timeout),
        shutdown_grace: settings.duration("haven.limits.shutdown_grace").unwrap_or(usual.shutdown_grace),
    };
    Limits {
        connections,
        api_timeout: settings.span("haven.limits.api_timeout").unwrap_or(Duration::from_secs(60)),
    }
}

pub(super) fn defaults(settings: &mut Settings) -> Defaults {
    Defaults { token_expiration: minutes(settings, "haven.defaults.token_expiration", 30) }
}

/// The database keeps these in whole minutes.
fn minutes(settings: &mut Settings, key: &str, default: u64) -> Duration {
    let found = settings.duration(key).unwrap_or(Duration::from_secs(default * 60));
    if found < Duration::from_secs(60) || !found.as_secs().is_multiple_of(60) || found.subsec_nanos() != 0 {
        settings.complain(key, "must be one or more whole minutes");
    }
    found
}
