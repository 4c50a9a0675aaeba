//! The types a column, a variable or an expression can have, and the values they take.
use crate::error::SqlError;
use serde::{Deserialize, Serialize};

/// A length in bytes or UTF-16 units, or (max).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Len {
    N(u16),
    Max,
}

/// A collation: an index into `values::collation`'s table. Saved by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CollationId(pub u16);

impl From<CollationId> for String {
    fn from(id: CollationId) -> Self {
        id.get().name.clone()
    }
}

impl TryFrom<String> for CollationId {
    type Error = SqlError;

    fn try_from(name: String) -> Result<Self, SqlError> {
        CollationId::by_name(&name)
    }
}

/// A T-SQL type with all that its declaration fixes. Nullability is the column's, not the type's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    /// `numeric` is the same type under another name and another system_type_id.
    Decimal {
        precision: u8,
        scale: u8,
        numeric: bool,
    },
    Money,
    SmallMoney,
    Real,
    Float,
    Date,
    Time(u8),
    DateTime2(u8),
    DateTimeOffset(u8),
    DateTime,
    SmallDateTime,
    /// Length in bytes.
    Char(u16, CollationId),
    VarChar(Len, CollationId),
    /// Length in UTF-16 units.
    NChar(u16, CollationId),
    NVarChar(Len, CollationId),
    Text(CollationId),
    NText(CollationId),
    Image,
    Binary(u16),
    VarBinary(Len),
    UniqueIdentifier,
    Xml,
    Variant,
    RowVersion,
    HierarchyId,
    Geography,
    Geometry,
}

/// A value; what its bytes mean is said by the [`SqlType`] that goes with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    /// bit, tinyint, smallint, int, bigint.
    Int(i64),
    /// decimal, numeric: the value times ten to the type's scale.
    Decimal(#[serde(with = "wide")] i128),
    /// money, smallmoney: ten-thousandths.
    Money(i64),
    /// float, and real (widened exactly).
    Float(f64),
    /// date: days since 0001-01-01.
    Date(u32),
    /// time: units of 100 ns since midnight, whatever the scale.
    Time(u64),
    /// datetime2: units of 100 ns since 0001-01-01.
    DateTime2(u64),
    /// datetimeoffset: UTC, units of 100 ns since 0001-01-01; the offset in minutes.
    DateTimeOffset(u64, i16),
    /// datetime: days since 1900-01-01, then 1/300 seconds.
    DateTime(i32, u32),
    /// smalldatetime: days since 1900-01-01, then minutes.
    SmallDateTime(u16, u16),
    /// Character and binary types, xml (UTF-16LE), rowversion and CLR types: the bytes as they lie on the wire.
    /// char, varchar, text: in the code page of the type's collation (UTF-8 for UTF-8 collations).
    /// nchar, nvarchar, ntext: UTF-16LE.
    Bytes(Vec<u8>),
    /// uniqueidentifier: the 16 bytes in wire order.
    Guid([u8; 16]),
    /// sql_variant: the value and its base type.
    Variant(Box<(SqlType, Value)>),
}

/// The saved form of decimals: text, since JSON's numbers are too short for them.
mod wide {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &i128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
