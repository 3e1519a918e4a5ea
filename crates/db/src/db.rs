//! The handle on the database: reads, single-statement writes, and the door to transactions.

use std::sync::Arc;

use crate::options::{Engine, Options};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Read, Result, Row, Tx, Value, exactly_one, migrate};

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db(Inner);

#[derive(Clone)]
enum Inner {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Db {
    /// Opens the database. PostgreSQL is not asked for a connection yet: see [`Db::ping`].
    pub async fn open(options: Options) -> Result<Self> {
        Ok(Self(match options {
            Options::Sqlite(options) => Inner::Sqlite(Arc::new(Sqlite::open(options).await?)),
            Options::Postgres(options) => Inner::Postgres(Arc::new(Postgres::open(&options)?)),
        }))
    }

    /// Brings the schema up to date. Several processes may do this at once.
    pub async fn migrate(&self) -> Result<()> {
        migrate::run(self, migrate::MIGRATIONS).await
    }

    /// Refuses a schema that is not exactly this program's, and changes nothing: for those who only look.
    pub async fn expect_schema(&self) -> Result<()> {
        migrate::expect(self, migrate::MIGRATIONS).await
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Begins a transaction that may write: `BEGIN IMMEDIATE` on SQLite, after those who came before; `READ COMMITTED`
    /// on PostgreSQL.
    pub async fn begin(&self) -> Result<Tx> {
        match &self.0 {
            Inner::Sqlite(sqlite) => sqlite.begin().await.map(Tx::sqlite),
            Inner::Postgres(postgres) => postgres.begin().await.map(Tx::postgres),
        }
    }

    /// Reads. A statement that writes and returns rows works too, as a transaction of its own.
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        match &self.0 {
            Inner::Sqlite(sqlite) => sqlite.query(sql, params).await,
            Inner::Postgres(postgres) => postgres.query(sql, params).await,
        }
    }

    /// Reads at most one row; more than one is an error.
    pub async fn query_opt(&self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        let rows = self.query(sql, params).await?;
        if rows.is_empty() { Ok(None) } else { exactly_one(rows, sql).map(Some) }
    }

    /// Reads exactly one row.
    pub async fn query_one(&self, sql: &str, params: &[Value]) -> Result<Row> {
        exactly_one(self.query(sql, params).await?, sql)
    }

    /// Reads with a list of values at `{list}` and `rest` after it, see [`Read::about`].
    pub async fn query_in<T: Into<Value>>(
        &self,
        sql: &str,
        list: impl IntoIterator<Item = T>,
        rest: &[Value],
    ) -> Result<Vec<Row>> {
        let [rows] = self.read([Read::about(sql, list, rest)]).await?;
        Ok(rows)
    }

    /// Reads, one statement after the other, and waits once where there is something to wait for.
    pub(crate) async fn query_each(&self, statements: &[(String, Vec<Value>)]) -> Result<Vec<Vec<Row>>> {
        match &self.0 {
            Inner::Sqlite(sqlite) => {
                let mut answers = Vec::with_capacity(statements.len());
                for (sql, params) in statements {
                    answers.push(sqlite.query(sql, params).await?);
                }
                Ok(answers)
            }
            Inner::Postgres(postgres) => postgres.query_each(statements).await,
        }
    }

    /// Writes: one statement in a transaction of its own. Says how many rows changed.
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        match &self.0 {
            Inner::Sqlite(sqlite) => sqlite.execute(sql, params).await,
            Inner::Postgres(postgres) => postgres.execute(sql, params).await,
        }
    }

    /// True news about whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.query_one("SELECT 1", &[]).await.map(drop)
    }

    /// Finishes what was begun and closes all connections; afterwards everything is
    /// [`Unavailable`](crate::Kind::Unavailable).
    pub async fn close(&self) {
        match &self.0 {
            Inner::Sqlite(sqlite) => sqlite.close().await,
            Inner::Postgres(postgres) => postgres.close(),
        }
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Db").field(&self.engine()).finish()
    }
}
