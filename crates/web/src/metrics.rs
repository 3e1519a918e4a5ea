//! What Prometheus may know of this process: requests, bytes, log-ins, uploads, and the process itself.
//!
//! Labels have few values each: operations, methods, statuses. Nothing that a client invents becomes one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use haven_core::Error;
use http::{Method, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::kit::ApiError;
use process::ProcessCollector;

mod process;

const EXPOSITION: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Seconds; the last ones are for layers of many gigabytes.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// All meters of the process. Clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RequestLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    blob_bytes: Family<DirectionLabels, Counter>,
    logins: Family<ResultLabels, Counter>,
    uploads_open: Gauge<u64, AtomicU64>,
    events_waiting: Gauge,
    events_set_aside: Gauge,
}

impl Metrics {
    /// Meters that all stand at zero.
    pub fn new(version: &str) -> Self {
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let mut inner = Inner {
            registry: Registry::default(),
            requests: Family::default(),
            durations,
            in_flight: Gauge::default(),
            blob_bytes: Family::default(),
            logins: Family::default(),
            uploads_open: Gauge::default(),
            events_waiting: Gauge::default(),
            events_set_aside: Gauge::default(),
        };
        inner.register(version);
        Self(Arc::new(inner))
    }

    /// Counts a request that has been answered, or was given up (`None`) before that.
    pub fn request(
        &self,
        operation: &'static str,
        method: &Method,
        status: Option<StatusCode>,
        took: Duration,
    ) {
        let labels = RequestLabels { operation, method: method_label(method), status: status_label(status) };
        self.0.requests.get_or_create(&labels).inc();
        self.0.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a request as being worked on until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.0.in_flight.inc();
        InFlight(self.clone())
    }

    /// Bytes of blobs taken from clients.
    pub fn blob_bytes_in(&self, bytes: u64) {
        self.0.blob_bytes.get_or_create(&DirectionLabels { direction: "in" }).inc_by(bytes);
    }

    /// Bytes of blobs given to clients.
    pub fn blob_bytes_out(&self, bytes: u64) {
        self.0.blob_bytes.get_or_create(&DirectionLabels { direction: "out" }).inc_by(bytes);
    }

    /// A log-in that was accepted or refused.
    pub fn login(&self, accepted: bool) {
        let result = if accepted { "ok" } else { "failed" };
        self.0.logins.get_or_create(&ResultLabels { result }).inc();
    }

    /// How many upload sessions are open now.
    pub fn set_uploads_open(&self, count: u64) {
        self.0.uploads_open.set(count);
    }

    /// How many events wait for what follows from them, and how many for somebody to look at them.
    pub fn set_events(&self, waiting: i64, set_aside: i64) {
        self.0.events_waiting.set(waiting);
        self.0.events_set_aside.set(set_aside);
    }

    /// Everything, in the text format.
    pub fn expose(&self) -> Response {
        let mut text = String::new();
        match encode(&mut text, &self.0.registry) {
            Ok(()) => ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response(),
            Err(error) => ApiError(Error::internal("metrics as text").because(error)).into_response(),
        }
    }

    /// Serves the meters at a path.
    pub fn router<S: Clone + Send + Sync + 'static>(&self, path: &str) -> Router<S> {
        let metrics = self.clone();
        Router::new().route(path, axum::routing::get(move || async move { metrics.expose() }))
    }
}

impl Inner {
    fn register(&mut self, version: &str) {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version".to_owned(), version.to_owned())]);
        registry.register("haven_build", "What runs", build);
        registry.register("haven_http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "haven_http_request_duration",
            "Time from the first byte of a request's head to the last of its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("haven_http_requests_in_flight", "Requests being answered", self.in_flight.clone());
        registry.register_with_unit(
            "haven_blob",
            "Bytes of blobs moved between us and clients",
            Unit::Bytes,
            self.blob_bytes.clone(),
        );
        registry.register("haven_logins", "Log-ins by result", self.logins.clone());
        registry.register("haven_uploads_open", "Upload sessions open", self.uploads_open.clone());
        registry.register("haven_events_waiting", "Events not yet followed", self.events_waiting.clone());
        registry.register("haven_events_set_aside", "Events that failed", self.events_set_aside.clone());
        registry.register_collector(Box::new(ProcessCollector));
    }
}

/// One request being worked on.
#[derive(Debug)]
pub struct InFlight(Metrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.dec();
    }
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: Option<StatusCode>) -> &'static str {
    match status.map(|status| status.as_u16() / 100) {
        None => "aborted",
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(_) => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn text(metrics: &Metrics) -> String {
        let body = to_bytes(metrics.expose().into_body(), 1 << 20).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn meters_count() {
        let metrics = Metrics::new("1.2.3");
        let guard = metrics.in_flight();
        metrics.request("listProjects", &Method::GET, Some(StatusCode::OK), Duration::from_millis(3));
        metrics.request("unknown", &Method::from_bytes(b"BREW").unwrap(), None, Duration::ZERO);
        metrics.blob_bytes_in(5);
        metrics.blob_bytes_out(7);
        metrics.login(false);
        metrics.set_uploads_open(2);
        metrics.set_events(3, 1);
        let text = text(&metrics).await;
        for line in [
            r#"haven_build_info{version="1.2.3"} 1"#,
            r#"haven_http_requests_total{operation="listProjects",method="GET",status="2xx"} 1"#,
            r#"haven_http_requests_total{operation="unknown",method="other",status="aborted"} 1"#,
            r#"haven_http_request_duration_seconds_bucket{le="0.005",operation="listProjects",method="GET",status="2xx"} 1"#,
            "haven_http_requests_in_flight 1",
            r#"haven_blob_bytes_total{direction="in"} 5"#,
            r#"haven_blob_bytes_total{direction="out"} 7"#,
            r#"haven_logins_total{result="failed"} 1"#,
            "haven_uploads_open 2",
            "haven_events_waiting 3",
            "haven_events_set_aside 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(guard);
        assert!(self::text(&metrics).await.contains("haven_http_requests_in_flight 0"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_process_is_measured() {
        let text = text(&Metrics::new("x")).await;
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
            let value: f64 =
                line.unwrap_or_else(|| panic!("{text}")).rsplit(' ').next().unwrap().parse().unwrap();
            assert!(value > 0.0, "{name}");
        }
    }
}
