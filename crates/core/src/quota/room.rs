//! Taking room and giving it back, inside somebody else's transaction.
//!
//! A transaction takes once, as its last step before the commit: it holds a slot then only for the moment of the commit,
//! and cannot wait for somebody who waits for it.

use super::sizes::text;
use super::{SLOTS, sql};
use crate::access::Grant;
use crate::{App, Code, Error, Result, settings};
use haven_db::{Tx, params};
use std::hash::{BuildHasher as _, RandomState};

/// Whether limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    On,
    Off,
}

/// Whether limits count at the moment. To be asked before a transaction begins: within one, a second connection could be
/// waited for in vain.
pub(crate) async fn limits(app: &App) -> Result<Limits> {
    let enabled = settings::get(app).await?.quota_per_project_enable;
    Ok(if enabled { Limits::On } else { Limits::Off })
}

/// Counts bytes that the transaction gives to a project.
///
/// # Errors
/// `Denied` when that would be more than the project may store. The transaction must end then.
pub(crate) async fn charge(tx: &mut Tx, limits: Limits, project: i64, bytes: i64) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let hard: i64 = match tx.query_opt(sql::HARD, params![project]).await? {
        Some(row) => row.get(0)?,
        None => -1,
    };
    if hard < 0 || bytes < 0 || limits == Limits::Off {
        return change(tx, project, bytes).await;
    }
    // Whoever goes on to take all slots must not hold one that another waits for.
    if tx.attempt(sql::TAKE, params![project, any_slot(), bytes]).await? == 1 {
        return Ok(());
    }
    take_from_all(tx, project, bytes).await
}

/// Counts bytes that the transaction takes from a project.
pub(crate) async fn release(tx: &mut Tx, project: i64, bytes: i64) -> Result<()> {
    if bytes == 0 { Ok(()) } else { change(tx, project, -bytes).await }
}

/// Asks before an upload begins: a project that has more than it may gets nothing more.
///
/// # Errors
/// `Denied`.
pub(crate) async fn check<P>(app: &App, grant: &Grant<P>) -> Result<()> {
    match over(app, grant.project.id, 0).await? {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Asks before bytes are put in place that the project does not have, so that what will be refused costs no storage.
/// What counts is the answer of [`charge`].
///
/// # Errors
/// `Denied`.
pub(crate) async fn admit(app: &App, project: i64, bytes: u64) -> Result<()> {
    match over(app, project, i64::try_from(bytes).unwrap_or(i64::MAX)).await? {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

async fn over(app: &App, project: i64, bytes: i64) -> Result<Option<Error>> {
    let Some(row) = app.db.query_opt(sql::LIMITED, params![project]).await? else { return Ok(None) };
    let (hard, used): (i64, i64) = (row.get(0)?, row.get(1)?);
    let over = used.saturating_add(bytes) > hard && limits(app).await? == Limits::On;
    Ok(over.then(|| refusal(bytes, used, hard)))
}

async fn change(tx: &mut Tx, project: i64, bytes: i64) -> Result<()> {
    tx.execute(sql::INSERT_CHANGE, params![project, bytes]).await?;
    Ok(())
}

/// Any slot will do, as long as pushes at the same time rarely choose the same.
fn any_slot() -> i64 {
    (RandomState::new().hash_one(0_u8) % SLOTS.unsigned_abs()) as i64
}

/// Holds the quota's row until the transaction ends, and tells the limit; none if there is no quota.
pub(super) async fn hold(tx: &mut Tx, project: i64) -> Result<Option<i64>> {
    let row = tx.query_opt(sql::HOLD, params![project]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// Takes the changes out of their table; returns their sum. The quota's row must be held.
pub(super) async fn take_changes(tx: &mut Tx, project: i64) -> Result<i64> {
    let mut sum = 0_i64;
    for row in tx.query(sql::TAKE_CHANGES, params![project]).await? {
        sum = sum.saturating_add(row.get(0)?);
    }
    Ok(sum)
}

/// What is left under the limit. Holds every slot, so nobody takes from one meanwhile.
pub(super) async fn left(tx: &mut Tx, project: i64) -> Result<i64> {
    let mut sum = 0_i64;
    for row in tx.query(sql::HOLD_SLOTS, params![project]).await? {
        sum = sum.saturating_add(row.get(0)?);
    }
    Ok(sum)
}

/// Records that use has changed by so much. The quota's row must be held.
pub(super) async fn shift(tx: &mut Tx, project: i64, hard: i64, bytes: i64) -> Result<()> {
    let statement = if hard < 0 { sql::SHIFT_BASE } else { sql::SHIFT_ROOM };
    tx.execute(statement, params![project, bytes]).await?;
    Ok(())
}

/// Gives each slot its part of the room.
pub(super) async fn spread(tx: &mut Tx, project: i64, room: i64) -> Result<()> {
    for (slot, part) in parts(room).into_iter().enumerate() {
        tx.execute(sql::PUT_SLOT, params![project, slot as i64, part]).await?;
    }
    Ok(())
}

/// Even parts, the rest in the first; a debt all in the first.
fn parts(room: i64) -> [i64; SLOTS as usize] {
    let even = room.max(0) / SLOTS;
    let mut parts = [even; SLOTS as usize];
    parts[0] = room - even * (SLOTS - 1);
    parts
}

async fn take_from_all(tx: &mut Tx, project: i64, bytes: i64) -> Result<()> {
    let Some(hard) = hold(tx, project).await?.filter(|hard| *hard >= 0) else {
        // The limit went meanwhile.
        return change(tx, project, bytes).await;
    };
    let changed = take_changes(tx, project).await?;
    let left = left(tx, project).await?.saturating_sub(changed);
    if bytes > left {
        return Err(refusal(bytes, hard - left, hard));
    }
    spread(tx, project, left - bytes).await
}

fn refusal(bytes: i64, used: i64, hard: i64) -> Error {
    let [bytes, used, hard] = [bytes, used, hard].map(text);
    Error::new(
        Code::Denied,
        format!(
            "adding {bytes} of storage resource, which when updated to current usage of {used} will exceed the configured upper limit of {hard}."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_whatever_the_room() {
        for room in [-7, 0, 1, 7, 8, 9, 1 << 50] {
            let parts = parts(room);
            assert_eq!(parts.iter().sum::<i64>(), room);
            assert!(parts[1..].iter().all(|part| *part >= 0 && *part <= room.max(0) / SLOTS));
        }
    }

    #[test]
    fn a_refusal_says_what_clients_look_for() {
        let said = refusal(2_202_010, 0, 1 << 20).message;
        let wanted = "adding 2.1 MiB of storage resource, which when updated to current usage of 0 B will exceed the \
            configured upper limit of 1.0 MiB.";
        assert_eq!(said, wanted);
    }
}
