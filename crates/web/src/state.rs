//! What every handler is given.

use crate::conn::{ExternalUrl, Redirects};
use crate::csrf::Csrf;
use crate::metrics::Metrics;
use bytes::Bytes;
use haven_core::App;
use std::sync::Arc;

/// The application with what only HTTP needs.
#[derive(Clone)]
pub struct Web {
    pub app: Arc<App>,
    pub metrics: Metrics,
    /// Of the program, as `GET /systeminfo` tells it.
    pub version: &'static str,
    /// Shared, for it is cloned with every request.
    pub redirects: Arc<Redirects>,
    /// Where clients are told to reach us, if the configuration says so.
    pub external_url: Option<ExternalUrl>,
    /// The certificate of the authority that clients have to trust, PEM.
    pub ca_certificate: Option<Bytes>,
    pub(crate) csrf: Arc<Csrf>,
}
