//! The program as a process: several that start at once, one that meets a newer schema, and crowds of connections.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use haven_db::testing::{empty, engines};
use haven_db::{Engine, Options};
use haven_oci::Digest;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Whatever is waited for comes long before, also on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// A soft limit on open files far below what the crowd needs.
const FEW_FILES: u32 = 256;
const CROWD: usize = 1_000;

/// A Haven that runs or starts, ended when it is dropped.
pub(crate) struct Haven {
    pub(crate) child: Child,
    pub(crate) addr: SocketAddr,
    _place: Place,
}

/// An address of loopback for whoever asks for just this one. Nobody else is given it meanwhile, because a socket is bound
/// there that does not listen.
pub(crate) struct Place {
    pub(crate) addr: SocketAddr,
    _socket: TcpSocket,
}

impl Place {
    pub(crate) fn free() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self { addr: socket.local_addr().unwrap(), _socket: socket }
    }
}

/// The program with this folder, at this address, and nothing of the environment but what is said here.
fn program(folder: &Path, addr: SocketAddr, database: &Options) -> Command {
    limited_program(&format!("ulimit -Sn {FEW_FILES}; exec"), folder, addr, database)
}

/// As [`program`], started by the end of a shell's line.
pub(crate) fn limited_program(line: &str, folder: &Path, addr: SocketAddr, database: &Options) -> Command {
    let mut command = Command::new("sh");
    let line = format!("{line} \"$0\" serve --listen {addr} --data-dir \"$1\"");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_haven")]).arg(folder);
    command.env_clear().env("PATH", "/usr/bin:/bin").kill_on_drop(true);
    command.env("HARBOR_ADMIN_PASSWORD", "Harbor12345").env("NO_COLOR", "1");
    match database {
        Options::Sqlite(options) => {
            command.env("HAVEN_DATABASE__URL", format!("sqlite:{}", options.path.display()))
        }
        Options::Postgres(options) => command.env("HAVEN_DATABASE__URL", &options.url),
    };
    // A client on a busy machine takes its time, which is not what these stories are about.
    for limit in ["HEADER", "IDLE", "STALL", "API"] {
        command.env(format!("HAVEN_LIMITS__{limit}_TIMEOUT"), "10m");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Haven {
    pub(crate) async fn start(folder: &Path, database: &Options) -> Self {
        Self::start_with(folder, database, &[]).await
    }

    /// With these variables beside what every start is told.
    pub(crate) async fn start_with(folder: &Path, database: &Options, env: &[(&str, &str)]) -> Self {
        let place = Place::free();
        let mut command = program(folder, place.addr, database);
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut haven = Self { child: command.spawn().unwrap(), addr: place.addr, _place: place };
        haven.answers().await;
        haven
    }

    /// Begins to start, with standard error to read from.
    pub(crate) async fn begin(folder: &Path, database: &Options, env: &[(&str, &str)]) -> Self {
        let place = Place::free();
        let mut command = program(folder, place.addr, database);
        let child = command.envs(env.iter().copied()).stdout(Stdio::null()).spawn().unwrap();
        Self { child, addr: place.addr, _place: place }
    }

    /// Waits until it says this on standard error; returns that line.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let reading = async {
            let mut line = Vec::new();
            loop {
                let byte = stderr.read_u8().await;
                assert!(byte.is_ok(), "it ended without saying {text}");
                line.extend(byte);
                if line.ends_with(b"\n") {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
                    if line.contains(text) {
                        return line;
                    }
                }
            }
        };
        timeout(SOON, reading).await.unwrap()
    }

    /// Waits until it has ended by itself; returns its status and what it still had to say.
    pub(crate) async fn ended(self) -> (Option<i32>, String) {
        let output = timeout(SOON, self.child.wait_with_output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    pub(crate) async fn answers(&mut self) {
        let asking = async {
            while get(self.addr, "/healthz").await.is_none_or(|answer| !answer.contains(" 200 ")) {
                assert!(self.child.try_wait().unwrap().is_none(), "it ended instead of starting");
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(SOON, asking).await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        assert!(timeout(SOON, self.child.wait()).await.unwrap().unwrap().success());
    }

    /// Resident memory in MiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

/// The head and body of the answer, if there is one, on a connection of its own.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    ask(&mut stream, "GET", path, "connection: close\r\n", b"").await?;
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.ok()?.ok()?;
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}

/// Sends a request as the administrator.
pub(crate) async fn ask(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<()> {
    const ADMIN: &str = "authorization: Basic YWRtaW46SGFyYm9yMTIzNDU=\r\n";
    let length = if method == "GET" { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: haven.test\r\n{ADMIN}{headers}{length}\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()
}

/// Reads one answer of known length; says its status and how many bytes its body had.
pub(crate) async fn answer(stream: &mut TcpStream) -> (u16, usize) {
    let mut got = Vec::new();
    let mut buffer = vec![0; 65536];
    let reading = async {
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "closed after {}", String::from_utf8_lossy(&got[..got.len().min(500)]));
            got.extend_from_slice(&buffer[..count]);
            let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if got.len() >= end + 4 + length {
                return (head[9..12].parse().unwrap(), length);
            }
        }
    };
    timeout(SOON, reading).await.unwrap()
}

/// Each of a crowd takes a handle of this process, too, and usually there are no more than 1024.
fn with_all_handles() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[tokio::test]
async fn four_that_start_at_once_on_nothing_all_come_up() {
    for engine in engines() {
        let db = empty(engine).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut starting = JoinSet::new();
        for _ in 0..4 {
            let (folder, options) = (folder.path().to_owned(), db.options());
            starting.spawn(async move { Haven::start(&folder, &options).await });
        }
        let started = starting.join_all().await;
        for haven in &started {
            let projects = get(haven.addr, "/api/v2.0/projects").await.unwrap();
            assert!(projects.contains(" 200 ") && projects.contains("library"), "{engine:?} {projects}");
            let token = get(haven.addr, "/service/token?service=harbor-registry").await.unwrap();
            assert!(token.contains(" 200 "), "{engine:?} {token}");
        }
        let row = db.query_one("SELECT COUNT(*) FROM keyring", &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), 1, "all sign with the same key");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_reason() {
    for engine in engines() {
        let db = empty(engine).await.unwrap();
        db.migrate().await.unwrap();
        let newer = "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (9999, 'next', 'x', 1)";
        db.execute(newer, &[]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (status, said) = Haven::begin(folder.path(), &db.options(), &[]).await.ended().await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("newer version of the program") && said.contains("9999 (next)"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_rest_while_a_thousand_pull() {
    with_all_handles();
    let db = empty(Engine::Sqlite).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::start(folder.path(), &db.options()).await;
    let blob = vec![7; 128 << 10];
    let digest = Digest::sha256(&blob);
    let mut stream = TcpStream::connect(haven.addr).await.unwrap();
    ask(&mut stream, "POST", &format!("/v2/library/app/blobs/uploads/?digest={digest}"), "", &blob)
        .await
        .unwrap();
    assert_eq!(answer(&mut stream).await.0, 201);

    let mut resting = Vec::new();
    for _ in 0..CROWD {
        resting.push(TcpStream::connect(haven.addr).await.unwrap());
    }
    let mut pulling = JoinSet::new();
    for _ in 0..CROWD {
        let mut stream = TcpStream::connect(haven.addr).await.unwrap();
        let path = format!("/v2/library/app/blobs/{digest}");
        pulling.spawn(async move {
            ask(&mut stream, "GET", &path, "", b"").await.unwrap();
            answer(&mut stream).await
        });
    }
    for pulled in pulling.join_all().await {
        assert_eq!(pulled, (200, 128 << 10));
    }
    assert!(haven.memory() < 256, "{} MiB", haven.memory());
    for stream in resting.iter_mut().step_by(100) {
        ask(stream, "GET", "/api/v2.0/ping", "", b"").await.unwrap();
        assert_eq!(answer(stream).await.0, 200, "who rested can still ask");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_uploads_at_once_cost_little() {
    with_all_handles();
    let db = empty(Engine::Sqlite).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::start(folder.path(), &db.options()).await;
    // All but the end of it, which would be a gigabyte if it were kept in memory.
    let (piece, rest) = (vec![7; 960 << 10], vec![7; 64 << 10]);
    let whole = [&piece[..], &rest].concat();
    let digest = Digest::sha256(&whole);
    let path = format!("/v2/library/app/blobs/uploads/?digest={digest}");
    let mut sending = Vec::new();
    for _ in 0..CROWD {
        let mut stream = TcpStream::connect(haven.addr).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW46SGFyYm9yMTIzNDU=\r\ncontent-length: {}\r\n\r\n",
            whole.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&piece).await.unwrap();
        sending.push(stream);
    }
    let ping = get(haven.addr, "/api/v2.0/ping").await.unwrap();
    assert!(ping.contains(" 200 "), "others are served meanwhile");
    assert!(haven.memory() < 512, "{} MiB", haven.memory());
    for stream in &mut sending {
        stream.write_all(&rest).await.unwrap();
    }
    for stream in &mut sending {
        let mut status = answer(stream).await.0;
        // A slow machine cannot take a thousand at once; then it says so, and they come again.
        while status == 429 || status == 503 {
            ask(stream, "POST", &path, "", &whole).await.unwrap();
            status = answer(stream).await.0;
        }
        assert_eq!(status, 201);
    }
}
