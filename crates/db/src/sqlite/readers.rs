//! A few read-only connections, used in place.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::closed;
use super::statement;
use crate::{Error, Kind, Result, Row, Value};

/// Idle connections, the one used last on top because its caches are warm. A permit stands for each.
pub(super) struct Readers {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
    wait: Duration,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>, wait: Duration) -> Self {
        Self { permits: Semaphore::new(connections.len()), idle: Mutex::new(connections), wait }
    }

    /// Reads on the calling thread: a point read is shorter than the way to another thread and back. `None` if the
    /// statement would write.
    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Option<Vec<Row>>> {
        // A read never waits for the outside, so a task of many reads would otherwise never let others run.
        tokio::task::coop::consume_budget().await;
        let _permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(self.wait, self.permits.acquire())
                .await
                .map_err(|_| Error::new(Kind::Busy, "all readers are busy"))?
                .map_err(|_| closed())?,
        };
        let lease = Lease { readers: self, conn: self.idle().pop() };
        statement::read(lease.conn.as_ref().ok_or_else(closed)?, sql, params)
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the connection back, also after a panic.
struct Lease<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take().filter(|_| !self.readers.permits.is_closed()) {
            self.readers.idle().push(conn);
        }
    }
}
