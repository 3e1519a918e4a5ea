//! One measured value, as a line of JSON on standard output.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::noise::Noise;

/// A value that one round of a measure gave for one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The table that it belongs to.
    pub(crate) measure: String,
    /// The row.
    pub(crate) case: String,
    /// The column.
    pub(crate) peer: String,
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    pub(crate) noise: Noise,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    /// Millions of bytes for each second.
    #[serde(rename = "MB/s")]
    Speed,
    /// Things for each second.
    #[serde(rename = "/s")]
    Rate,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Time,
    /// Millions of bytes.
    #[serde(rename = "MB")]
    Size,
}

impl Unit {
    pub(crate) fn more_is_better(self) -> bool {
        matches!(self, Self::Speed | Self::Rate)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Speed => "MB/s",
            Self::Rate => "/s",
            Self::Time => "ms",
            Self::Size => "MB",
        }
    }
}

/// Says a sample, and in short on standard error what somebody who waits wants to see.
pub(crate) fn say(sample: &Sample) -> Result<()> {
    let text = serde_json::to_string(sample)?;
    writeln!(std::io::stdout(), "{text}")?;
    let Sample { measure, case, peer, value, unit, .. } = sample;
    let mut stderr = std::io::stderr();
    Ok(writeln!(stderr, "  {measure:10} {case:42} {peer:24} {value:10.1} {}", unit.text())?)
}

/// The last word of a run that failed.
pub(crate) fn complain(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "haven-bench: {text}");
}
