//! Starts that meet something else than they hoped for: passwords that nobody has kept yet, a database that is not there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::buckets::self_signed;
use crate::processes::{Haven, Place, SOON, limited_program};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use haven_db::testing::{empty, engines};
use haven_db::{Engine, Options, PostgresOptions};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A variable that is set to nothing is not set.
const NO_PASSWORD: [(&str, &str); 1] = [("HARBOR_ADMIN_PASSWORD", "")];
/// Who waits for the database says so no more often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A folder with the key of an installation, so that several can share a database.
pub(crate) fn folder_with_key() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.key"), "ab".repeat(32)).unwrap();
    folder
}

/// The files of made-up passwords.
fn kept(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.starts_with("admin-password")).collect()
}

async fn opens(haven: &Haven, password: &str) -> bool {
    let secret = BASE64_STANDARD.encode(format!("admin:{password}"));
    let request = format!(
        "GET /api/v2.0/users/current HTTP/1.1\r\nhost: a\r\nauthorization: Basic {secret}\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(haven.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn of_several_first_starts_one_leaves_the_password_that_counts() {
    for engine in engines() {
        let db = empty(engine).await.unwrap();
        let folders = [folder_with_key(), folder_with_key()];
        let mut starting = JoinSet::new();
        for folder in folders.iter().chain(&folders) {
            let (folder, options) = (folder.path().to_owned(), db.options());
            starting.spawn(async move { Haven::start_with(&folder, &options, &NO_PASSWORD).await });
        }
        let started = starting.join_all().await;
        let mut found = Vec::new();
        for folder in &folders {
            for name in kept(folder.path()) {
                assert_eq!(name, "admin-password", "{engine:?}");
                found.push(std::fs::read_to_string(folder.path().join(name)).unwrap());
            }
        }
        assert_eq!(found.len(), 1, "{engine:?}");
        for haven in &started {
            assert!(opens(haven, found[0].trim_end()).await, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn what_a_first_start_left_behind_is_seen_to_by_the_next() {
    for engine in engines() {
        let (db, folder) = (empty(engine).await.unwrap(), folder_with_key());
        let file = |name: &str| folder.path().join(name);
        let draft = |number: u8, password: &str| {
            std::fs::write(file(&format!("admin-password.{number:016x}.tmp")), password).unwrap();
        };
        // Ended before the database knew the password, and while it was written down.
        draft(1, "Forgotten12345\n");
        draft(2, "");
        let haven = Haven::start_with(folder.path(), &db.options(), &NO_PASSWORD).await;
        assert_eq!(kept(folder.path()), ["admin-password"], "{engine:?}");
        let password = std::fs::read_to_string(file("admin-password")).unwrap();
        assert!(opens(&haven, password.trim_end()).await && !opens(&haven, "Forgotten12345").await);
        haven.stop().await;
        // Ended after the database knew it.
        std::fs::rename(file("admin-password"), file("admin-password.0000000000000003.tmp")).unwrap();
        draft(4, "Forgotten12345\n");
        Haven::start_with(folder.path(), &db.options(), &NO_PASSWORD).await.stop().await;
        assert_eq!(kept(folder.path()), ["admin-password"], "{engine:?}");
        assert_eq!(std::fs::read_to_string(file("admin-password")).unwrap(), password);
        // Read and removed: no start brings it back.
        std::fs::remove_file(file("admin-password")).unwrap();
        Haven::start_with(folder.path(), &db.options(), &NO_PASSWORD).await.stop().await;
        assert!(kept(folder.path()).is_empty(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_kept_is_not_set() {
    let Some(db) = empty(Engine::Postgres).await else { return };
    let folder = folder_with_key();
    // Room for the few bytes by which the storage is tried, and not for a password.
    let line = "trap '' XFSZ; exec prlimit --fsize=16";
    let place = Place::free();
    let mut first = limited_program(line, folder.path(), place.addr, &db.options());
    let first = timeout(SOON, first.envs(NO_PASSWORD).output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("admin-password cannot be written"), "{said}");
    assert!(said.contains("HARBOR_ADMIN_PASSWORD"), "it says what helps: {said}");
    assert!(kept(folder.path()).is_empty());
    let haven = Haven::start(folder.path(), &db.options()).await;
    assert!(opens(&haven, "Harbor12345").await, "the installation is as new");
}

fn postgres_at(addr: SocketAddr) -> Options {
    Options::Postgres(PostgresOptions::new(format!("postgres://haven:secret@{addr}/haven")))
}

/// Takes a connection as PostgreSQL does, and says whether it speaks TLS.
async fn accept(socket: &TcpListener, speaks_tls: &[u8; 1]) -> TcpStream {
    let (mut stream, _) = timeout(SOON, socket.accept()).await.unwrap().unwrap();
    let mut request = [0; 8];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "it asks for TLS first");
    stream.write_all(speaks_tls).await.unwrap();
    stream
}

/// Takes a connection and refuses it with this.
async fn refuse(socket: &TcpListener, code: &str, message: &str) {
    let mut stream = accept(socket, b"N").await;
    let length = stream.read_u32().await.unwrap();
    stream.read_exact(&mut vec![0; length as usize - 4]).await.unwrap();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    stream.write_u8(b'E').await.unwrap();
    stream.write_u32(u32::try_from(fields.len()).unwrap() + 4).await.unwrap();
    stream.write_all(fields.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_yet_is_waited_for_and_one_that_refuses_is_not() {
    for (code, message) in
        [("28P01", "password authentication failed"), ("3D000", "database \"haven\" does not exist")]
    {
        let (folder, away, began) = (tempfile::tempdir().unwrap(), Place::free(), Instant::now());
        let mut haven = Haven::begin(folder.path(), &postgres_at(away.addr), &[]).await;
        let told = haven.says("is waited for").await;
        assert!(told.contains("refused") && !told.contains("secret"), "{told}");
        assert!(TcpStream::connect(haven.addr).await.is_err(), "it does not listen yet");
        let socket = TcpListener::bind(away.addr).await.unwrap();
        for _ in 0..3 {
            refuse(&socket, "57P03", "the database system is starting up").await;
        }
        refuse(&socket, code, message).await;
        let (status, said) = haven.ended().await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("cannot connect to the database") && said.contains(message), "{said}");
        let is_short = began.elapsed() < LINE_EVERY;
        assert!(!is_short || !said.contains("is waited for"), "once is enough for a short while: {said}");
    }
}

#[tokio::test]
async fn a_database_whose_certificate_is_not_trusted_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, self_signed().1).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let server = format!("postgres://haven:secret@127.0.0.1:{port}/haven");
    let url = format!("{server}?sslmode=verify-full&sslrootcert={}", root.display());
    let haven = Haven::begin(folder.path(), &Options::Postgres(PostgresOptions::new(url)), &[]).await;
    let stream = accept(&socket, b"S").await;
    assert!(self_signed().0.accept(stream).await.is_err(), "it trusts another one");
    let (status, said) = haven.ended().await;
    assert_eq!((status, said.contains("invalid peer certificate")), (Some(1), true), "{said}");
    assert!(!said.contains("is waited for"), "{said}");
}

#[tokio::test]
async fn who_waits_for_the_database_ends_when_it_is_told_to() {
    let (folder, away) = (tempfile::tempdir().unwrap(), Place::free());
    let mut haven = Haven::begin(folder.path(), &postgres_at(away.addr), &[]).await;
    haven.says("is waited for").await;
    haven.terminate();
    let (status, said) = haven.ended().await;
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn only_the_server_waits_for_the_database() {
    let (folder, place) = (tempfile::tempdir().unwrap(), Place::free());
    let away = place.addr;
    for arguments in [&["user", "list"][..], &["fsck", "--quiet"], &["project", "list"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
        command.args(arguments).arg("--data-dir").arg(folder.path()).env_clear().kill_on_drop(true);
        command.env("HAVEN_DATABASE__URL", format!("postgres://haven@{away}/haven"));
        command.env("HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY", folder.path());
        let output = timeout(SOON, command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("cannot connect to the database"), "{said}");
    }
}

#[tokio::test]
async fn it_starts_when_the_database_comes() {
    let Some(db) = empty(Engine::Postgres).await else { return };
    let Options::Postgres(options) = db.options() else { return };
    let (user, rest) = options.url.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let (folder, place) = (tempfile::tempdir().unwrap(), Place::free());
    let away = place.addr;
    let options = Options::Postgres(PostgresOptions::new(format!("{user}@{away}/{name}")));
    let mut haven = Haven::begin(folder.path(), &options, &[]).await;
    haven.says("is waited for").await;
    let (socket, server) = (TcpListener::bind(away).await.unwrap(), server.to_owned());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = socket.accept().await {
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    haven.says("the database is there").await;
    haven.answers().await;
    assert!(opens(&haven, "Harbor12345").await);
}
