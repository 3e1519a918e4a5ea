//! The parts of repository names, by which a search finds them. Owns `repository_part`.
//!
//! A row for what stands from each letter of a name on: to look for a text anywhere in a name is to look for a row that
//! begins with it. Names never change, so rows come and go with their repository, in the same transaction.

mod sql;

use crate::Result;
use haven_db::{Read, Row, Tx, params};

/// No more of a text is compared with a row; the statements and the migration cut names off there.
const LENGTH: usize = 24;

/// Writes the parts of a repository's name, unless they are there.
pub(super) async fn put(tx: &mut Tx, repository: i64) -> Result<()> {
    tx.execute(sql::PUT, params![repository]).await?;
    Ok(())
}

/// Removes them. The repository must still be there.
pub(super) async fn remove(tx: &mut Tx, repository: i64) -> Result<()> {
    tx.execute(sql::REMOVE, params![repository]).await?;
    Ok(())
}

/// The question for the repositories whose name may have a text in it: all that do, and of a long text also some that have
/// only its beginning. None where every name has it. The text is of letters that names are made of.
pub(crate) fn question(text: &str, most: i64) -> Option<Read> {
    let (from, to) = range(text)?;
    Some(Read::new(sql::BETWEEN, params![from, to, most.saturating_add(1)]))
}

/// The repositories in its answer. None where there are so many that to walk through all repositories in the order of their
/// names is no more work.
pub(crate) fn found(rows: &[Row], most: i64) -> Result<Option<Vec<i64>>> {
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > most {
        return Ok(None);
    }
    let mut ids = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<i64>>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

/// What begins with a text lies from the text itself up to the text whose last letter is the next one.
fn range(text: &str) -> Option<(&str, String)> {
    let from = text.get(..text.len().min(LENGTH))?;
    let last = from.chars().next_back().filter(char::is_ascii)?;
    let next = char::from(u8::try_from(last).ok()? + 1);
    Some((from, format!("{}{next}", &from[..from.len() - 1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_with_a_text() {
        let long = "a".repeat(30);
        for (text, from, to) in [
            ("team", "team", "tean"),
            ("m/9", "m/9", "m/:"),
            ("z", "z", "{"),
            ("-", "-", "."),
            (long.as_str(), &long[..24], &format!("{}b", &long[..23])),
        ] {
            assert_eq!(range(text), Some((from, to.to_owned())), "{text}");
        }
        assert_eq!((range(""), range("é")), (None, None));
    }
}
