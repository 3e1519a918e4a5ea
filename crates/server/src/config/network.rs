//! Where the server listens, under which name it is known, and whom it believes.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use haven_web::conn::Cidr;

use super::settings::Settings;

/// A host name that is only an example; Harbor refuses it too.
const SAMPLE_HOST: &str = "reg.mydomain.com";
/// How the template's example paths of certificate and key begin.
const SAMPLE_PATH: &str = "/your/";
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// A socket to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address to bind.
    pub addr: SocketAddr,
    /// What is spoken there.
    pub serves: Serves,
}

/// What is spoken on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// The product over plain HTTP.
    Http,
    /// The product over TLS.
    Https,
    /// Nothing but the advice to come back over TLS.
    Redirect {
        /// The port that clients shall use.
        https_port: u16,
    },
}

/// The files of the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
}

/// The URL under which clients reach the registry: a scheme, a host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    /// Whether the scheme is `https`.
    pub https: bool,
    /// The host, an IPv6 address in brackets.
    pub host: String,
    /// The port, when it is not the scheme's own.
    pub port: Option<u16>,
}

impl ExternalUrl {
    fn new(https: bool, host: &str, port: Option<u16>) -> Self {
        let usual = if https { 443 } else { 80 };
        Self { https, host: host.to_ascii_lowercase(), port: port.filter(|port| *port != usual) }
    }

    /// `host` or `host:port`, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }
}

impl fmt::Display for ExternalUrl {
    /// Without a trailing slash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority())
    }
}

impl FromStr for ExternalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: http::Uri = text.parse().map_err(|_| format!("`{text}` is not a URL"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{text}` must begin with `https://` or `http://`")),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("`{text}` names no host"))?;
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(format!("`{text}` has a path; the registry must be at the root of its host"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a user name has no place here".to_owned());
        }
        Ok(Self::new(https, host, uri.port_u16()))
    }
}

/// The endpoint for Prometheus, on a socket of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The address to bind.
    pub addr: SocketAddr,
    /// The path, `/metrics` unless it was changed.
    pub path: String,
}

/// Everything about the network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) listen: Vec<Listen>,
    pub(super) tls: Option<Tls>,
    pub(super) hostname: Option<String>,
    pub(super) external_url: Option<ExternalUrl>,
    pub(super) trusted_proxies: Vec<Cidr>,
    pub(super) metrics: Option<Metrics>,
}

pub(super) fn read(settings: &mut Settings) -> Network {
    let any = any_address(settings);
    let tls = tls(settings);
    let hostname = hostname(settings);
    let given = external_url(settings);
    let ports = Ports {
        http: settings.number("http.port", 0, u16::MAX),
        https: settings.number("https.port", 0, u16::MAX).unwrap_or(443),
    };
    let chosen = chosen(settings, any, tls.is_some());
    let external_url = given.or_else(|| ports.url(hostname.as_deref()?, tls.is_some(), chosen.is_some()));
    let listen = chosen.unwrap_or_else(|| ports.listen(any, tls.is_some(), external_url.as_ref()));
    let metrics = metrics(settings, any);
    check_unique(settings, &listen, metrics.as_ref());
    Network { listen, tls, hostname, external_url, trusted_proxies: trusted_proxies(settings), metrics }
}

struct Ports {
    http: Option<u16>,
    https: u16,
}

impl Ports {
    /// The sockets of `http.port` and `https.port`.
    fn listen(&self, any: IpAddr, tls: bool, url: Option<&ExternalUrl>) -> Vec<Listen> {
        let at = |port| SocketAddr::new(any, port);
        match self.http {
            http if tls => {
                // Behind a forwarded port clients know another number than the one bound here.
                let public = url.filter(|url| url.https).map(|url| url.port.unwrap_or(443));
                let https_port = public.unwrap_or(self.https);
                let secure = Listen { addr: at(self.https), serves: Serves::Https };
                let redirect =
                    http.map(|port| Listen { addr: at(port), serves: Serves::Redirect { https_port } });
                redirect.into_iter().chain([secure]).collect()
            }
            Some(port) => vec![Listen { addr: at(port), serves: Serves::Http }],
            None => vec![Listen { addr: SocketAddr::from(([127, 0, 0, 1], 8080)), serves: Serves::Http }],
        }
    }

    /// What `hostname` and the ports say about the outside, as long as they are what is listened on.
    fn url(&self, hostname: &str, tls: bool, overridden: bool) -> Option<ExternalUrl> {
        if overridden {
            return None;
        }
        let host = if hostname.contains(':') { format!("[{hostname}]") } else { hostname.to_owned() };
        let port = if tls { self.https } else { self.http? };
        Some(ExternalUrl::new(tls, &host, Some(port)))
    }
}

/// The address that means "every interface". Linux lets an IPv6 socket take IPv4 connections as well.
fn any_address(settings: &mut Settings) -> IpAddr {
    let ipv4 = settings.flag("ip_family.ipv4.enabled").unwrap_or(true);
    let ipv6 = settings.flag("ip_family.ipv6.enabled").unwrap_or(false);
    if !ipv4 && !ipv6 {
        settings.complain("ip_family.ipv4.enabled", "IPv4 and IPv6 cannot both be off");
    }
    if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

fn tls(settings: &mut Settings) -> Option<Tls> {
    let certificate = path(settings, "https.certificate");
    let private_key = path(settings, "https.private_key");
    match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => Some(Tls { certificate, private_key }),
        (None, None) if !settings.has("https.port") => None,
        (certificate, _) => {
            let missing = if certificate.is_none() { "certificate" } else { "private_key" };
            let there = ["https.port", "https.certificate", "https.private_key"];
            let place = there.iter().find(|key| settings.has(key)).copied().unwrap_or("https.port");
            settings.complain(place, format!("`https.{missing}` must be given too"));
            None
        }
    }
}

fn path(settings: &mut Settings, key: &str) -> Option<PathBuf> {
    let text = settings.text(key)?;
    if text.starts_with(SAMPLE_PATH) {
        settings.complain(key, "is still the sample path");
    }
    Some(PathBuf::from(text))
}

fn hostname(settings: &mut Settings) -> Option<String> {
    let name = settings.text("hostname")?;
    if name == SAMPLE_HOST {
        settings.complain("hostname", format!("`{SAMPLE_HOST}` is only a sample; give this host's own name"));
    } else if name.contains('/') || (name.contains(':') && name.parse::<Ipv6Addr>().is_err()) {
        settings.complain("hostname", "must be a name or an IP address, without scheme, port or path");
    } else {
        return Some(name);
    }
    None
}

fn external_url(settings: &mut Settings) -> Option<ExternalUrl> {
    let text = settings.text("external_url")?;
    text.parse().map_err(|problem: String| settings.complain("external_url", problem)).ok()
}

/// The sockets of `haven.listen`, which take the place of both ports.
fn chosen(settings: &mut Settings, any: IpAddr, tls: bool) -> Option<Vec<Listen>> {
    let items = settings.list("haven.listen")?;
    if items.is_empty() {
        settings.complain("haven.listen", "names no address");
    }
    let serves = if tls { Serves::Https } else { Serves::Http };
    let mut found = Vec::new();
    for item in items {
        match address(&item, any) {
            Some(addr) => found.push(Listen { addr, serves }),
            None => settings.complain(
                "haven.listen",
                format!("`{item}` is not an address such as `{DEFAULT_LISTEN}` or `:8080`"),
            ),
        }
    }
    Some(found)
}

fn address(text: &str, any: IpAddr) -> Option<SocketAddr> {
    if let Some(port) = text.strip_prefix(':') {
        return Some(SocketAddr::new(any, port.parse().ok()?));
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        return Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().ok()?));
    }
    text.parse().ok()
}

fn trusted_proxies(settings: &mut Settings) -> Vec<Cidr> {
    let loopback = || vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()];
    let items = settings.list("haven.trusted_proxies").unwrap_or_else(loopback);
    let mut found = Vec::new();
    for item in items {
        match item.parse() {
            Ok(network) => found.push(network),
            Err(problem) => settings.complain("haven.trusted_proxies", problem),
        }
    }
    found
}

fn metrics(settings: &mut Settings, any: IpAddr) -> Option<Metrics> {
    let enabled = settings.flag("metric.enabled").unwrap_or(false);
    let port = settings.number("metric.port", 0, u16::MAX).unwrap_or(9090);
    let path = settings.text("metric.path").unwrap_or_else(|| "/metrics".to_owned());
    if !path.starts_with('/') {
        settings.complain("metric.path", "must begin with `/`");
    }
    enabled.then(|| Metrics { addr: SocketAddr::new(any, port), path })
}

/// One port cannot serve two purposes, whatever the interfaces.
fn check_unique(settings: &mut Settings, listen: &[Listen], metrics: Option<&Metrics>) {
    let mut seen: Vec<SocketAddr> = Vec::new();
    for addr in listen.iter().map(|listen| listen.addr).chain(metrics.map(|metrics| metrics.addr)) {
        let clashes = |other: &SocketAddr| {
            let overlap =
                other.ip() == addr.ip() || other.ip().is_unspecified() || addr.ip().is_unspecified();
            other.port() == addr.port() && addr.port() != 0 && overlap
        };
        if seen.iter().any(clashes) {
            settings.problems.general(format!("port {} is wanted for two purposes", addr.port()));
        }
        seen.push(addr);
    }
}
