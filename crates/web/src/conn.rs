//! Who asks, and under which name: the connection, and the origin that a client believes it speaks to.
//!
//! Forwarded headers are claims. They are believed only when the peer is one of the proxies that we were told to trust.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::FromRequestParts;
use bytes::Bytes;
use haven_core::Error;
use http::request::Parts;
use http::{HeaderMap, Uri, header};

/// The connection a request came in on; the accept loop puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnInfo {
    pub peer: SocketAddr,
    /// Whether we ended TLS ourselves.
    pub tls: bool,
}

impl Default for ConnInfo {
    /// A plain connection from this machine.
    fn default() -> Self {
        Self { peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls: false }
    }
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As it is written in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A range of addresses, as `10.0.0.0/8` or as a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether the address lies in this range. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                prefix(u128::from(own.to_bits()), 32, self.bits)
                    == prefix(u128::from(other.to_bits()), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                prefix(own.to_bits(), 128, self.bits) == prefix(other.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

/// The leading bits of an address that is `width` bits wide.
fn prefix(address: u128, width: u8, bits: u8) -> u128 {
    address.checked_shr(u32::from(width - bits)).unwrap_or_default()
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a network such as `10.0.0.0/8` or an IP address");
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| invalid())?;
        if bits > width { Err(invalid()) } else { Ok(Self { address, bits }) }
    }
}

/// The URL under which the registry is known, as configured: a scheme and a host, perhaps with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    pub scheme: Scheme,
    pub host: String,
}

impl FromStr for ExternalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("not of the form https://host or https://host:port: {text:?}");
        let (scheme, host) = text.split_once("://").ok_or_else(invalid)?;
        let host = host.strip_suffix('/').unwrap_or(host);
        let scheme = Scheme::parse(scheme).ok_or_else(invalid)?;
        if is_host(host) { Ok(Self { scheme, host: host.to_owned() }) } else { Err(invalid()) }
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)
    }
}

/// What we were told about the network around us.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Proxies whose forwarded headers are believed.
    pub trusted: Vec<Cidr>,
    pub external_url: Option<ExternalUrl>,
    pub redirects: Redirects,
    /// The certificate of the authority that clients have to trust, PEM.
    pub ca_certificate: Option<Bytes>,
}

/// Which clients are sent to the storage for a blob, where the storage can be asked by anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// All bytes go through us.
    #[default]
    Nobody,
    Everybody,
    /// Only clients with these addresses; the storage may be out of reach for others.
    Within(Vec<Cidr>),
}

impl Redirects {
    /// Whether a client with this address is sent there.
    pub fn include(&self, client: IpAddr) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Within(networks) => networks.iter().any(|network| network.contains(client)),
        }
    }
}

/// Where the client believes that it speaks to, and from where it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub scheme: Scheme,
    /// Host and perhaps port; checked, so it may be put into a header or, escaped, into a page.
    pub host: Option<String>,
    pub client_ip: IpAddr,
}

impl Origin {
    /// Reads it from a request. A host that is none is a bad request.
    pub fn read(network: &Network, conn: ConnInfo, uri: &Uri, headers: &HeaderMap) -> Result<Self, Error> {
        let peer = conn.peer.ip().to_canonical();
        let trusts = |address: IpAddr| network.trusted.iter().any(|range| range.contains(address));
        let forwarded = trusts(peer).then_some(headers);
        let told = forwarded.and_then(|headers| first(headers, "x-forwarded-proto")).and_then(Scheme::parse);
        let own = if conn.tls { Scheme::Https } else { Scheme::Http };
        let external = network.external_url.as_ref();
        let scheme = external.map(|url| url.scheme).or(told).unwrap_or(own);
        let host = match forwarded.and_then(|headers| forwarded_host(headers, scheme)) {
            Some(host) => Some(host),
            None => asked_host(uri, headers)?.or_else(|| external.map(|url| url.host.clone())),
        };
        if host.as_deref().is_some_and(|host| !is_host(host)) {
            return Err(Error::bad_request("the host is malformed"));
        }
        let client_ip = forwarded.map_or(peer, |headers| client(headers, peer, trusts));
        Ok(Self { scheme, host, client_ip })
    }

    /// The URL that everything of ours is below, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.host.as_deref().unwrap_or("localhost"))
    }

    /// Whether the client came over TLS, as far as we can know.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self { scheme: Scheme::Http, host: None, client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    /// The outer layer has read it; without that layer the request comes from this machine.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// The host of the URL (HTTP/2, or an absolute URL), or of the one `Host` header.
fn asked_host(uri: &Uri, headers: &HeaderMap) -> Result<Option<String>, Error> {
    if let Some(authority) = uri.authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    match host.to_str() {
        Ok(host) if hosts.next().is_none() => Ok(Some(host.to_owned()).filter(|host| !host.is_empty())),
        _ => Err(Error::bad_request("the host is malformed")),
    }
}

/// The host that a trusted proxy was asked for; the port may come apart from it.
fn forwarded_host(headers: &HeaderMap, scheme: Scheme) -> Option<String> {
    let host = first(headers, "x-forwarded-host")?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let port = first(headers, "x-forwarded-port").and_then(|port| port.parse::<u16>().ok());
    match port.filter(|port| !has_port && *port != scheme.default_port()) {
        Some(port) => Some(format!("{host}:{port}")),
        None => Some(host.to_owned()),
    }
}

/// The first of several values, which is the one nearest to the client.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    let first = value.split(',').next()?.trim();
    Some(first).filter(|first| !first.is_empty())
}

/// Walks back through the proxies that we trust: the first address that is none of them is the client.
fn client(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    let mut client = peer;
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Some(address) = address(hop.trim()) else { return client };
        client = address;
        if !trusts(address) {
            return client;
        }
    }
    client
}

/// An address, which some proxies write with a port or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bare = bracketed.parse().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|ip: IpAddr| ip.to_canonical())
}

/// Whether this is a host, perhaps with a port, and nothing else.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let good_port = port.is_none_or(|port| {
        (1..=5).contains(&port.len())
            && port.bytes().all(|b| b.is_ascii_digit())
            && port.parse::<u16>().is_ok()
    });
    let good_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    text.len() <= 255 && good_port && good_name
}

#[cfg(test)]
mod tests;
