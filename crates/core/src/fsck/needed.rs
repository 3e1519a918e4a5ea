//! Whom it hits: the artifacts that need a blob.

use super::{Check, Needed, sql};
use crate::Result;
use haven_db::params;
use haven_oci::Digest;

/// Enough to see what must be pushed again.
const SHOWN: usize = 10;

/// The first artifacts that need the blob, and whether there are more.
pub(super) async fn by(check: &Check<'_, '_>, digest: &Digest) -> Result<(Vec<Needed>, bool)> {
    let limit = i64::try_from(SHOWN + 1).unwrap_or(i64::MAX);
    let rows = check.on.db.query(sql::NEEDED_BY, params![digest.as_str(), limit]).await?;
    let needed =
        |row: &haven_db::Row| Ok(Needed { repository: row.get(0)?, digest: row.get(1)?, tag: row.get(2)? });
    let all = rows.iter().take(SHOWN).map(needed).collect::<Result<_>>()?;
    Ok((all, rows.len() > SHOWN))
}
