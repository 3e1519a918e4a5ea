//! The way to the bucket, which outlives those who use it.
//!
//! A service carries out what it was asked in full, whether or not whoever asked is still alive. The server of the tests
//! does not: when the connection breaks it drops the request in the middle, and with it a multipart that it was just
//! making one object of. So the connection to it stays for a while after our side of it has died.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long a connection stays when its client has gone.
pub(crate) const LINGER: Duration = Duration::from_secs(3);
const BUFFER: usize = 64 << 10;

/// Opens a way to `server`; returns the address of its near end.
pub(crate) async fn open(server: String) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            tokio::spawn(pass(client, server.clone()));
        }
    });
    address
}

async fn pass(client: TcpStream, server: String) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut asked, mut told), (mut answered, mut passed)) = (client.into_split(), server.into_split());
    let there = async {
        // Ends when the client has gone, in whatever way.
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = asked.read(&mut buffer).await {
            if passed.write_all(&buffer[..count]).await.is_err() {
                break;
            }
            acknowledge(passed.as_ref());
        }
        tokio::time::sleep(LINGER).await;
    };
    let back = async {
        let mut buffer = vec![0; BUFFER];
        let mut is_heard = true;
        while let Ok(count @ 1..) = answered.read(&mut buffer).await {
            acknowledge(answered.as_ref());
            is_heard = is_heard && told.write_all(&buffer[..count]).await.is_ok();
        }
    };
    tokio::select! { () = there => {}, () = back => {} }
    Ok(())
}

/// The server of the tests sends the body of an answer only when its head has been acknowledged, which systems put off for
/// 40 ms unless they are asked not to.
fn acknowledge(server: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(server, true);
    #[cfg(not(target_os = "linux"))]
    let _ = server;
}
