//! Kills a real Haven in the middle of pushes, again and again, and looks what is left:
//! `scripts/crash.sh`, or `HAVEN_BIN=target/release/haven cargo run -p haven-server --example crash`.
//!
//! Several clients push at once: blobs at once, in chunks and by mounts, manifests, indexes, tags of their own and a
//! contested one. At a random moment comes SIGKILL. Then `haven fsck` looks while nothing runs, Haven starts again, and
//! everything that was acknowledged must be there byte for byte, nothing else may be visible in part, and every push
//! that broke off must succeed when it is repeated or resumed.
//!
//! | variable | |
//! |---|---|
//! | `HAVEN_BIN` | the program |
//! | `CRASHES` | how often (25) |
//! | `CRASH_SEED` | repeats the choices of a run, though not the moments at which the kernel acts |
//! | `HAVEN_TEST_POSTGRES` | a server on which a database is made; SQLite otherwise |
//! | `HAVEN_TEST_S3` | a server in whose bucket the blobs are kept, as `scripts/with-s3.sh` sets it; a folder otherwise |
//!
//! In a bucket some blobs are large enough for multiparts, and a request that the service has taken in is carried out
//! although the program is dead. At the end uploads are abandoned and made to look old, and the program must remove them
//! with everything that lies in storage of them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on must fail, and tells on a terminal how far it is"
)]

mod dice;
mod haven;
mod ledger;
mod push;
mod relay;
mod storage;
mod verify;
mod wire;

use dice::Dice;
use haven::{Haven, PASSWORD, Sweeper};
use ledger::Ledger;
use push::{Client, PROJECTS};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storage::Storage;
use tokio::task::JoinSet;
use verify::Verifier;
use wire::Api;

const CLIENTS: usize = 6;
/// A claim of a dead request holds for 15 s.
const CLAIM: Duration = Duration::from_secs(17);

/// Nothing may be waited for longer than this.
const SOON: Duration = Duration::from_secs(120);
/// Longer than an upload may rest.
const OLD: Duration = Duration::from_secs(3 * 3600);

/// How many blobs without a row are removed from under pushes of the same; in a bucket, where the two meet more often because
/// a removal takes longer, the second.
const LEFT_BEHIND: [usize; 2] = [600, 150];

#[tokio::main]
async fn main() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let crashes = number("CRASHES").unwrap_or(25);
    let now = haven_db::Clock::system().now().0.unsigned_abs();
    let seed = number("CRASH_SEED").unwrap_or(now);
    let program = std::env::var("HAVEN_BIN").expect("HAVEN_BIN names the program");
    let program = std::fs::canonicalize(program).expect("there is a program at HAVEN_BIN");
    let server = std::env::var("HAVEN_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    let folder = tempfile::Builder::new().prefix("haven-crash.").tempdir().unwrap();
    let url = match &server {
        Some(server) => make_database(server, seed).await,
        None => format!("sqlite:{}", folder.path().join("data/haven.db").display()),
    };
    let engine = if server.is_some() { "PostgreSQL" } else { "SQLite" };
    let of_server = std::env::var("HAVEN_TEST_S3_FOLDER").ok().map(PathBuf::from);
    let bucket = Storage::bucket(&format!("crash-{seed:x}"), of_server).await;
    let place = if bucket.is_some() { "a bucket" } else { "a folder" };
    println!("{crashes} crashes on {engine} and {place}, CRASH_SEED={seed}");
    let storage = bucket.unwrap_or_else(|| Storage::folder(&folder.path().join("data")));
    let mut run = Run {
        haven: Haven::new(program, folder.path(), url, storage),
        ledger: Arc::default(),
        dice: Dice::new(seed),
        authorization: String::new(),
        orphans: BTreeSet::new(),
        refused: Arc::default(),
        total: Total::default(),
    };
    // A failure leaves everything where it is, to be looked at.
    let kept = folder.keep();
    println!("in {}", kept.display());
    run.story(crashes).await;
    drop(run);
    std::fs::remove_dir_all(kept).unwrap();
}

async fn make_database(server: &str, seed: u64) -> String {
    let name = format!("haven_crash_{seed:x}");
    let options = haven_db::PostgresOptions::new(server);
    let db = haven_db::Db::open(haven_db::Options::Postgres(options)).await.unwrap();
    db.execute(&format!("CREATE DATABASE {name}"), &[]).await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

async fn ended(mut clients: JoinSet<()>) {
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client met what it must not meet");
    }
}

#[derive(Default)]
struct Total {
    slowest_start: Duration,
    blobs: u64,
    manifests: u64,
    tags: u64,
    retried: u64,
    resumed: u64,
    swept: u64,
}

struct Run {
    haven: Haven,
    ledger: Arc<Mutex<Ledger>>,
    dice: Dice,
    authorization: String,
    /// Blobs that were ever found without a row.
    orphans: BTreeSet<String>,
    refused: Arc<AtomicU64>,
    total: Total,
}

impl Run {
    async fn story(&mut self, crashes: u64) {
        let started = Instant::now();
        self.haven.start();
        self.haven.ready().await;
        self.prepare().await;
        for crash in 1..=crashes {
            self.crash().await;
            self.look(crash % 20 == 0).await;
            self.recover().await;
            if crash % 25 == 0 || crash == crashes {
                println!("{}", self.told(crash, started));
            }
        }
        self.last(crashes, started).await;
        println!("nothing acknowledged was lost, nothing half-written was seen");
    }

    fn told(&self, crash: u64, started: Instant) -> String {
        let (ledger, total) = (self.ledger.lock().unwrap(), &self.total);
        format!(
            "{crash} crashes, {} s: {} acknowledged; seen again {} blobs, {} manifests, {} tags; {} pushes repeated, \
             {} uploads resumed; {} orphans of crashes; {} blobs removed beside pushes, {} pushes asked to come again; \
             slowest start {} ms",
            started.elapsed().as_secs(),
            ledger.acknowledged,
            total.blobs,
            total.manifests,
            total.tags,
            total.retried,
            total.resumed,
            self.orphans.len(),
            total.swept,
            self.refused.load(Ordering::Relaxed),
            total.slowest_start.as_millis()
        )
    }

    /// The second project.
    async fn prepare(&mut self) {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("admin:{PASSWORD}"));
        let api = Api { authorization: format!("Basic {basic}"), ..self.haven.api() };
        let body = serde_json::json!({ "project_name": PROJECTS[1], "metadata": { "public": "false" } });
        let json = [("content-type", "application/json")];
        let path = "/api/v2.0/projects";
        let made = api.send(http::Method::POST, path, &json, body.to_string().into()).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        self.authorization = format!("Basic {basic}");
    }

    fn api(&self) -> Api {
        Api { authorization: self.authorization.clone(), ..self.haven.api() }
    }

    fn client(&mut self, number: usize, swept: bool) -> Client {
        let (ledger, refused) = (Arc::clone(&self.ledger), Arc::clone(&self.refused));
        let bucket = self.haven.storage.is_bucket;
        Client { api: self.api(), ledger, dice: self.dice.fork(), number, refused, swept, bucket }
    }

    /// Clients at work, and a sudden end. Now and then somebody removes orphans meanwhile, and ends as suddenly.
    async fn crash(&mut self) {
        let before = self.ledger.lock().unwrap().acknowledged;
        let swept = self.dice.below(4) == 0;
        let clients = self.start_clients(swept);
        let sweeper = swept.then(|| self.start_sweep());
        let patience = Instant::now();
        while self.ledger.lock().unwrap().acknowledged == before && clients.len() == CLIENTS {
            assert!(patience.elapsed() < SOON, "nothing is acknowledged");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(self.dice.below(300_000) as u64)).await;
        self.haven.kill();
        drop(sweeper);
        ended(clients).await;
    }

    fn start_sweep(&self) -> Sweeper {
        if self.haven.storage.is_bucket {
            self.ledger.lock().unwrap().expose();
        }
        self.haven.sweep()
    }

    fn start_clients(&mut self, swept: bool) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(self.client(number, swept).run());
        }
        clients
    }

    /// What crashes leave is removed while the very same is pushed again. The leavings are made by hand, because crashes
    /// leave too few for the two to meet often.
    async fn sweep(&mut self) {
        let count = LEFT_BEHIND[usize::from(self.haven.storage.is_bucket)];
        let contents: Vec<_> = (0..count).map(|_| self.dice.content()).collect();
        for content in &contents {
            let digest = self.ledger.lock().unwrap().sent(content);
            self.haven.storage.leave(&digest, content).await;
        }
        let sweeper = self.start_sweep();
        let mut clients = JoinSet::new();
        for (number, some) in contents.chunks(count / CLIENTS).enumerate() {
            let (client, some) = (self.client(number, true), some.to_vec());
            clients.spawn(async move {
                for content in some {
                    client.monolithic("library/source", &content).await.unwrap();
                }
            });
        }
        ended(clients).await;
        self.total.swept += sweeper.removed().await;
    }

    /// While nothing runs: whatever is in storage beyond the rows is whole and was sent by somebody, and of uploads only those
    /// are half there that were just coming to their end.
    async fn look(&mut self, deep: bool) {
        let mut arguments = vec!["--grace", "0"];
        arguments.extend(deep.then_some("--deep"));
        let (_, findings) = self.haven.fsck(&arguments);
        for finding in findings {
            let subject = finding["subject"].as_str().unwrap();
            match finding["fault"].as_str().unwrap() {
                "orphaned-blob" => self.look_at_orphan(subject).await,
                "lost-upload" | "stray-upload" => self.look_at_upload(subject, &finding),
                _ => panic!("{finding:#}"),
            }
        }
        let (_, findings) = self.haven.fsck(&[]);
        for finding in findings {
            assert_eq!(finding["fault"], "lost-upload", "{finding:#}");
            self.look_at_upload(finding["subject"].as_str().unwrap(), &finding);
        }
    }

    async fn look_at_orphan(&mut self, digest: &str) {
        if self.orphans.insert(digest.to_owned()) {
            let stored = self.haven.storage.stored(digest).await.expect("what was found is there");
            let ledger = self.ledger.lock().unwrap();
            assert!(ledger.universe.contains_key(digest), "nobody sent {digest}");
            assert!(ledger.knows(digest, &stored), "half a blob under its digest: {digest}");
        }
    }

    fn look_at_upload(&self, subject: &str, finding: &serde_json::Value) {
        let id = subject.strip_prefix("upload ").unwrap();
        assert!(self.ledger.lock().unwrap().may_be_half(id), "{finding:#}");
    }

    /// A removal from a bucket whose owner was killed may still come to pass, and for that long its digest is refused. Here
    /// it is soon over: what is on its way arrives, and the rest of the time is taken as gone by.
    async fn outlast_removals(&self) {
        if !self.haven.storage.is_bucket {
            return;
        }
        let db = self.haven.database().await;
        let begun = "SELECT COUNT(*) FROM blob_removal WHERE generation % 2 = 1";
        if db.query_one(begun, &[]).await.unwrap().get::<i64>(0).unwrap() > 0 {
            tokio::time::sleep(relay::LINGER * 2).await;
            let over = "UPDATE blob_removal SET changed_at = 1 WHERE generation % 2 = 1";
            db.execute(over, &[]).await.unwrap();
        }
        db.close().await;
    }

    async fn recover(&mut self) {
        self.outlast_removals().await;
        self.haven.start();
        // Now and then the next crash comes before it is there.
        if self.dice.below(8) == 0 {
            tokio::time::sleep(Duration::from_micros(self.dice.below(60_000) as u64)).await;
            self.haven.kill();
            self.haven.start();
        }
        self.total.slowest_start = self.total.slowest_start.max(self.haven.ready().await);
        self.verify(false).await;
    }

    /// What nobody finishes goes when it is old, with all that storage has of it, whatever crashes have left.
    async fn reclaim(&mut self) {
        self.abandon().await;
        self.haven.kill();
        if self.haven.storage.is_bucket {
            // What is on its way still arrives.
            tokio::time::sleep(relay::LINGER * 2).await;
        }
        let (uploads, multiparts) =
            (self.haven.storage.uploads().await, self.haven.storage.open_multiparts());
        if !self.haven.storage.age_uploads(OLD) {
            println!("uploads cannot be made older here");
            self.haven.start();
            self.haven.ready().await;
            return;
        }
        let db = self.haven.database().await;
        let rows = db.execute("UPDATE upload SET updated_at = 1, lease_until = 0", &[]).await.unwrap();
        self.haven.start();
        self.haven.ready().await;
        let patience = Instant::now();
        loop {
            let left: i64 = db.query_one("SELECT COUNT(*) FROM upload", &[]).await.unwrap().get(0).unwrap();
            if left == 0 && self.haven.storage.uploads().await == 0 {
                break;
            }
            assert!(patience.elapsed() < SOON, "{left} abandoned uploads are not removed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.haven.storage.open_multiparts(), 0, "parts of abandoned uploads are left");
        db.close().await;
        println!("{rows} abandoned uploads removed, {uploads} with bytes, {multiparts} with a multipart");
    }

    /// Begins some uploads that nobody will go on with; the last one breaks off in the middle.
    async fn abandon(&mut self) {
        for number in 0..4 {
            let mut client = self.client(number, false);
            let content = if client.bucket { client.dice.large() } else { client.dice.content() };
            let at = client.begin("library/source", &content).await.unwrap();
            let sending = client.append(&at, content.slice(..content.len() - 1), number % 2 == 0);
            if number < 3 {
                assert!(sending.await.unwrap());
            } else {
                let _ = tokio::time::timeout(Duration::from_millis(40), sending).await;
            }
            self.ledger.lock().unwrap().sessions.remove(&at);
        }
    }

    async fn verify(&mut self, everything: bool) -> u64 {
        // What crashes left is removed while the same is pushed again.
        let sweeper = (self.dice.below(2) == 0).then(|| self.start_sweep());
        let mut verifier = Verifier::new(self.client(usize::MAX, sweeper.is_some()));
        verifier.acknowledged(everything).await;
        verifier.retry().await;
        verifier.resume().await;
        let counts = verifier.counts;
        if let Some(sweeper) = sweeper {
            self.total.swept += sweeper.removed().await;
        }
        self.total.blobs += counts.blobs;
        self.total.manifests += counts.manifests;
        self.total.tags += counts.tags;
        self.total.retried += counts.retried;
        self.total.resumed += counts.resumed;
        counts.waiting
    }

    /// Everything once more, and what crashes left is removed while Haven runs.
    async fn last(&mut self, crashes: u64, started: Instant) {
        while self.verify(true).await > 0 {
            tokio::time::sleep(CLAIM).await;
        }
        self.sweep().await;
        println!("{}", self.told(crashes, started));
        self.verify(true).await;
        self.reclaim().await;
        let (status, findings) = self.haven.fsck(&["--deep", "--repair", "--grace", "0"]);
        assert_eq!(status, 0, "{findings:#?}");
        println!("{} orphans removed", findings.len());
        let (status, findings) = self.haven.fsck(&["--deep", "--grace", "0"]);
        assert!(status == 0 && findings.is_empty(), "{findings:#?}");
        self.verify(true).await;
        self.haven.kill();
    }
}
