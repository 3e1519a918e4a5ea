//! A transaction, the same on both engines.

use crate::postgres::PostgresTx;
use crate::sqlite::SqliteTx;
use crate::{Answer, Engine, Error, Result, Row, Value, exactly_one};

/// A transaction. It sees its own writes; dropping it rolls it back.
///
/// After a failed statement it can only be rolled back: PostgreSQL insists, and SQLite is held to the same rule.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct Tx {
    inner: Inner,
    failed: bool,
    /// To be done when the writes are last.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

enum Inner {
    Sqlite(SqliteTx),
    Postgres(Box<PostgresTx>),
}

impl Tx {
    pub(crate) fn sqlite(tx: SqliteTx) -> Self {
        Self { inner: Inner::Sqlite(tx), failed: false, then: Vec::new() }
    }

    pub(crate) fn postgres(tx: PostgresTx) -> Self {
        Self { inner: Inner::Postgres(Box::new(tx)), failed: false, then: Vec::new() }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match &self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and gives its rows: a read, or a write with `RETURNING`.
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.run(sql, params).await.map(|answer| answer.rows)
    }

    /// As [`Tx::query`], for at most one row; more than one is an error.
    pub async fn query_opt(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        let rows = self.query(sql, params).await?;
        if rows.is_empty() { Ok(None) } else { exactly_one(rows, sql).map(Some) }
    }

    /// As [`Tx::query`], for exactly one row.
    pub async fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Row> {
        exactly_one(self.query(sql, params).await?, sql)
    }

    /// Runs a statement and says how many rows it changed.
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        self.run(sql, params).await.map(|answer| answer.changed)
    }

    /// As [`Tx::execute`], for a write that may find nothing to change: then it also lets go of the rows that it waited for.
    /// PostgreSQL would keep those locked although their condition had become false.
    pub async fn attempt(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        if self.engine() == Engine::Sqlite {
            return self.execute(sql, params).await;
        }
        self.execute("SAVEPOINT attempt", &[]).await?;
        let changed = self.execute(sql, params).await?;
        let end = if changed == 0 { "ROLLBACK TO SAVEPOINT attempt" } else { "RELEASE SAVEPOINT attempt" };
        self.execute(end, &[]).await?;
        Ok(changed)
    }

    /// Does something when the transaction has been committed, such as waking those who wait for its writes; never if
    /// it is rolled back. What must not be missed has to be found in another way too.
    pub fn on_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.then.push(Box::new(then));
    }

    /// Makes it last. When this returns, the writes are on the disk.
    pub async fn commit(self) -> Result<()> {
        self.check()?;
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        for then in self.then {
            then();
        }
        Ok(())
    }

    /// Several statements without parameters, for migrations.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<()> {
        self.check()?;
        let done = match &mut self.inner {
            Inner::Sqlite(tx) => tx.batch(sql).await,
            Inner::Postgres(tx) => tx.batch(sql).await,
        };
        self.failed = done.is_err();
        done
    }

    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer> {
        self.check()?;
        // Stays set if this future is dropped half way: nobody knows then what the statement did.
        self.failed = true;
        let answer = match &mut self.inner {
            Inner::Sqlite(tx) => tx.run(sql, params).await,
            Inner::Postgres(tx) => tx.run(sql, params).await,
        };
        self.failed = answer.is_err();
        answer
    }

    fn check(&self) -> Result<()> {
        if self.failed {
            return Err(Error::internal("the transaction was ended by an earlier error"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("engine", &self.engine()).field("failed", &self.failed).finish()
    }
}
