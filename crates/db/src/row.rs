//! Rows on their way out of a statement.

use bytes::Bytes;

use crate::{Error, Result, Timestamp};

/// One column of one row, as the engine gave it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Bytes(Bytes),
}

/// One row of an answer; columns are read by their index.
///
/// Small differences between the engines end here: SQLite keeps booleans as 0 and 1, PostgreSQL has integers of
/// several widths. `SUM` over a `BIGINT` is a `NUMERIC` in PostgreSQL, which has no counterpart here: write
/// `CAST(SUM(..) AS BIGINT)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    cells: Box<[Cell]>,
}

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self { cells: cells.into() }
    }

    /// Reads one column.
    pub fn get<T: FromCell>(&self, index: usize) -> Result<T> {
        let cell = self
            .cells
            .get(index)
            .ok_or_else(|| Error::internal(format!("no column {index} in a row of {}", self.cells.len())))?;
        T::from_cell(&CellRef(cell)).ok_or_else(|| {
            Error::internal(format!(
                "column {index} is {}, wanted {}",
                cell.name(),
                std::any::type_name::<T>()
            ))
        })
    }

    /// How many columns the row has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// True for a row without columns.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

impl Cell {
    /// The name of the type for messages; never the value, which may be a secret.
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// A column as [`FromCell`] sees it; opaque outside this crate.
#[derive(Debug)]
pub struct CellRef<'a>(&'a Cell);

/// A type that a column can be read as.
pub trait FromCell: Sized {
    /// The value, or `None` if the column holds something else.
    fn from_cell(cell: &CellRef<'_>) -> Option<Self>;
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &CellRef<'_>) -> Option<Self> {
        match cell.0 {
            Cell::Null => Some(None),
            _ => T::from_cell(cell).map(Some),
        }
    }
}

macro_rules! from_cell {
    ($($type:ty { $($pattern:pat => $value:expr,)+ })*) => {$(
        impl FromCell for $type {
            fn from_cell(cell: &CellRef<'_>) -> Option<Self> {
                match cell.0 {
                    $($pattern => $value,)+
                    _ => None,
                }
            }
        }
    )*};
}

// There is no i32: it is what a number without a type would be read as, and too small for bytes.
from_cell! {
    i64 {
        Cell::Int(value) => Some(*value),
        Cell::Bool(value) => Some((*value).into()),
    }
    u32 {
        Cell::Int(value) => (*value).try_into().ok(),
    }
    u64 {
        Cell::Int(value) => (*value).try_into().ok(),
    }
    f64 {
        Cell::Float(value) => Some(*value),
        Cell::Int(value) => Some(*value as f64),
    }
    bool {
        Cell::Bool(value) => Some(*value),
        Cell::Int(0) => Some(false),
        Cell::Int(1) => Some(true),
    }
    String {
        Cell::Text(value) => Some(value.clone()),
    }
    Bytes {
        Cell::Bytes(value) => Some(value.clone()),
    }
    Vec<u8> {
        Cell::Bytes(value) => Some(value.to_vec()),
    }
    Timestamp {
        Cell::Int(value) => Some(Timestamp(*value)),
    }
}
