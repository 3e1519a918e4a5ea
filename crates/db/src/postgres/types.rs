//! Values and columns in the types that the server reports.
//!
//! The server decides the type of a parameter from where it stands, so one [`Value`] must fit several types.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type};

use crate::row::{Cell, Row};
use crate::{Error, Result, Value};

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// A value on its way to the server.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) &'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        if self.0.is_null() {
            return Ok(IsNull::Yes);
        }
        match (self.0, ty) {
            (Value::Bytes(Some(bytes)), &Type::BYTEA) => out.put_slice(bytes),
            (Value::Bytes(_), _) => return Err(unfit(self.0, ty)),
            (Value::Text(Some(text)), _) if !is_typed(ty) => out.put_slice(text.as_bytes()),
            (Value::Text(_), _) => return Err(unfit(self.0, ty)),
            (_, &Type::BOOL) => return truth(self.0).ok_or_else(|| unfit(self.0, ty))?.to_sql(ty, out),
            (_, &Type::FLOAT8) => return float(self.0).ok_or_else(|| unfit(self.0, ty))?.to_sql(ty, out),
            (_, &Type::FLOAT4) => {
                return (float(self.0).ok_or_else(|| unfit(self.0, ty))? as f32).to_sql(ty, out);
            }
            (_, &Type::INT8) => return integer(self.0).ok_or_else(|| unfit(self.0, ty))?.to_sql(ty, out),
            (_, &Type::INT4) => {
                return i32::try_from(integer(self.0).ok_or_else(|| unfit(self.0, ty))?)?.to_sql(ty, out);
            }
            (_, &Type::INT2) => {
                return i16::try_from(integer(self.0).ok_or_else(|| unfit(self.0, ty))?)?.to_sql(ty, out);
            }
            (Value::Int(Some(value)), _) => out.put_slice(value.to_string().as_bytes()),
            (Value::Float(Some(value)), _) => out.put_slice(value.to_string().as_bytes()),
            (Value::Bool(Some(value)), _) => out.put_slice(if *value { b"1" } else { b"0" }),
            (Value::Int(None) | Value::Float(None) | Value::Bool(None), _) => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    /// Types that we do not know by heart (numeric, jsonb, ..) take their text.
    fn encode_format(&self, ty: &Type) -> Format {
        if is_typed(ty) { Format::Binary } else { Format::Text }
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        self.to_sql(ty, out)
    }
}

fn is_typed(ty: &Type) -> bool {
    [Type::BOOL, Type::BYTEA, Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8].contains(ty)
}

fn unfit(value: &Value, ty: &Type) -> BoxError {
    let name = match value {
        Value::Int(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Bool(_) => "a boolean",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
    };
    format!("{name} does not fit a parameter of type {ty}").into()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => *value,
        Value::Bool(value) => value.map(i64::from),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => *value,
        _ => integer(value).map(|value| value as f64),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match integer(value) {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    }
}

/// A row on its way from the server.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row> {
    let cells = (0..row.len()).map(|index| {
        row.try_get::<_, Column>(index)
            .map(|column| column.0)
            .map_err(|error| Error::internal(format!("cannot read column {index}")).because(error))
    });
    Ok(Row::new(cells.collect::<Result<_>>()?))
}

struct Column(Cell);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Cell::Int(i16::from_sql(ty, raw)?.into()),
            Type::OID => Cell::Int(u32::from_sql(ty, raw)?.into()),
            Type::BOOL => Cell::Bool(bool::from_sql(ty, raw)?),
            Type::FLOAT8 => Cell::Float(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Cell::Float(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Cell::Bytes(Bytes::copy_from_slice(raw)),
            Type::VOID => Cell::Null,
            Type::JSONB => Cell::Text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned()),
            _ => Cell::Text(std::str::from_utf8(raw)?.to_owned()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(Cell::Null))
    }

    /// Everything that is text on the wire, and the types above; a numeric must be cast in the statement.
    fn accepts(ty: &Type) -> bool {
        let known = [Type::OID, Type::VOID, Type::JSON, Type::JSONB, Type::UNKNOWN];
        is_typed(ty) || known.contains(ty) || <&str as FromSql<'_>>::accepts(ty)
    }
}
