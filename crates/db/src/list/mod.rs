//! Lists as the API asks for them: `q` says which, `sort` in what order, `page` how many.

mod batch;
mod q;
mod select;
mod sort;

use crate::Timestamp;

pub use batch::{batches, in_list};
pub use q::{Invalid, parse_q};
pub use select::Select;
pub use sort::{Sort, parse_sort};

/// Which part of the list. A size of zero or less means all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub number: i64,
    pub size: i64,
}

impl Page {
    /// Everything on one page.
    pub const ALL: Self = Self { number: 1, size: 0 };

    /// How many rows come before this page.
    pub fn offset(self) -> i64 {
        if self.size <= 0 { 0 } else { (self.number.max(1) - 1).saturating_mul(self.size) }
    }

    /// How many rows there are on all pages, if so many on this one tell that: it is not full, so it is the last.
    pub fn total(self, found: usize) -> Option<i64> {
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        let last = self.size <= 0 || found < self.size;
        (last && (found > 0 || self.offset() == 0)).then(|| self.offset().saturating_add(found))
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 1, size: 10 }
    }
}

/// A value inside a range or a list, typed by its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Int(i64),
    Time(Timestamp),
    Text(String),
}

/// What a key must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// `v`
    Exact(String),
    /// `~v`: contains, whatever the case.
    Fuzzy(String),
    /// `[a~b]`, both ends included.
    Range(Option<Scalar>, Option<Scalar>),
    /// `{a b}`
    AnyOf(Vec<Scalar>),
    /// `(a b)`: only for resources that give it a meaning; [`Select`] ignores it.
    AllOf(Vec<Scalar>),
}

/// One `key=value` of a `q`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub key: String,
    pub value: Match,
}

/// A whole list request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub terms: Vec<Term>,
    pub sort: Vec<Sort>,
    pub page: Page,
}

impl Query {
    /// Takes the term of this key out, for a slice that treats it in its own way.
    pub fn take(&mut self, key: &str) -> Option<Match> {
        let position = self.terms.iter().position(|term| same_key(&term.key, key))?;
        Some(self.terms.remove(position).value)
    }
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Time,
    Bool,
}

/// A column that lists may filter and perhaps sort by.
///
/// Sort by columns that cannot be null: SQLite puts nulls first, PostgreSQL last.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in the API, in snake case.
    pub key: &'static str,
    /// What it is in the statement.
    pub sql: &'static str,
    pub kind: Kind,
    pub sortable: bool,
}

/// `ProjectID`, `project_id` and `ProjectId` are the same key.
pub fn same_key(a: &str, b: &str) -> bool {
    let letters = |key: &str| {
        key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    letters(a) == letters(b)
}
