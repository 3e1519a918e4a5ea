//! How much is logged, and in which form.

use tracing_subscriber::EnvFilter;

use super::{file, settings::Settings};

/// How much is logged, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or directives such as `info,haven_core=debug`.
    pub directives: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object to a line.
    Json,
}

const LEVELS: [&str; 8] = ["trace", "debug", "info", "warning", "warn", "error", "fatal", "off"];

pub(super) fn read(settings: &mut Settings) -> Log {
    let level = settings.text("log.level").unwrap_or_else(|| "info".to_owned());
    let directives =
        level.split(',').map(|word| directive(settings, word.trim())).collect::<Vec<_>>().join(",");
    let format = match settings.text("haven.log.format").as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => {
            settings.complain("haven.log.format", format!("`{other}` is neither `text` nor `json`"));
            LogFormat::Text
        }
    };
    Log { directives, format }
}

/// Harbor's names of levels, in those of this program.
fn directive(settings: &mut Settings, word: &str) -> String {
    let (target, level) = word.rsplit_once('=').map_or((None, word), |(target, level)| (Some(target), level));
    let lower = level.to_ascii_lowercase();
    let name = match lower.as_str() {
        "warning" => "warn",
        "fatal" => "error",
        other => other,
    };
    let whole = target.map_or_else(|| name.to_owned(), |target| format!("{target}={name}"));
    if !LEVELS.contains(&lower.as_str()) || EnvFilter::try_new(&whole).is_err() {
        let hint = file::closest(&lower, LEVELS.into_iter());
        let hint = hint.map_or_else(String::new, |hint| format!("; did you mean `{hint}`?"));
        settings.complain(
            "log.level",
            format!("`{word}` is not debug, info, warning, error, fatal or `module=level`{hint}"),
        );
    }
    whole
}
