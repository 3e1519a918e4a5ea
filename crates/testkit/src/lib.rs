//! The application as tests see it: the real router on a real database, asked through the front door.
//!
//! Every answer of the REST API is checked against the OpenAPI document as it passes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod app;
mod archive;
mod browser;
mod client;
mod contract;
mod image;

pub use app::TestApp;
pub use archive::{bomb, gzip, tar};
pub use browser::Browser;
pub use client::{Answer, Client};
pub use image::{Image, Part, chart, chart_of, cnab, image, model, wasm};
