//! Taking in what is left of a body that nobody wants any more.
//!
//! A request may be answered before its body is through: too large, no rights, somebody else is writing. If the
//! connection were closed then, the bytes that are still under way would be answered with a reset, which can overtake
//! the answer: the client, or the proxy in between, sees a broken connection instead of the reason. So the rest is
//! taken in and thrown away for a while, which most of the time also keeps the connection.

use std::{future::poll_fn, pin::Pin, time::Duration};

use http::{HeaderMap, Version, header};
use hyper::body::{Body as _, Incoming};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Whoever has not seen the answer after so long, or so many bytes, does not look for it.
const LONGEST: Duration = Duration::from_secs(5);
const MOST: u64 = 64 << 20;

/// The right to linger over the body of one request.
pub(super) struct Linger {
    tasks: TaskTracker,
    /// A client that waits for `100 Continue` has sent nothing, and asking it for more would make it.
    waits: bool,
}

impl Linger {
    /// None where it is of no use: a stream of HTTP/2 ends by itself.
    pub(super) fn over(version: Version, headers: &HeaderMap, tasks: &TaskTracker) -> Option<Self> {
        let waits = headers.contains_key(header::EXPECT);
        (version < Version::HTTP_2).then(|| Self { tasks: tasks.clone(), waits })
    }

    /// The body is being read, so it is coming.
    pub(super) fn asked(&mut self) {
        self.waits = false;
    }

    /// Takes in the rest. It ends with the connection, if that ends first.
    pub(super) fn begin(self, mut body: Incoming) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.waits || body.is_end_stream() {
            return;
        }
        let rest = async move {
            let mut taken = 0;
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                taken += frame.data_ref().map_or(0, |data| data.len() as u64);
                if taken > MOST {
                    return;
                }
            }
        };
        self.tasks.spawn_on(async { drop(tokio::time::timeout(LONGEST, rest).await) }, &runtime);
    }
}
