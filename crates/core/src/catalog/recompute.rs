//! What follows from other rows, computed again for a whole repository: for when it is found wrong.

use super::{parts, sql};
use crate::Result;
use haven_db::{Db, params};

/// Brings up to date which subject each accessory hangs on, which artifacts are listed, how many those are, and by which parts of
/// its name a search finds the repository. Holds the repository's row like every write to it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn recompute(db: &Db, repository: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    for statement in sql::RECOMPUTE {
        tx.execute(statement, params![repository]).await?;
    }
    parts::put(&mut tx, repository).await?;
    Ok(tx.commit().await?)
}
