//! The words of Google Cloud Storage's XML interface, on the S3 server of the tests.
//!
//! No emulator has that interface as far as it is needed here. It is S3's but for the rights, the copies and the way keys
//! are written, so those are translated: whoever has the token asks, and the server gets the same request with a
//! signature.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use http::HeaderName;
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::connect::connect;
use super::super::options::{Options, Service};
use super::proxy::{Request, answer, header, read_body, read_head};

/// Whoever has it may do everything.
const TOKEN: &str = "haven-test-secret";
const LIFETIME: Duration = Duration::from_secs(60);

/// The bucket of these options of an S3 server, in Google's words. There is one translator for a process, as long as it
/// runs.
pub(super) fn in_words_of_google(server: &Options) -> Options {
    static FRONT: OnceLock<SocketAddr> = OnceLock::new();
    let addr = FRONT.get_or_init(|| {
        let (made, addr) = mpsc::channel();
        let server = server.clone();
        // Not of the runtime of some test, with which it would end.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(translate(server, made))
        });
        addr.recv().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    });
    let mut options = Options::new(Service::Gcs, &server.bucket)
        .with("base_url", format!("http://{addr}"))
        .with("bearer_token", TOKEN);
    (options.allow_http, options.root) = (true, server.root.clone());
    options
}

async fn translate(server: Options, made: mpsc::Sender<SocketAddr>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let _ = made.send(listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move { serve(client, &server).await });
    }
}

async fn serve(mut client: TcpStream, server: &Options) -> io::Result<()> {
    let Some(mut request) = read_head(&mut client).await? else { return Ok(()) };
    let length = request.length;
    read_body(&mut client, &mut request, length).await?;
    let told = match header(&request.head, "authorization") {
        Some(rights) if rights == format!("Bearer {TOKEN}") => ask(&request, server).await?,
        _ => {
            let text = "<Error><Code>AuthenticationRequired</Code><Message>no token</Message></Error>";
            answer(&request, 401, "application/xml", text)
        }
    };
    client.write_all(&told).await
}

/// The server's answer to the same request in its own words.
async fn ask(request: &Request, server: &Options) -> io::Result<Vec<u8>> {
    let url = Url::parse(&format!("http://google{}", request.target)).map_err(io::Error::other)?;
    let path = decoded(url.path())?;
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut options = SignedUrlOptions::new().with_query(query);
    let mut headers = vec![("content-length", request.length.to_string())];
    headers.extend(header(&request.head, "range").map(|range| ("range", range.to_owned())));
    if let Some(source) = header(&request.head, "x-goog-copy-source") {
        const SOURCE: &str = "x-amz-copy-source";
        let source = decoded(source)?;
        let value = source.parse().map_err(io::Error::other)?;
        options = options.with_signed_header(HeaderName::from_static(SOURCE), value);
        headers.push((SOURCE, source));
    }
    let there = Options { bucket: bucket.to_owned(), ..server.clone() };
    let signer = connect(&there).ok().and_then(|bucket| bucket.signer).ok_or(io::ErrorKind::InvalidInput)?;
    let method = Method::from_bytes(request.method().as_bytes()).map_err(io::Error::other)?;
    let key = Path::parse(key).map_err(io::Error::other)?;
    let url =
        signer.signed_url_opts(method.clone(), &key, LIFETIME, &options).await.map_err(io::Error::other)?;
    let addr = url.socket_addrs(|| None)?;
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let head = format!(
        "{method} {}?{} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{lines}\r\n",
        url.path(),
        url.query().unwrap_or_default(),
        addr.first().ok_or(io::ErrorKind::InvalidInput)?,
    );
    let mut stream = TcpStream::connect(addr.as_slice()).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&request.body).await?;
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await?;
    Ok(told)
}

/// Bucket and key, which Google's clients write with `%2F` between the parts of a key.
fn decoded(path: &str) -> io::Result<String> {
    Path::from_url_path(path).map(String::from).map_err(io::Error::other)
}
