//! An HTTP client that costs little, for it shares the machine with the server: HTTP/1.1 by hand over one buffer, and
//! hyper for HTTP/2.

mod connect;
mod exchange;
mod h2;
mod registry;

pub(crate) use connect::Connector;
pub(crate) use exchange::{Connection, Head};
pub(crate) use h2::Multiplexed;
pub(crate) use registry::Registry;

use crate::Result;

/// The status that was expected, or an error with the beginning of what came instead.
pub(crate) fn expect(got: u16, wanted: u16, what: &str, body: &[u8]) -> Result<()> {
    if got == wanted {
        return Ok(());
    }
    let body: String = String::from_utf8_lossy(body).chars().take(300).collect();
    Err(format!("{what} answered {got} instead of {wanted}: {body}").into())
}
