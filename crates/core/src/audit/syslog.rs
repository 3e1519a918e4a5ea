//! The syslog protocol (RFC 5424), over TCP with a line to a message, or over UDP with a datagram to a message.

use super::record::Entry;
use crate::{Error, Result};
use haven_db::Timestamp;
use std::fmt::Write as _;
use std::io;
use std::net::Ipv6Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

/// Facility 13, "log audit"; severity 6, "informational".
const PRIORITY: u8 = 13 * 8 + 6;
const CONNECT: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(10);
/// A server that has seen our end closes its own. One that does not has had this long to refuse what came before.
const CLOSE: Duration = Duration::from_millis(300);

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    transport: Transport,
    address: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

impl Target {
    /// Reads `host:port`, which is TCP as in Harbor, or `tcp://host:port`, or `udp://host:port`.
    pub(super) fn parse(endpoint: &str) -> Result<Self> {
        let (transport, address) = match endpoint.split_once("://") {
            None => (Transport::Tcp, endpoint),
            Some(("tcp", address)) => (Transport::Tcp, address),
            Some(("udp", address)) => (Transport::Udp, address),
            Some(_) => return Err(nobody_at(endpoint)),
        };
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(nobody_at(endpoint));
        }
        Ok(Self { transport, address: address.to_owned() })
    }

    /// Sends messages. Whether all of them have arrived nobody knows if this fails.
    pub(super) async fn send(&self, lines: &[String]) -> io::Result<()> {
        match self.transport {
            Transport::Tcp => self.send_stream(lines).await,
            Transport::Udp => self.send_datagrams(lines).await,
        }
    }

    async fn send_stream(&self, lines: &[String]) -> io::Result<()> {
        let mut stream = in_time(CONNECT, TcpStream::connect(&self.address)).await?;
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        in_time(WRITE, stream.write_all(text.as_bytes())).await?;
        stream.shutdown().await?;
        // A refusal of what was written shows only here.
        match timeout(CLOSE, stream.read(&mut [0; 64])).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    async fn send_datagrams(&self, lines: &[String]) -> io::Result<()> {
        let found = in_time(CONNECT, lookup_host(&self.address)).await?.next();
        let address = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such host"))?;
        let socket = match address.is_ipv6() {
            true => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await?,
            false => UdpSocket::bind("0.0.0.0:0").await?,
        };
        socket.connect(address).await?;
        for line in lines {
            in_time(WRITE, socket.send(line.as_bytes())).await?;
        }
        Ok(())
    }
}

/// Whether somebody takes messages there, as far as that can be told: over UDP, whether there is such a host.
///
/// # Errors
/// `BadRequest` when not.
pub async fn probe(endpoint: &str) -> Result<()> {
    let target = Target::parse(endpoint)?;
    let reached = match target.transport {
        Transport::Tcp => in_time(CONNECT, TcpStream::connect(&target.address)).await.map(drop),
        Transport::Udp => in_time(CONNECT, lookup_host(&target.address)).await.map(drop),
    };
    reached.map_err(|error| nobody_at(endpoint).because(error))
}

fn nobody_at(endpoint: &str) -> Error {
    Error::bad_request(format!("bad request: {endpoint} of audit_log_forward_endpoint does not answer"))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A line of the log as one message, with the text that Harbor sends.
pub(super) fn message(at: Timestamp, entry: &Entry) -> String {
    let (operation, resource_type) = entry.act.parts();
    let time = at.rfc3339_millis();
    let mut message = format!("<{PRIORITY}>1 {time} - audit - - - operator=\"");
    push(&mut message, &entry.username, true);
    let _ =
        write!(message, "\" time=\"{time}\" resourceType=\"{resource_type}\" action:{operation}, resource:");
    push(&mut message, &entry.resource, false);
    message.push_str(", operation_description:");
    push(&mut message, &entry.description, false);
    let _ = write!(message, ", operation_result:{}", entry.succeeded);
    message
}

/// Names that people choose must not end a message and begin another.
fn push(message: &mut String, text: &str, quoted: bool) {
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => message.push(' '),
            '"' | '\\' if quoted => message.extend(['\\', letter]),
            letter => message.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::act::Act;
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_names_hold() {
        let entry = Entry::new(Act::LoginUser, "a\"b\n<110>1 c\\", "x\r\ny").refused();
        assert_eq!(
            message(Timestamp::from_secs(1_714_550_400), &entry),
            "<110>1 2024-05-01T08:00:00.000Z - audit - - - operator=\"a\\\"b <110>1 c\\\\\" \
             time=\"2024-05-01T08:00:00.000Z\" resourceType=\"user\" action:login, resource:x  y, \
             operation_description:login user: x  y, operation_result:false"
        );
    }

    #[test]
    fn an_endpoint_has_a_host_and_a_port() {
        let read = |text| Target::parse(text).ok().map(|target| (target.transport, target.address));
        for (text, transport, address) in [
            ("logs:514", Transport::Tcp, "logs:514"),
            ("tcp://logs:514", Transport::Tcp, "logs:514"),
            ("udp://[::1]:514", Transport::Udp, "[::1]:514"),
        ] {
            assert_eq!(read(text), Some((transport, address.to_owned())), "{text}");
        }
        for text in ["", "logs", ":514", "logs:", "logs:99999", "https://logs:514", "udp://logs"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
