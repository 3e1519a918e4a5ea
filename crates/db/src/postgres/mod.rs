//! PostgreSQL: a pool of connections, prepared statements, `READ COMMITTED`.

mod connect;
mod error;
mod tls;
mod types;

use std::task::{Context, Waker};

use deadpool_postgres::{Client, Pool};
use tokio_postgres::types::ToSql;

use crate::{Answer, Error, Kind, PostgresOptions, Result, Row, Value};
use error::{failure, unreachable};
use types::Bound;

/// The most statements that one connection keeps prepared.
const STATEMENTS: usize = 512;

/// The pool.
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self> {
        Ok(Self { pool: connect::pool(options)? })
    }

    /// A read that meets a connection the server has ended meanwhile is tried once more.
    pub(crate) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let client = self.client().await?;
        match run(&client, sql, params).await {
            Err(error) if error.kind == Kind::Unavailable && sql.trim_start().starts_with("SELECT") => {
                run(&self.instead_of(client).await?, sql, params).await
            }
            answer => answer,
        }
        .map(|answer| answer.rows)
    }

    pub(crate) async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        run(&self.client().await?, sql, params).await.map(|answer| answer.changed)
    }

    pub(crate) async fn begin(&self) -> Result<PostgresTx> {
        match PostgresTx::begin(self.client().await?).await {
            Err((error, client)) if error.kind == Kind::Unavailable => {
                PostgresTx::begin(self.instead_of(client).await?).await
            }
            begun => begun,
        }
        .map_err(|(error, _)| error)
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn client(&self) -> Result<Client> {
        self.pool.get().await.map_err(unreachable)
    }

    /// A new connection for one that is gone. Those that idle in the pool have most likely gone with it.
    async fn instead_of(&self, client: Client) -> Result<Client> {
        drop(Client::take(client));
        self.pool.retain(|_, _| false);
        self.client().await
    }
}

/// A connection inside a transaction. Without one it is over.
pub(crate) struct PostgresTx {
    client: Option<Client>,
}

impl PostgresTx {
    /// On failure gives the connection back.
    async fn begin(client: Client) -> Result<Self, (Error, Client)> {
        // Made first, so that a caller who gives up while BEGIN is on its way leaves no open transaction in the pool.
        let mut tx = Self { client: Some(client) };
        match (tx.batch("BEGIN ISOLATION LEVEL READ COMMITTED").await, tx.client.take()) {
            (Err(error), Some(client)) => Err((error, client)),
            (_, client) => Ok(Self { client }),
        }
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| Error::internal("the transaction is over"))
    }

    pub(crate) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer> {
        run(self.client()?, sql, params).await
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(sql).await.map_err(|error| failure(error).running(sql))
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        self.batch("COMMIT").await?;
        self.client = None;
        Ok(())
    }
}

impl Drop for PostgresTx {
    /// Sends the rollback without waiting for the answer: the connection handles requests in order, so whoever has it
    /// next comes after it. The first poll of the future is what sends.
    fn drop(&mut self) {
        if let Some(client) = &self.client {
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
