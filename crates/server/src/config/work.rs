//! Jobs, webhooks and the way out: what the server does on its own account.

use std::time::Duration;

use super::{secret::Secret, settings::Settings};

/// How jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// How many run at once in this process.
    pub workers: usize,
    /// A job that runs longer is stopped.
    pub max_duration: Duration,
    /// How long the log of a finished job is kept.
    pub log_retention: Duration,
}

/// How webhooks are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// How often a failed delivery is tried again.
    pub max_retry: u32,
    /// How long the receiver may take to answer.
    pub timeout: Duration,
}

/// The proxy for connections to other hosts. The URLs may hold a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundProxy {
    /// For `http` targets.
    pub http: Option<Secret>,
    /// For `https` targets.
    pub https: Option<Secret>,
    /// Hosts, domains (`.example.com`) and networks that are reached directly.
    pub no_proxy: Vec<String>,
}

pub(super) fn jobs(settings: &mut Settings) -> Jobs {
    let hours = settings.number("jobservice.max_job_duration_hours", 1_u64, 24 * 365).unwrap_or(24);
    let days = settings.number("jobservice.logger_sweeper_duration", 1_u64, 3650).unwrap_or(1);
    Jobs {
        workers: settings.number("jobservice.max_job_workers", 1, 1000).unwrap_or(10),
        // Harbor raises a smaller number to 24 without a word; its users rely on neither.
        max_duration: Duration::from_secs(hours.max(24) * 3600),
        log_retention: Duration::from_secs(days * 24 * 3600),
    }
}

pub(super) fn webhooks(settings: &mut Settings) -> Webhooks {
    let seconds = settings.number("notification.webhook_job_http_client_timeout", 1_u64, 3600);
    Webhooks {
        max_retry: settings.number("notification.webhook_job_max_retry", 0, 1000).unwrap_or(3),
        timeout: Duration::from_secs(seconds.unwrap_or(3)),
    }
}

pub(super) fn proxy(settings: &mut Settings) -> OutboundProxy {
    OutboundProxy {
        http: proxy_url(settings, "proxy.http_proxy"),
        https: proxy_url(settings, "proxy.https_proxy"),
        no_proxy: settings.list("proxy.no_proxy").unwrap_or_default(),
    }
}

/// Harbor's users write `proxy:3128` as well as a URL.
fn proxy_url(settings: &mut Settings, key: &str) -> Option<Secret> {
    let given = settings.secret(key)?;
    let text = given.expose().trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let valid = url.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    if !valid {
        settings.complain(key, "must be a URL such as `http://proxy.example.com:3128`");
    }
    Some(Secret::new(url))
}
