//! Accepting: one loop for each socket, as fast as there is room for connections.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::connection::Handler;

/// How long to wait after the system had no means for another connection, doubling up to the second figure.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// At the limit every connection that ends lets another one in. It is said so often that there is none left.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What a loop needs: room, and someone to hand the connection to.
pub(super) struct Door {
    pub(super) room: Arc<Semaphore>,
    pub(super) handler: Handler,
}

/// Accepts until the server stops. The socket is closed on return, so that nobody queues in vain.
pub(super) async fn run(socket: TcpListener, door: Door) {
    let stop = door.handler.stop.clone();
    let accepting = async {
        let (mut pause, mut said) = (PAUSE, None);
        loop {
            // Without room the queue of the kernel grows, and a client waits there instead of here.
            let Some(permit) = room(&door.room, &mut said).await else { return };
            match socket.accept().await {
                Ok((stream, peer)) => {
                    pause = PAUSE;
                    admit(&door.handler, stream, peer, permit);
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    tracing::error!(error = %error, "a connection cannot be accepted");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
}

async fn room(room: &Arc<Semaphore>, said: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
        return Some(permit);
    }
    if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
        tracing::warn!("the limit of connections is reached; new ones wait");
        *said = Some(Instant::now());
    }
    Arc::clone(room).acquire_owned().await.ok()
}

fn admit(handler: &Handler, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "TCP_NODELAY cannot be set");
    }
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let work = handler.clone().run(stream, peer);
    handler.tasks.spawn(async move {
        work.await;
        drop(permit);
    });
}

/// Errors of one connection that was gone before it was accepted. Anything else (no file handles, no memory)
/// would come back at once and must be waited out.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_file_handles_is_waited_out() {
        const EMFILE: i32 = 24;
        const ECONNABORTED: i32 = 103;
        assert!(!is_of_the_peer(&io::Error::from_raw_os_error(EMFILE)));
        assert!(is_of_the_peer(&io::Error::from_raw_os_error(ECONNABORTED)));
    }
}
