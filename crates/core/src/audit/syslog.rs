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

/// A line of the log as one message, with the text that Harbor sends. Names that people choose cannot end a value and begin
/// another one, nor a message: what is not plain is quoted.
pub(super) fn message(at: Timestamp, entry: &Entry) -> String {
    let (operation, resource_type) = entry.act.parts();
    let time = at.rfc3339_millis();
    let mut message = format!("<{PRIORITY}>1 {time} - audit - - - operator=");
    quote(&mut message, &entry.username);
    let _ =
        write!(message, " time=\"{time}\" resourceType=\"{resource_type}\" action:{operation}, resource:");
    // The description says the name again, among words that are ours.
    let plain = is_plain(&entry.resource) && !entry.resource.contains(char::is_whitespace);
    let values = [(&entry.resource, ", operation_description:"), (&entry.description, ", operation_result:")];
    for (value, after) in values {
        if plain && is_plain(value) {
            message.push_str(value);
        } else {
            quote(&mut message, value);
        }
        message.push_str(after);
    }
    let _ = write!(message, "{}", entry.succeeded);
    message
}

/// Whether a value can stand without quotes, as nearly all do.
fn is_plain(value: &str) -> bool {
    !value.contains(|letter| matches!(letter, '"' | '\\' | ',' | '=') || is_hidden(letter))
}

/// A value in quotes, with the escapes of JSON.
fn quote(message: &mut String, value: &str) {
    message.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => message.extend(['\\', letter]),
            '\n' => message.push_str("\\n"),
            '\r' => message.push_str("\\r"),
            '\t' => message.push_str("\\t"),
            letter if is_hidden(letter) => {
                let _ = write!(message, "\\u{:04x}", u32::from(letter));
            }
            letter => message.push(letter),
        }
    }
    message.push('"');
}

/// Control characters, line ends of Unicode, and what turns around or hides the text beside it.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::super::act::Act;
    use super::*;
    use proptest::prelude::*;
    use proptest::{collection, sample::select};

    const TIME: Timestamp = Timestamp::from_secs(1_714_550_400);
    const HEAD: &str = "<110>1 2024-05-01T08:00:00.000Z - audit - - - operator=";

    #[test]
    fn a_message_is_the_one_that_harbor_sends() {
        let entry = Entry::new(Act::DeleteTag, "robot$team+ci", "team/web:v1");
        let text = "\"robot$team+ci\" time=\"2024-05-01T08:00:00.000Z\" resourceType=\"tag\" action:delete, \
                    resource:team/web:v1, operation_description:delete tag: team/web:v1, operation_result:true";
        assert_eq!(message(TIME, &entry), format!("{HEAD}{text}"));
    }

    #[test]
    fn what_is_not_plain_is_quoted() {
        let entry = Entry::new(Act::LoginUser, "a\"b\n<110>1 c\\", "x\r\n\u{202e}y").refused();
        let text = r#""a\"b\n<110>1 c\\" time="2024-05-01T08:00:00.000Z" resourceType="user" action:login, resource:"x\r\n\u202ey", operation_description:"login user: x\r\n\u202ey", operation_result:false"#;
        assert_eq!(message(TIME, &entry), format!("{HEAD}{text}"));
    }

    /// The value at the beginning of a text, as a program reads it that knows the form, and what follows.
    fn value<'a>(text: &'a str, end: &str) -> (String, &'a str) {
        if !text.starts_with('"') {
            let (value, rest) = text.split_once(end).unwrap();
            return (value.to_owned(), rest);
        }
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let value = strings.next().unwrap().unwrap();
        (value, text[strings.byte_offset()..].strip_prefix(end).unwrap())
    }

    fn names() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "\n",
            "\r\n",
            "\"",
            "\\",
            ", ",
            " ",
            "=",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{202e}",
            "\u{feff}",
            "<110>1 ",
            "operator=",
            "time=\"\" ",
            "resource:",
            ", operation_result:true",
            "\\n",
            "\\u0022",
        ];
        let piece = prop_oneof![any::<char>().prop_map(String::from), select(PIECES).prop_map(String::from)];
        collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_message_is_one_line_that_says_what_happened(name in names(), resource in names(), more in names()) {
            let entry = Entry::new(Act::UpdateUser, &name, resource).with(&more).refused();
            let message = message(TIME, &entry);
            prop_assert!(!message.contains(is_hidden), "{message:?}");
            let (operator, rest) = value(message.strip_prefix(HEAD).unwrap(), " ");
            let ours = "time=\"2024-05-01T08:00:00.000Z\" resourceType=\"user\" action:update, resource:";
            let (resource, rest) = value(rest.strip_prefix(ours).unwrap(), ", ");
            let (description, rest) = value(rest.strip_prefix("operation_description:").unwrap(), ", ");
            prop_assert_eq!(rest, "operation_result:false");
            prop_assert_eq!((operator, resource, description), (entry.username, entry.resource, entry.description));
        }
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
