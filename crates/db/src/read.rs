//! Questions that do not depend on each other, asked together.
//!
//! Each answer of a server beside us costs two processes a wake-up, which is often more than what it takes to find it.
//! [`Db::read`] sends all questions down one connection before it waits for the first answer.

use crate::list::{batches, in_list};
use crate::{Db, Result, Row, Value};

/// One question: a statement that only reads, or several of the same kind when it is about a long list.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub(crate) pieces: Vec<(String, Vec<Value>)>,
}

impl Read {
    /// A statement with its values.
    pub fn new(sql: impl Into<String>, params: impl Into<Vec<Value>>) -> Self {
        Self { pieces: vec![(sql.into(), params.into())] }
    }

    /// About each of a list of values: the statement has `{list}` for them and [`in_list`]'s marks for the `rest`. A long
    /// list is asked for in pieces, so an order holds within the rows of one value only.
    pub fn about<T: Into<Value>>(sql: &str, list: impl IntoIterator<Item = T>, rest: &[Value]) -> Self {
        let piece = |(marks, mut values): (String, Vec<Value>)| {
            values.extend_from_slice(rest);
            (in_list(sql, &marks), values)
        };
        Self { pieces: batches(list).into_iter().map(piece).collect() }
    }

    /// Nothing to be asked, which has no rows.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// This question only if it matters.
    #[must_use]
    pub fn only_if(self, wanted: bool) -> Self {
        if wanted { self } else { Self::nothing() }
    }
}

/// One question made of several, whose rows belong together.
impl FromIterator<Self> for Read {
    fn from_iter<I: IntoIterator<Item = Self>>(reads: I) -> Self {
        Self { pieces: reads.into_iter().flat_map(|read| read.pieces).collect() }
    }
}

impl Db {
    /// Asks several questions at once; the answers are in their order. They are not of one moment: what is written
    /// meanwhile may show in one and not in another.
    pub async fn read<const N: usize>(&self, reads: [Read; N]) -> Result<[Vec<Row>; N]> {
        let lengths = reads.each_ref().map(|read| read.pieces.len());
        let pieces: Vec<_> = reads.into_iter().flat_map(|read| read.pieces).collect();
        let mut answers = self.query_each(&pieces).await?.into_iter();
        Ok(lengths.map(|length| answers.by_ref().take(length).flatten().collect()))
    }
}
