//! `haven fsck`: what `haven_core::fsck` finds, for a person at a terminal or for a program.

use crate::cli::{Common, Failure, block_on, complain, say};
use crate::{database, storage};
use clap::Args;
use haven_blobs::Filesystem;
use haven_core::fsck::{self, Event, Finding, Installation, Progress, Repair, Stage, Summary};
use haven_db::{Clock, Db};
use haven_server::config::{Config, Storage, duration};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something is wrong.
const FINDINGS: u8 = 1;
/// It could not be looked at.
const FAILED: u8 = 2;
/// Statements that look at whole tables take their time.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Where there is no terminal, how far it is is told so often.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What `fsck` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Read every byte and compare it with its digest.
    #[arg(long)]
    deep: bool,
    /// Mend what can be mended; each kind of repair is safe while the server runs.
    #[arg(long)]
    repair: bool,
    /// With --repair: remove blobs that no row knows even if they are most of the storage.
    #[arg(long, requires = "repair")]
    force: bool,
    /// Leave blobs that no row knows in peace until they are this old: a push writes the row last.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration)]
    grace: Duration,
    /// With --deep: how many blobs are read at once [default: one for each processor, at most 8].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    readers: Option<u16>,
    /// One JSON object to a line: a finding each, and the summary.
    #[arg(long)]
    json: bool,
    /// Say nothing about progress.
    #[arg(long)]
    quiet: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "a duration is written as 90m, 24h or 0".to_owned())
}

/// Runs the check to its exit code.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let Arguments { common, deep, repair, force, grace, readers, json, quiet } = arguments;
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let options =
        fsck::Options { deep, repair, grace, force, readers: readers.map_or(processors, usize::from) };
    let mut output = Output::new(json, quiet);
    let checked = common.load().and_then(|config| block_on(check(&config, options, &mut output)));
    match checked {
        Ok(summary) => {
            output.end(&summary);
            ExitCode::from(if summary.is_clean() { 0 } else { FINDINGS })
        }
        Err(failure) => {
            output.clear();
            complain(&*failure);
            ExitCode::from(FAILED)
        }
    }
}

async fn check(config: &Config, options: fsck::Options, output: &mut Output) -> Result<Summary, Failure> {
    let on = open(config, options.repair).await?;
    let mut listener = |event: Event<'_>| output.hear(&event);
    let checked = fsck::check(&on, &options, &mut listener).await;
    database::close(&on.db).await;
    Ok(checked?)
}

/// Database and storage as they are: no schema is changed, and unless there is something to mend, nothing is made.
async fn open(config: &Config, repair: bool) -> Result<Installation, Failure> {
    database::expect(&config.database)?;
    if let Storage::Filesystem { root } = &config.storage
        && !root.is_dir()
    {
        return Err(format!("there is no storage at {}", root.display()).into());
    }
    let mut database = database::options(&config.database);
    match &mut database {
        haven_db::Options::Sqlite(options) => options.look = !repair,
        haven_db::Options::Postgres(options) => options.statement_timeout = PATIENCE,
    }
    let db = Db::open(database).await?;
    db.expect_schema().await?;
    let blobs = match &config.storage {
        // What is brought back needs the folders that a backup may lack.
        Storage::Filesystem { root } if repair => Arc::new(Filesystem::open(root)?),
        storage => storage::look_at(storage)?,
    };
    Ok(Installation { db, blobs, clock: Clock::system() })
}

/// Where it all goes: findings to standard output, progress to standard error.
struct Output {
    json: bool,
    progress: Shown,
    stage: Option<Stage>,
}

enum Shown {
    Nothing,
    Bar(ProgressBar),
    /// When the last line was written.
    Lines(Instant),
}

impl Output {
    fn new(json: bool, quiet: bool) -> Self {
        let progress = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
        } else {
            Shown::Lines(Instant::now())
        };
        Self { json, progress, stage: None }
    }

    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Found(finding) => self.print(&if self.json { as_json(finding) } else { as_text(finding) }),
            Event::Progress(progress) => self.show(*progress),
        }
    }

    fn print(&self, text: &str) {
        match &self.progress {
            Shown::Bar(bar) => bar.suspend(|| say(text)),
            _ => say(text),
        }
    }

    fn show(&mut self, at: Progress) {
        let begins = self.stage.replace(at.stage) != Some(at.stage);
        match &mut self.progress {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if begins {
                    bar.reset();
                    bar.set_style(style(at.stage));
                }
                bar.set_length(at.total);
                bar.set_position(at.done);
                bar.set_message(format!("{} found", at.findings));
            }
            Shown::Lines(last) if begins || last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                let percent = at.done.saturating_mul(100).checked_div(at.total).unwrap_or(100);
                let line = format!("{}: {percent} %, {} found", name(at.stage), at.findings);
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Shown::Lines(_) => {}
        }
    }

    fn clear(&self) {
        if let Shown::Bar(bar) = &self.progress {
            bar.finish_and_clear();
        }
    }

    fn end(&self, summary: &Summary) {
        self.clear();
        if self.json {
            return say(&json!({ "summary": summary }).to_string());
        }
        let read = match summary.read {
            0 => String::new(),
            read => format!(", {} read", HumanBytes(read)),
        };
        let blobs = format!("{} blobs of {}{read}", HumanCount(summary.blobs), HumanBytes(summary.bytes));
        let young = match summary.young {
            0 => String::new(),
            young => format!("; {young} without a row, too young to tell"),
        };
        say(&match summary.findings {
            0 => format!("clean: {blobs}{young}"),
            found => format!("{found} found, {} mended: {blobs}{young}", summary.repaired),
        });
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Shelves => "blobs",
        Stage::Bytes => "bytes",
        Stage::Rows => "rows",
        Stage::Manifests => "manifests",
        Stage::Uploads => "uploads",
    }
}

fn style(stage: Stage) -> ProgressStyle {
    let count = match stage {
        Stage::Bytes => "{bytes}/{total_bytes} {bytes_per_sec}",
        Stage::Shelves | Stage::Rows | Stage::Manifests | Stage::Uploads => "{pos}/{len}",
    };
    let template = format!("{:<9}{{wide_bar}} {count} {{eta}} {{msg}}", name(stage));
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn as_json(finding: &Finding) -> String {
    json!({ "finding": finding }).to_string()
}

fn as_text(finding: &Finding) -> String {
    let mut text = format!("{}  {}\n    {}", finding.fault.name(), finding.subject, finding.detail);
    for needed in &finding.needed_by {
        let name = match needed.tag.as_str() {
            "" => format!("{}@{}", needed.repository, needed.digest),
            tag => format!("{}:{tag} ({})", needed.repository, needed.digest),
        };
        text += &format!("\n    needed by {name}");
    }
    if finding.more {
        text += "\n    and by more";
    }
    let repair = match &finding.repair {
        Repair::Offered(what) => format!("--repair would {what}"),
        Repair::Done(what) => format!("mended: {what}"),
        Repair::NeedsPush(what) => format!("to be pushed again: {what}"),
        Repair::ByHand(what) => format!("not mended: {what}"),
    };
    format!("{text}\n    {repair}")
}
