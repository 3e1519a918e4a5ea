//! PostgreSQL: a pool of connections, prepared statements, `READ COMMITTED`.

mod connect;
mod error;
mod tls;
mod types;

use std::task::{Context, Waker};
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use futures::future::join_all;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;

use crate::{Answer, Error, Kind, PostgresOptions, Result, Row, Value};
use error::{failure, unreachable};
use types::Bound;

/// The most statements that one connection keeps prepared.
const STATEMENTS: usize = 512;
/// How much longer than its own time limits the server may take before it counts as gone.
const SLACK: Duration = Duration::from_secs(5);

/// The pool.
pub(crate) struct Postgres {
    pool: Pool,
    patience: Duration,
}

impl Postgres {
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self> {
        let patience = options.statement_timeout.max(options.lock_timeout) + SLACK;
        Ok(Self { pool: connect::pool(options)?, patience })
    }

    /// A read that meets a connection the server has ended meanwhile is tried once more.
    pub(crate) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut connection = self.connection().await?;
        match connection.run(sql, params).await {
            Err(error) if connection.ended(&error) && sql.trim_start().starts_with("SELECT") => {
                self.instead_of(connection).await?.run(sql, params).await
            }
            answer => answer,
        }
        .map(|answer| answer.rows)
    }

    /// As [`Self::query`] for each of several statements, which all are on their way before the first answer comes.
    pub(crate) async fn query_each(&self, statements: &[(String, Vec<Value>)]) -> Result<Vec<Vec<Row>>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection().await?;
        match connection.run_each(statements).await {
            Err(error) if connection.ended(&error) => {
                self.instead_of(connection).await?.run_each(statements).await
            }
            answers => answers,
        }
    }

    pub(crate) async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.connection().await?.run(sql, params).await.map(|answer| answer.changed)
    }

    pub(crate) async fn begin(&self) -> Result<PostgresTx> {
        match PostgresTx::begin(self.connection().await?).await {
            Err((error, connection)) if connection.ended(&error) => {
                PostgresTx::begin(self.instead_of(connection).await?).await
            }
            begun => begun,
        }
        .map_err(|(error, _)| error)
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn connection(&self) -> Result<Connection> {
        let client = self.pool.get().await.map_err(unreachable)?;
        Ok(Connection { client: Some(client), is_asked: false, patience: self.patience })
    }

    /// A new connection for one that is gone. Those that idle in the pool have most likely gone with it.
    async fn instead_of(&self, mut connection: Connection) -> Result<Connection> {
        connection.give_up();
        self.pool.retain(|_, _| false);
        self.connection().await
    }
}

/// A connection on loan from the pool, and how long its server may be silent. Without a client it is over.
struct Connection {
    client: Option<Client>,
    /// Whether a statement is on its way, or its answer.
    is_asked: bool,
    patience: Duration,
}

impl Connection {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer> {
        self.is_asked = true;
        let answer = tokio::time::timeout(self.patience, run(self.client()?, sql, params)).await;
        self.is_asked = false;
        answer.unwrap_or_else(|_| Err(self.silent().running(sql)))
    }

    /// Runs statements that only read. All are waited for, also when one fails: whoever has this connection next would
    /// wait for the rest.
    async fn run_each(&mut self, statements: &[(String, Vec<Value>)]) -> Result<Vec<Vec<Row>>> {
        self.is_asked = true;
        let client = self.client()?;
        let runs = statements.iter().map(|(sql, params)| run(client, sql, params));
        // The server works on one after the other.
        let patience = self.patience.saturating_mul(u32::try_from(statements.len()).unwrap_or(u32::MAX));
        let answers = tokio::time::timeout(patience, join_all(runs)).await;
        self.is_asked = false;
        match answers {
            Ok(answers) => answers.into_iter().map(|answer| Ok(answer?.rows)).collect(),
            Err(_) => Err(self.silent().running(&statements[0].0)),
        }
    }

    /// Begins or ends a transaction.
    async fn control(&mut self, sql: &str) -> Result<()> {
        self.is_asked = true;
        let done = tokio::time::timeout(self.patience, self.batch(sql)).await;
        self.is_asked = false;
        done.unwrap_or_else(|_| Err(self.silent().running(sql)))
    }

    /// Takes as long as it takes.
    async fn batch(&self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(sql).await.map_err(|error| failure(error).running(sql))
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| Error::internal("the transaction is over"))
    }

    /// The server neither answers nor keeps its time limits. Whoever had this connection next would wait for the same.
    fn silent(&mut self) -> Error {
        self.give_up();
        Error::unavailable("the database does not answer")
    }

    fn give_up(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Client::take(client));
        }
    }

    /// Whether the server ended this connection, so that another one may do better at once.
    fn ended(&self, error: &Error) -> bool {
        error.kind == Kind::Unavailable && self.client.is_some()
    }
}

impl Drop for Connection {
    /// Whoever gave up in the middle of a statement has not ended it: the server works on. Only when it is through may
    /// somebody else have the connection, who would wait for it otherwise.
    fn drop(&mut self) {
        let client = self.client.take().filter(|_| self.is_asked);
        if let (Some(client), Ok(runtime)) = (client, Handle::try_current()) {
            runtime.spawn(async move {
                // Answered in turn, whatever the answer is.
                let _ = client.batch_execute("").await;
            });
        }
    }
}

/// A connection inside a transaction.
pub(crate) struct PostgresTx(Connection);

impl PostgresTx {
    /// On failure gives the connection back.
    async fn begin(connection: Connection) -> Result<Self, (Error, Connection)> {
        // Made first, so that a caller who gives up while BEGIN is on its way leaves no open transaction in the pool.
        let mut tx = Self(connection);
        match tx.0.control("BEGIN ISOLATION LEVEL READ COMMITTED").await {
            Err(error) => Err((error, tx.over())),
            Ok(()) => Ok(tx),
        }
    }

    pub(crate) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer> {
        self.0.run(sql, params).await
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> Result<()> {
        self.0.batch(sql).await
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        self.0.control("COMMIT").await?;
        drop(self.over());
        Ok(())
    }

    /// The connection, with nothing left to roll back.
    fn over(&mut self) -> Connection {
        Connection { client: self.0.client.take(), is_asked: false, patience: self.0.patience }
    }
}

impl Drop for PostgresTx {
    /// Sends the rollback without waiting for the answer: the connection handles requests in order, so whoever has it
    /// next comes after it. The first poll of the future is what sends.
    fn drop(&mut self) {
        if let Some(client) = &self.0.client {
            let rollback = std::pin::pin!(client.batch_execute("ROLLBACK"));
            let _ = rollback.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

async fn run(client: &Client, sql: &str, params: &[Value]) -> Result<Answer> {
    let run = async {
        // Each text stays prepared on both sides, and callers have some say in the texts of lists.
        if client.statement_cache.size() >= STATEMENTS {
            client.statement_cache.clear();
        }
        let statement = client.prepare_cached(sql).await.map_err(failure)?;
        if statement.params().len() != params.len() {
            let (wanted, given) = (statement.params().len(), params.len());
            return Err(Error::internal(format!(
                "the statement has {wanted} parameters, but {given} were given"
            )));
        }
        let bound: Vec<Bound<'_>> = params.iter().map(Bound).collect();
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
        if statement.columns().is_empty() {
            let changed = client.execute(&statement, &bound).await.map_err(failure)?;
            return Ok(Answer { rows: Vec::new(), changed });
        }
        let rows = client.query(&statement, &bound).await.map_err(failure)?;
        let rows = rows.iter().map(types::row).collect::<Result<Vec<_>>>()?;
        let changed = rows.len() as u64;
        Ok(Answer { rows, changed })
    };
    run.await.map_err(|error| error.running(sql))
}
