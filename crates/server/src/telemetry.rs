//! The log: one line for each event, to standard error, as text or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level or its directives make no sense. A checked configuration never has such.
    #[error("`{directives}` is not a log level")]
    Directives {
        /// What was asked for.
        directives: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody was faster.
    #[error("a log is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up the log of the whole process. To be called once, before anything worth logging happens.
///
/// # Errors
/// When the directives make no sense, or on the second call.
pub fn init(log: &Log) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&log.directives)
        .map_err(|source| Error::Directives { directives: log.directives.clone(), source })?;
    let lines = lines(log.format, std::io::stderr, std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()?;
    Ok(())
}

/// The layer that writes lines. Colours only for a terminal, and never in JSON.
fn lines<W>(format: LogFormat, writer: W, colours: bool) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
    Registry: for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Text => fmt::layer().with_ansi(colours).with_writer(writer).boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, directives: &str) -> String {
        let out = Lines::default();
        let writer = out.clone();
        let layer = lines(format, move || writer.clone(), false);
        let filter = EnvFilter::new(directives);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(project.name = "team", "pushed");
            tracing::debug!("not asked for");
        });
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_fields_at_the_top() {
        let text = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "pushed");
        assert_eq!(line["project.name"], "team");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn text_lines_have_no_colours_outside_a_terminal() {
        let text = logged(LogFormat::Text, "info");
        assert!(text.contains("pushed project.name=\"team\""), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'));
        assert_eq!(logged(LogFormat::Text, "haven_server=warn"), "");
    }
}
