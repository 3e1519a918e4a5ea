//! The program under test: started, killed, checked.

use crate::storage::Storage;
use crate::wire::{Answer, Api};
use haven_db::{Db, Options, PostgresOptions, SqliteOptions};
use http::Method;
use serde_json::Value;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;

pub(crate) const PASSWORD: &str = "Correct-horse-7";

/// A Haven of one's own, which may be dead at the moment.
pub(crate) struct Haven {
    program: PathBuf,
    folder: PathBuf,
    address: String,
    /// Bound there without listening, so that nobody else is given the address while the program is dead.
    _place: TcpSocket,
    database: String,
    pub(crate) storage: Storage,
    child: Option<Child>,
}

impl Haven {
    pub(crate) fn new(program: PathBuf, folder: &Path, database: String, storage: Storage) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { program, folder: folder.to_owned(), address, _place: socket, database, storage, child: None }
    }

    /// Its database, beside it.
    pub(crate) async fn database(&self) -> Db {
        let options = match self.database.strip_prefix("sqlite:") {
            Some(path) => Options::Sqlite(SqliteOptions::new(path)),
            None => Options::Postgres(PostgresOptions::new(&self.database)),
        };
        Db::open(options).await.unwrap()
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.address.clone())
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).env_clear().stdin(Stdio::null());
        command.env("HAVEN_DATABASE__URL", &self.database).env("HAVEN_DATA_DIR", self.folder.join("data"));
        command.env("HARBOR_ADMIN_PASSWORD", PASSWORD).env("HAVEN_LISTEN", &self.address);
        command.env("HAVEN_UPLOAD_PURGING__AGE", "2h").envs(self.storage.environment.iter().cloned());
        command
    }

    pub(crate) fn start(&mut self) {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = self.command("serve");
        command.stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("HAVEN_BIN can be started"));
    }

    /// Until it answers; returns how long that took.
    pub(crate) async fn ready(&mut self) -> Duration {
        let started = Instant::now();
        loop {
            let answer = self.api().send(Method::GET, "/api/v2.0/ping", &[], "".into()).await;
            if matches!(answer, Ok(Answer { status: 200, .. })) {
                return started.elapsed();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "it ended by itself: {ended:?}, see {}", self.folder.display());
            assert!(started.elapsed() < Duration::from_secs(120), "no answer, see {}", self.folder.display());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What `haven fsck` finds, with its status.
    pub(crate) fn fsck(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let output = self.command("fsck").args(["--json", "--quiet"]).args(arguments).output().unwrap();
        let status = output.status.code().unwrap_or(-1);
        assert!(status == 0 || status == 1, "fsck: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        (status, lines.filter_map(|mut line| line.get_mut("finding").map(Value::take)).collect())
    }

    /// Begins to remove what has no row at this moment, as nobody should while others push: the hardest test for both.
    pub(crate) fn sweep(&self) -> Sweeper {
        let mut command = self.command("fsck");
        command.args(["--json", "--quiet", "--repair", "--grace", "0", "--force"]);
        // A file, because nobody reads while it runs, and a pipe would fill up.
        let output = tempfile::tempfile().unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(Stdio::inherit());
        Sweeper { child: command.spawn().unwrap(), output }
    }
}

impl Drop for Haven {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A `haven fsck` at work; dropped, it is killed.
pub(crate) struct Sweeper {
    child: Child,
    output: File,
}

impl Sweeper {
    /// How many blobs it removed, once it has ended.
    pub(crate) async fn removed(mut self) -> u64 {
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        let mut text = String::new();
        self.output.rewind().unwrap();
        self.output.read_to_string(&mut text).unwrap();
        assert!(status.code() == Some(0), "{status:?}: {text}");
        text.lines().filter(|line| line.contains("orphaned-blob") && line.contains("\"done\"")).count() as u64
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        // Fails for one that has ended, which is what is wanted.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}
