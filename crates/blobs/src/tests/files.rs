//! What happens to files behind the back of the store, and to requests that end in the middle.

use std::collections::HashSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::{Algorithm, Digest};
use tempfile::TempDir;

use crate::conformance::{body, content, read_all};
use crate::{BlobStore, Filesystem, Kind, Origin, Upload};

struct Fixture {
    folder: TempDir,
    store: Filesystem,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Filesystem::open(folder.path()).unwrap();
        Self { folder, store }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join("docker/registry/v2").join(below)
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.path(&format!("blobs/{}/{}/{}/data", digest.algorithm(), &digest.hex()[..2], digest.hex()))
    }

    async fn push(&self, bytes: &Bytes) -> Digest {
        let digest = Digest::sha256(bytes);
        let mut upload = self.store.begin("push", Algorithm::Sha256).await.unwrap();
        self.store.append(&mut upload, body(bytes, 1 << 16), None).await.unwrap();
        self.store.commit(upload, &digest).await.unwrap();
        digest
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_size(path: &Path, size: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap();
}

#[tokio::test]
async fn a_blob_lies_where_the_distribution_registry_looks_for_it() {
    let fixture = Fixture::new();
    let digest = fixture.push(&content(1, 10)).await;
    assert_eq!(fs::read(fixture.blob(&digest)).unwrap(), content(1, 10));
    assert_eq!(fs::read_dir(fixture.path("uploads")).unwrap().count(), 0, "nothing is left behind");
    // Others get nothing, whatever the umask of the tests.
    assert_eq!(mode(&fixture.blob(&digest)) & !0o640, 0);
    assert_eq!(mode(fixture.blob(&digest).parent().unwrap()) & !0o750, 0);
    assert!(fixture.store.delete(&digest).await.unwrap());
    assert!(!fixture.blob(&digest).parent().unwrap().exists());
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let fixture = Fixture::new();
    let bytes = content(2, 3_000_000);
    let mut upload = fixture.store.begin("a", Algorithm::Sha256).await.unwrap();
    fixture.store.append(&mut upload, body(&bytes.slice(..1_000_001), 777), None).await.unwrap();
    let saved = upload.to_bytes();
    // Bytes that were written but never acknowledged, as a crash leaves them.
    set_size(&fixture.path("uploads/a/data"), 2_000_000);

    let store = Filesystem::open(fixture.folder.path()).unwrap();
    let mut upload = Upload::from_bytes(&saved).unwrap();
    store.append(&mut upload, body(&bytes.slice(1_000_001..), 65_536), None).await.unwrap();
    let digest = Digest::sha256(&bytes);
    assert_eq!(store.commit(upload, &digest).await.unwrap(), 3_000_000);
    assert!(read_all(&store, &digest, 3_000_000, 0..3_000_000).await.unwrap() == bytes);
}

#[tokio::test]
async fn an_upload_that_lost_bytes_is_corrupt() {
    let fixture = Fixture::new();
    let mut upload = fixture.store.begin("a", Algorithm::Sha256).await.unwrap();
    fixture.store.append(&mut upload, body(&content(3, 1000), 100), None).await.unwrap();
    set_size(&fixture.path("uploads/a/data"), 999);
    let error = fixture.store.append(&mut upload, body(&content(3, 10), 10), None).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt);
    assert_eq!(error.to_string(), "upload a has 999 bytes in the store, 1000 on record");
    let error = fixture.store.commit(upload, &Digest::sha256(&content(3, 1000))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt);
}

#[tokio::test]
async fn a_blob_that_lost_bytes_is_refused_and_can_be_replaced() {
    let fixture = Fixture::new();
    let bytes = content(4, 2_000_000);
    let digest = fixture.push(&bytes).await;
    set_size(&fixture.blob(&digest), 1_999_999);
    let error = read_all(&fixture.store, &digest, 2_000_000, 0..5).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt);
    fixture.push(&bytes).await;
    assert!(read_all(&fixture.store, &digest, 2_000_000, 0..2_000_000).await.unwrap() == bytes);
    set_size(&fixture.blob(&digest), 7);
    fixture.store.put(&digest, bytes).await.unwrap();
    assert_eq!(fixture.store.size(&digest).await.unwrap(), Some(2_000_000));
}

#[tokio::test]
async fn a_blob_that_shrinks_under_a_reader_ends_in_an_error() {
    let fixture = Fixture::new();
    let bytes = content(5, 30 << 20);
    let digest = fixture.push(&bytes).await;
    let size = bytes.len() as u64;
    for left in [20 << 20, 100] {
        let mut stream = fixture.store.read(&digest, size, 0..size).await.unwrap();
        let first = stream.next().await.unwrap().unwrap();
        set_size(&fixture.blob(&digest), left);
        let rest: Vec<_> = stream.collect().await;
        assert!(rest.last().unwrap().is_err());
        let received = first.len() + rest.iter().flatten().map(Bytes::len).sum::<usize>();
        assert!(received <= 20 << 20, "{received}");
        assert_eq!(first, bytes[..first.len()], "what came is still there");
        set_size(&fixture.blob(&digest), 0);
        fixture.store.put(&digest, bytes.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_socket_is_given_of_a_blob_that_shrinks_is_an_error_when_it_is_read() {
    let fixture = Fixture::new();
    let bytes = content(9, 3 << 20);
    let digest = fixture.push(&bytes).await;
    let size = bytes.len() as u64;
    let mut stream = fixture.store.send(&digest, size, 1000..size).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    let origin = Origin::of(&first[10..]).expect("it is mapped");
    let mut read = vec![0; first.len() - 10];
    origin.read(&mut read).unwrap();
    assert_eq!(read, bytes[1010..][..read.len()]);
    set_size(&fixture.blob(&digest), 1010);
    assert_eq!(origin.read(&mut read).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_request_does_not_write_into_its_successor() {
    let fixture = Fixture::new();
    for round in 0..10 {
        let (wrong, bytes) = (content(100 + round, 8 << 20), content(200 + round, 8 << 20));
        let mut upload = fixture.store.begin(&format!("a{round}"), Algorithm::Sha256).await.unwrap();
        let mut abandoned = upload.clone();
        let endless = body(&wrong, 1 << 20).chain(stream::pending()).boxed();
        let dropped = fixture.store.append(&mut abandoned, endless, None);
        assert!(tokio::time::timeout(Duration::from_millis(5 * round), dropped).await.is_err());
        fixture.store.append(&mut upload, body(&bytes, 1 << 18), None).await.unwrap();
        let digest = Digest::sha256(&bytes);
        fixture.store.commit(upload, &digest).await.unwrap();
        assert!(fs::read(fixture.blob(&digest)).unwrap() == bytes);
    }
}

#[tokio::test]
async fn two_requests_cannot_write_one_upload_at_once() {
    let fixture = Fixture::new();
    let mut upload = fixture.store.begin("a", Algorithm::Sha256).await.unwrap();
    let mut second = upload.clone();
    let slow = stream::pending().boxed();
    let first = fixture.store.append(&mut upload, slow, None);
    let file = fs::File::open(fixture.path("uploads/a/data")).unwrap();
    let later = async {
        while file.try_lock().is_ok() {
            file.unlock().unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fixture.store.append(&mut second, body(&content(6, 10), 10), None).await
    };
    tokio::select! {
        _ = first => unreachable!("its body never ends"),
        outcome = later => assert_eq!(outcome.unwrap_err().kind, Kind::Unavailable),
    }
}

#[tokio::test]
async fn a_late_append_cannot_touch_the_blob_that_its_upload_became() {
    let fixture = Fixture::new();
    let bytes = content(7, 1000);
    let mut upload = fixture.store.begin("a", Algorithm::Sha256).await.unwrap();
    fixture.store.append(&mut upload, body(&bytes, 100), None).await.unwrap();
    let mut late = upload.clone();
    let digest = Digest::sha256(&bytes);
    fixture.store.commit(upload, &digest).await.unwrap();
    let error = fixture.store.append(&mut late, body(&bytes, 100), None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(fs::read(fixture.blob(&digest)).unwrap(), bytes);
}

/// Set for a process that runs one test and nothing beside it.
const ALONE: &str = "HAVEN_TEST_ALONE";

#[tokio::test]
async fn a_long_stream_passes_in_little_memory() {
    const SIZE: usize = 64 << 20;
    if !is_alone() {
        return pass_alone("tests::files::a_long_stream_passes_in_little_memory");
    }
    let fixture = Fixture::new();
    let bytes = content(8, 1 << 20);
    let before = resident();
    let mut upload = fixture.store.begin("a", Algorithm::Sha256).await.unwrap();
    let repeated = stream::iter((0..SIZE >> 20).map(move |_| Ok(Bytes::from(bytes.to_vec()))));
    fixture.store.append(&mut upload, repeated.boxed(), None).await.unwrap();
    let written = resident();
    assert!(written < before + (24 << 20), "{before} grew to {written} while writing");
    assert_eq!(upload.size, SIZE as u64);
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to read")]
fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs a test once more in a process of its own: what it measures is not that of the tests beside it.
fn pass_alone(name: &str) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(ALONE, "").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{why}");
}

/// Anonymous memory of this process in bytes; mapped files are the page cache's.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_sweep_takes_only_what_is_old_and_unknown() {
    let fixture = Fixture::new();
    for id in ["known", "lost"] {
        fixture.store.begin(id, Algorithm::Sha256).await.unwrap();
    }
    fs::write(fixture.path("uploads/00ff.tmp"), "left by a crash").unwrap();
    fs::write(fixture.path("uploads/NOTES.txt"), "not ours").unwrap();
    let known = HashSet::from(["known".to_owned()]);
    assert_eq!(fixture.store.sweep(Duration::from_secs(3600), &known).await.unwrap(), 0);
    assert_eq!(fixture.store.sweep(Duration::ZERO, &known).await.unwrap(), 2);
    let mut left: Vec<_> = fs::read_dir(fixture.path("uploads"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["NOTES.txt", "known"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Filesystem::open(&file).unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");

    let fixture = Fixture::new();
    fixture.store.check().await.unwrap();
    fs::set_permissions(fixture.path("uploads"), Permissions::from_mode(0o500)).unwrap();
    // The superuser may write all the same.
    if fs::write(fixture.path("uploads/probe"), "").is_err() {
        assert_eq!(fixture.store.check().await.unwrap_err().kind, Kind::Unavailable);
        assert_eq!(Filesystem::open(fixture.folder.path()).unwrap_err().kind, Kind::Unavailable);
    }
}

#[tokio::test]
async fn a_shelf_passes_over_strangers() {
    let fixture = Fixture::new();
    let shelf = fixture.path("blobs/sha256/ab");
    fs::create_dir_all(shelf.join("not-a-digest")).unwrap();
    fs::create_dir_all(shelf.join("ab".repeat(32))).unwrap();
    fs::create_dir_all(shelf.join("cd".repeat(32))).unwrap();
    fs::write(shelf.join("cd".repeat(32)).join("data"), "in the wrong place").unwrap();
    fs::write(shelf.join("ab00".repeat(16)), "a file").unwrap();
    assert_eq!(fixture.store.list(Algorithm::Sha256, 0xab).await.unwrap(), []);
}
