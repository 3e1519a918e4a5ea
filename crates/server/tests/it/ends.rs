//! The program as a process, and what it outlives: files that are cut short under it, and storage that does not answer
//! when it is told to end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::processes::{Haven, SOON, answer, ask, get};
use axum::body::Bytes;
use haven_db::Engine;
use haven_db::testing::empty;
use haven_oci::Digest;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fs::OpenOptions;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

async fn push(haven: &Haven, blob: &[u8]) -> Digest {
    let digest = Digest::sha256(blob);
    let mut stream = TcpStream::connect(haven.addr).await.unwrap();
    let path = format!("/v2/library/app/blobs/uploads/?digest={digest}");
    ask(&mut stream, "POST", &path, "", blob).await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 201);
    digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_is_cut_short_while_it_goes_out_ends_that_answer_alone() {
    let db = empty(Engine::Sqlite).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut haven = Haven::start(folder.path(), &db.options()).await;
    let digest = push(&haven, &vec![7; 4 << 20]).await;
    let shelf = folder.path().join("registry/docker/registry/v2/blobs/sha256").join(&digest.hex()[..2]);
    let file = OpenOptions::new().write(true).open(shelf.join(digest.hex()).join("data")).unwrap();

    // Here the kernel cannot be told to send the file by itself.
    let stream = TokioIo::new(TcpStream::connect(haven.addr).await.unwrap());
    let mut client = http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = client.initial_stream_window_size(65_535).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://haven.test/v2/library/app/blobs/{digest}"))
        .header("authorization", "Basic YWRtaW46SGFyYm9yMTIzNDU=")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    let mut got = timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap().len();
    file.set_len(0).unwrap();
    let reading = async {
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => got += frame.into_data().unwrap().len(),
                Err(_) => return,
            }
        }
    };
    timeout(SOON, reading).await.unwrap();
    assert!(got < 4 << 20, "{got}");
    assert!(get(haven.addr, "/healthz").await.unwrap().contains(" 200 "));
    assert!(haven.child.try_wait().unwrap().is_none(), "the process goes on");
    assert_eq!(push(&haven, &vec![7; 4 << 20]).await, digest, "and takes the blob again");
}

/// A bucket that shows that it is there, and then swallows every blob.
async fn swallowing_bucket() -> String {
    const LIST: &str =
        "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>";
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let mut got = vec![0; 64 << 10];
                loop {
                    let count = stream.read(&mut got).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&got[..count]).into_owned();
                    let body = match head.as_str() {
                        "" => return,
                        head if head.starts_with("GET ") => LIST,
                        head if head.starts_with("PUT ") && head.contains("probe.tmp") => "",
                        _ => continue,
                    };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                    return;
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_that_does_not_answer_does_not_keep_the_program_from_ending() {
    let (db, bucket) = (empty(Engine::Sqlite).await.unwrap(), swallowing_bucket().await);
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("HAVEN_STORAGE_SERVICE__S3__BUCKET", "b"),
        ("HAVEN_STORAGE_SERVICE__S3__REGIONENDPOINT", bucket.as_str()),
        ("HAVEN_STORAGE_SERVICE__S3__ACCESSKEY", "a"),
        ("HAVEN_STORAGE_SERVICE__S3__SECRETKEY", "s"),
        ("HAVEN_LIMITS__SHUTDOWN_GRACE", "1s"),
    ];
    let mut haven = Haven::start_with(folder.path(), &db.options(), &env).await;
    let mut stream = TcpStream::connect(haven.addr).await.unwrap();
    let path = format!("/v2/library/app/blobs/uploads/?digest={}", Digest::sha256(b"hello"));
    ask(&mut stream, "POST", &path, "", b"hello").await.unwrap();
    let begun = async {
        let sessions = "SELECT COUNT(*) FROM upload";
        while db.query_one(sessions, &[]).await.unwrap().get::<i64>(0).unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, begun).await.unwrap();
    let id = haven.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = timeout(Duration::from_secs(20), haven.child.wait()).await;
    assert!(ended.expect("it ends in time").unwrap().success());
}
