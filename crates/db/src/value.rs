//! Values on their way into a statement.

use bytes::Bytes;

use crate::Timestamp;

/// A bound parameter. A null keeps its type, because PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(Option<i64>),
    Float(Option<f64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Bytes>),
}

impl Value {
    /// True for a null of any type.
    pub fn is_null(&self) -> bool {
        matches!(
            self,
            Self::Int(None) | Self::Float(None) | Self::Bool(None) | Self::Text(None) | Self::Bytes(None)
        )
    }
}

/// A type whose absence has a type too.
pub trait Typed: Into<Value> {
    /// The null of this type.
    const NULL: Value;
}

impl<T: Typed> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(T::NULL, Into::into)
    }
}

macro_rules! typed {
    ($($type:ty => $variant:ident, |$value:ident| $convert:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($convert))
            }
        }
        impl Typed for $type {
            const NULL: Value = Value::$variant(None);
        }
    )*};
}

typed! {
    i64 => Int, |value| value;
    i32 => Int, |value| value.into();
    i16 => Int, |value| value.into();
    u32 => Int, |value| value.into();
    u16 => Int, |value| value.into();
    Timestamp => Int, |value| value.0;
    f64 => Float, |value| value;
    bool => Bool, |value| value;
    String => Text, |value| value;
    &String => Text, |value| value.clone();
    &str => Text, |value| value.to_owned();
    Bytes => Bytes, |value| value;
    &Bytes => Bytes, |value| value.clone();
    Vec<u8> => Bytes, |value| value.into();
    &Vec<u8> => Bytes, |value| Bytes::copy_from_slice(value);
    &[u8] => Bytes, |value| Bytes::copy_from_slice(value);
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::from(value.as_slice())
    }
}

impl<T: Typed + Clone> From<&Option<T>> for Value {
    fn from(value: &Option<T>) -> Self {
        value.clone().into()
    }
}

/// The parameters of a statement: `db.query(SQL, params![id, name])`.
#[macro_export]
macro_rules! params {
    () => { &[] as &[$crate::Value; 0] };
    ($($value:expr),+ $(,)?) => { &[$($crate::Value::from($value)),+] };
}
