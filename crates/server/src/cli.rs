//! The command line.

use crate::robot::{self, RobotCommand};
use crate::{admin, fsck, project, quota, serve, settings, users};
use clap::{Args, Parser, Subcommand};
use haven_server::config::{Config, Sources, process_env};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a command ends with when it fails; printed as one line for each cause.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Haven: an enterprise registry for container images and OCI artifacts, in one program.
#[derive(Parser)]
#[command(name = "haven", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the registry: API, distribution, tokens and background work in one process.
    ///
    /// Every setting has a default: without a configuration file it listens on http://127.0.0.1:8080 and keeps an
    /// SQLite database and the blobs in ./data. The first start makes the user `admin`; its password comes from
    /// HARBOR_ADMIN_PASSWORD or the configuration, or is made up, printed once, and kept in
    /// <data-dir>/admin-password.
    Serve(Common),
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Compare the database with the storage, both ways, and rows with each other.
    ///
    /// Looks only, unless it is told to repair, and needs no pause of the server. Ends with 0 when nothing is wrong (any
    /// more), with 1 when something is, and with 2 when it could not look.
    Fsck(fsck::Arguments),
    /// Look at the settings that administrators change while the server runs, and change them.
    Settings {
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// What projects store, and what they may.
    Quota {
        #[command(subcommand)]
        command: QuotaCommand,
    },
    /// List projects, or make one.
    Project {
        #[command(subcommand)]
        command: project::Command,
    },
    /// Look after robot accounts.
    Robot {
        #[command(subcommand)]
        command: RobotCommand,
    },
    /// Make and change accounts of people.
    User {
        #[command(subcommand)]
        command: users::Command,
    },
    /// Do what must work when nobody can log in.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Read everything that `serve` would read, and tell all that is wrong with it at once.
    Check(Common),
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Give `admin` a new password; every log-in that is remembered ends at once, on all replicas.
    ///
    /// The password is read from standard input if that is no terminal, else one is made up and printed.
    ResetPassword(Common),
    /// Show the events that were set aside because what follows from them failed again and again.
    Events {
        #[command(flatten)]
        common: Common,
        /// Put them back, to be tried again by the running server.
        #[arg(long)]
        retry: bool,
    },
}

#[derive(Subcommand)]
enum SettingsCommand {
    /// List the settings in force; secrets are not shown.
    List(settings::List),
    /// Change some settings, all or none. Servers that run follow within three seconds.
    Set(settings::Set),
}

#[derive(Subcommand)]
enum QuotaCommand {
    /// Count again what each project stores, beside a server that runs, and mend what was counted wrong.
    Recount(quota::Recount),
}

/// Where the configuration comes from. Flags count more than the environment, the environment more than the file.
#[derive(Args)]
pub(crate) struct Common {
    /// Configuration file: YAML with the keys of harbor.yml, and those below `haven`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for database, blobs and keys [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on; may be repeated [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
}

impl Common {
    pub(crate) fn load(self) -> Result<Config, Failure> {
        let sources =
            Sources { file: self.config, env: process_env(), data_dir: self.data_dir, listen: self.listen };
        Ok(Config::load(sources)?)
    }
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Fsck(arguments) => return fsck::run(arguments),
            Command::Serve(common) => common.load().and_then(|config| block_on(serve::run(config))),
            Command::Config { command: ConfigCommand::Check(common) } => common.load().map(|config| {
                for notice in &config.notices {
                    say(&format!("note: {notice}"));
                }
                say("the configuration is good");
            }),
            Command::Settings { command: SettingsCommand::List(list) } => settings::list(list),
            Command::Settings { command: SettingsCommand::Set(set) } => settings::set(set),
            Command::Quota { command: QuotaCommand::Recount(recount) } => quota::recount(recount),
            Command::Robot { command } => block_on(robot::run(command)),
            Command::User { command } => users::run(command),
            Command::Project { command } => block_on(project::run(command)),
            Command::Admin { command: AdminCommand::ResetPassword(common) } => {
                common.load().and_then(|config| block_on(admin::reset_password(config)))
            }
            Command::Admin { command: AdminCommand::Events { common, retry } } => {
                common.load().and_then(|config| block_on(admin::events(config, retry)))
            }
        };
        match done {
            Ok(()) if UNSAID.load(Ordering::Relaxed) => ExitCode::FAILURE,
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                complain(&*failure);
                ExitCode::FAILURE
            }
        }
    }
}

/// How long threads that wait for a disk may hold up the end. What they wait for may never come.
const LAST_BREATH: Duration = Duration::from_secs(2);

pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_BREATH);
    done
}

/// Whether something that was to be said did not arrive, as where standard output is a file and the disk is full. What was
/// said is at times said once, such as a secret, so the command has not succeeded then.
static UNSAID: AtomicBool = AtomicBool::new(false);

/// Prints a line for the person at the terminal; a closed pipe is theirs to close.
pub(crate) fn say(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
        && !UNSAID.swap(true, Ordering::Relaxed)
    {
        complain(&*Failure::from(format!("standard output cannot be written: {error}")));
    }
}

/// Prints why a command failed.
pub(crate) fn complain(failure: &(dyn std::error::Error + 'static)) {
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "haven: {failure}");
    let mut cause = failure.source();
    while let Some(inner) = cause {
        let _ = writeln!(stderr, "  because: {inner}");
        cause = inner.source();
    }
}
