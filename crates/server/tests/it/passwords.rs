//! What checks of passwords cost the running program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::processes::{Haven, answer};
use base64::Engine as _;
use haven_db::Engine;
use haven_db::testing::empty;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How a log-in with this name and a wrong password is answered.
async fn guess(addr: SocketAddr, name: &str) -> u16 {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{name}:wrong"));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "GET /api/v2.0/users/current HTTP/1.1\r\nhost: haven.test\r\nauthorization: Basic {credentials}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream).await.0
}

/// Each check works in 19 MiB, on whichever thread is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_wrong_passwords_leave_no_memory_behind() {
    let db = empty(Engine::Sqlite).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::start(folder.path(), &db.options()).await;
    let (addr, before) = (haven.addr, haven.memory());
    let mut clients = JoinSet::new();
    for client in 0..20 {
        clients.spawn(async move {
            for k in 0..5 {
                assert_eq!(guess(addr, &format!("nobody{client}-{k}")).await, 401);
            }
        });
    }
    clients.join_all().await;
    let grown = haven.memory().saturating_sub(before);
    assert!(grown < 80, "{grown} MiB more than {before} MiB");
}
