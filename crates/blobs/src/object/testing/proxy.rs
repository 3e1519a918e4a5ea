//! A proxy between a store and the server of the tests, on which the requests meet what a script says.
//!
//! A connection carries one request, because the proxy says `Connection: close` both ways; so a fault of one is never
//! a fault of another.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::super::options::Options;
use super::faults::{Asked, Fault, Rule, Script, Storm};

const HEAD_END: &[u8] = b"\r\n\r\n";
const MOST_OF_A_HEAD: usize = 64 << 10;
const COPY_SOURCES: [&str; 3] = ["x-amz-copy-source", "x-goog-copy-source", "x-ms-copy-source"];

/// A proxy, until it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    /// Host and port of the server.
    server: String,
    script: Mutex<Script>,
    connections: AtomicUsize,
    /// Ids of those that were begun on the server and not ended there.
    multiparts: Mutex<HashSet<String>>,
}

impl Proxy {
    /// Puts a proxy before the bucket of these options; returns it with the options that lead through it.
    ///
    /// # Errors
    /// When no port can be had, or when the options have no plain endpoint.
    pub async fn before(options: &Options) -> io::Result<(Self, Options)> {
        let is_endpoint = |name: &str| matches!(name, "endpoint" | "base_url");
        let endpoint = options.settings.iter().rev().find(|(name, _)| is_endpoint(name));
        let (name, url) = endpoint.ok_or(io::ErrorKind::InvalidInput)?;
        let server = url.strip_prefix("http://").ok_or(io::ErrorKind::InvalidInput)?;
        let (server, path) = server.split_at(server.find('/').unwrap_or(server.len()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}{path}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            script: Mutex::default(),
            connections: AtomicUsize::new(0),
            multiparts: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok((Self { shared, accepting }, options.clone().with(name, endpoint)))
    }

    /// Adds a fault; earlier ones come first.
    pub fn inject(&self, rule: Rule) {
        self.script().rules.push(rule);
    }

    /// Lets faults come at random.
    pub fn storm(&self, storm: Storm) {
        self.script().storm = Some(storm);
    }

    /// Ends all faults. Requests that are being kept waiting stay so.
    pub fn calm(&self) {
        let mut script = self.script();
        script.rules.clear();
        script.storm = None;
    }

    /// What was asked since the last look.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script().seen)
    }

    /// How many requests have met a fault.
    pub fn struck(&self) -> usize {
        self.script().struck
    }

    /// How many requests are under way.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many multiparts the server keeps of those that were begun here.
    pub fn multiparts(&self) -> usize {
        locked(&self.shared.multiparts).len()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        locked(&self.shared.script)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut serving = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let shared = Arc::clone(&shared);
                serving.spawn(async move {
                    let _open = Open::new(&shared);
                    // A connection that breaks is what this is about.
                    let _ = serve(client, &shared).await;
                });
            },
            Some(_) = serving.join_next() => {}
        }
    }
}

struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        Self(&shared.connections)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A request, of whose body some has come with the head.
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) length: usize,
    asked: Option<Asked>,
    /// The key and the query.
    pub(super) target: String,
    /// The multipart that it is about.
    upload: String,
}

impl Request {
    pub(super) fn method(&self) -> &str {
        self.head.split_whitespace().next().unwrap_or_default()
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(mut request) = read_head(&mut client).await? else { return Ok(()) };
    // As Google's clients write a key.
    let target = request.target.replace("%2F", "/");
    let fault = request.asked.and_then(|asked| locked(&shared.script).decide(asked, &target));
    match fault {
        Some(Fault::Cut) => return Ok(()),
        Some(Fault::Reset) => return client.set_zero_linger(),
        Some(Fault::CutRequest) => {
            let half = request.length / 2;
            read_body(&mut client, &mut request, half).await?;
            // All of it may have come with the head.
            request.body.truncate(half);
            let mut server = TcpStream::connect(&shared.server).await?;
            server.write_all(request.head.as_bytes()).await?;
            return server.write_all(&request.body).await;
        }
        _ => {}
    }
    let length = request.length;
    read_body(&mut client, &mut request, length).await?;
    match fault {
        Some(Fault::Answer(status, code)) => client.write_all(&error(&request, status, code)).await,
        Some(Fault::Garbage) => client.write_all(&page(&request, 200)).await,
        Some(Fault::Misrouted) => client.write_all(&page(&request, 404)).await,
        Some(Fault::Silence) => wait_for_the_end(&mut client).await,
        Some(Fault::Late(time)) => {
            tokio::time::sleep(time).await;
            let answer = shared.ask(&request).await?;
            client.write_all(&answer).await
        }
        after => {
            let answer = shared.ask(&request).await?;
            let half = half(&answer);
            match after {
                Some(Fault::LoseAnswer) => Ok(()),
                Some(Fault::SilenceAfter) => wait_for_the_end(&mut client).await,
                Some(Fault::CutAnswer) => client.write_all(half).await,
                Some(Fault::ShortenAnswer) => client.write_all(&shortened(&answer)).await,
                Some(Fault::StallAnswer) => {
                    client.write_all(half).await?;
                    wait_for_the_end(&mut client).await
                }
                _ => client.write_all(&answer).await,
            }
        }
    }
}

/// The head of a request, if there is one before the connection ends.
pub(super) async fn read_head(client: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = end_of_head(&bytes) {
            break end;
        }
        if bytes.len() > MOST_OF_A_HEAD || client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).map_err(io::Error::other)?;
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    let upload = query.split('&').find_map(|word| word.strip_prefix("uploadId="));
    let copies = COPY_SOURCES.iter().any(|name| header(&head, name).is_some());
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let length: usize = length.unwrap_or_default();
    body.reserve_exact(length.saturating_sub(body.len()));
    Ok(Some(Request {
        length,
        asked: Asked::of(method, query, copies),
        target: target.to_owned(),
        upload: upload.unwrap_or_default().to_owned(),
        head: head.replacen("\r\n", "\r\nconnection: close\r\n", 1),
        body,
    }))
}

/// Goes on to read a body up to this length.
pub(super) async fn read_body(
    client: &mut TcpStream,
    request: &mut Request,
    length: usize,
) -> io::Result<()> {
    let missing = length.saturating_sub(request.body.len());
    let read = client.take(missing as u64).read_to_end(&mut request.body).await?;
    if read < missing { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

async fn wait_for_the_end(client: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 1024];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}

impl Shared {
    /// The server's answer.
    async fn ask(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.server).await?;
        server.write_all(request.head.as_bytes()).await?;
        server.write_all(&request.body).await?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        let text = String::from_utf8_lossy(&answer);
        let (is_good, is_refused) = (
            text.starts_with("HTTP/1.1 20"),
            text.starts_with("HTTP/1.1 403") && text.contains("AccessDenied"),
        );
        match request.asked {
            Some(Asked::Create) if is_good => {
                let id = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
                locked(&self.multiparts).extend(id.map(|(id, _)| id.to_owned()));
            }
            Some(Asked::Complete | Asked::Abort) if is_good && !text.contains("<Error>") => {
                locked(&self.multiparts).remove(&request.upload);
            }
            // What S3 says of a multipart that has ended; the server of the tests is less exact.
            Some(Asked::Part | Asked::CopyPart | Asked::Complete | Asked::Abort) if is_refused => {
                return Ok(error(request, 404, "NoSuchUpload"));
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// An error as S3 tells it.
fn error(request: &Request, status: u16, code: &str) -> Vec<u8> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>on purpose</Message><RequestId>4711</RequestId></Error>"
    );
    answer(request, status, "application/xml", &text)
}

/// What a proxy or a portal may say in place of the storage.
fn page(request: &Request, status: u16) -> Vec<u8> {
    answer(request, status, "text/html", "<html><body>Welcome!<br></html>")
}

pub(super) fn answer(request: &Request, status: u16, kind: &str, text: &str) -> Vec<u8> {
    let text = if request.asked == Some(Asked::Head) { "" } else { text };
    let head = format!("HTTP/1.1 {status} Fault\r\ncontent-type: {kind}\r\nconnection: close\r\n");
    format!("{head}content-length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

/// The head and half of the body; half of the head where there is no body.
fn half(answer: &[u8]) -> &[u8] {
    let head = end_of_head(answer).unwrap_or_default();
    let body = answer.len() - head;
    let end = if body == 0 { head / 2 } else { head + body / 2 };
    &answer[..end]
}

/// Half of the body, under a head that knows no better.
fn shortened(answer: &[u8]) -> Vec<u8> {
    let half = half(answer);
    let (head, body) = half.split_at(end_of_head(answer).unwrap_or_default().min(half.len()));
    let head = String::from_utf8_lossy(head);
    let lines = head.lines().map(|line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("content-length") => {
            format!("content-length: {}\r\n", body.len())
        }
        _ => format!("{line}\r\n"),
    });
    [lines.collect::<String>().as_bytes(), body].concat()
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(HEAD_END.len()).position(|four| four == HEAD_END).map(|at| at + HEAD_END.len())
}

pub(super) fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
