//! Values on the wire: TYPE_INFO of a result column, rows going out, bulk rows and parameters coming in.
//! COLMETADATA and tokens are `replica_core::tds`'s; here are the bytes of values alone.
mod bulk;
#[cfg(test)]
mod decoded;
pub(super) mod payload;
mod read;
mod row;
#[cfg(test)]
mod tests;
pub mod variant;

use super::types::{CollationId, Len, SqlType};
use replica_core::tds::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};

pub use bulk::{BulkColumnInfo, BulkError, BulkRowReader};
pub use payload::TICKS_A_DAY;
pub use payload::decimal_len;
pub use read::{ReadError, read_parameter, read_value};
pub use row::{Plp, RowWriter, UnexpectedNull};

/// What the client can take, as LOGIN7 said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// UTF8SUPPORT was negotiated: UTF-8 columns go out as varchar, else as nvarchar (docs/WIRE.md, "From a result's row
    /// to a bulk row").
    pub utf8: bool,
    /// NBCROW is understood: TDS 7.3B and later.
    pub nbcrow: bool,
}

impl Default for Client {
    /// TDS 7.4 without extensions.
    fn default() -> Self {
        Self { utf8: false, nbcrow: true }
    }
}

/// The size that TYPE_INFO declares for sql_variant.
const VARIANT_SIZE: u32 = 8009;

/// The TYPE_INFO of a result column: NOT NULL columns come as fixed types, nullable ones as N types, decimal
/// always with size 17, (max) with FFFF (docs/WIRE.md, "TYPE_INFO in results").
pub fn type_info(sql_type: &SqlType, nullable: bool, client: Client) -> TypeInfo {
    let fixed_or = |fixed: u8, nullable_token: u8, size: u8| {
        if nullable {
            TypeInfo::ByteLen { token: nullable_token, size }
        } else {
            TypeInfo::Fixed { token: fixed }
        }
    };
    match *sql_type {
        SqlType::Bit => fixed_or(token::BIT, token::BITN, 1),
        SqlType::TinyInt => fixed_or(token::INT1, token::INTN, 1),
        SqlType::SmallInt => fixed_or(token::INT2, token::INTN, 2),
        SqlType::Int => fixed_or(token::INT4, token::INTN, 4),
        SqlType::BigInt => fixed_or(token::INT8, token::INTN, 8),
        SqlType::Money => fixed_or(token::MONEY, token::MONEYN, 8),
        SqlType::SmallMoney => fixed_or(token::MONEY4, token::MONEYN, 4),
        SqlType::Real => fixed_or(token::FLT4, token::FLTN, 4),
        SqlType::Float => fixed_or(token::FLT8, token::FLTN, 8),
        SqlType::DateTime => fixed_or(token::DATETIME, token::DATETIMN, 8),
        SqlType::SmallDateTime => fixed_or(token::DATETIM4, token::DATETIMN, 4),
        SqlType::UniqueIdentifier => TypeInfo::ByteLen { token: token::GUID, size: 16 },
        SqlType::Decimal { precision, scale, numeric } => TypeInfo::Decimal {
            token: if numeric { token::NUMERICN } else { token::DECIMALN },
            size: 17,
            precision,
            scale,
        },
        SqlType::Date => TypeInfo::Date,
        SqlType::Time(scale) => TypeInfo::Scaled { token: token::TIMEN, scale },
        SqlType::DateTime2(scale) => TypeInfo::Scaled { token: token::DATETIME2N, scale },
        SqlType::DateTimeOffset(scale) => TypeInfo::Scaled { token: token::DATETIMEOFFSETN, scale },
        SqlType::Binary(n) => TypeInfo::Binary { token: token::BIGBINARY, size: n },
        SqlType::RowVersion => TypeInfo::Binary { token: token::BIGBINARY, size: 8 },
        SqlType::VarBinary(len) => TypeInfo::Binary { token: token::BIGVARBINARY, size: bytes(len, 1) },
        SqlType::Char(n, id) => narrow(token::BIGCHAR, token::NCHAR, Len::N(n), id, client),
        SqlType::VarChar(len, id) => narrow(token::BIGVARCHAR, token::NVARCHAR, len, id, client),
        SqlType::NChar(n, id) => {
            TypeInfo::Chars { token: token::NCHAR, size: 2 * n, collation: id.get().wire() }
        }
        SqlType::NVarChar(len, id) => {
            TypeInfo::Chars { token: token::NVARCHAR, size: bytes(len, 2), collation: id.get().wire() }
        }
        SqlType::Text(id) => long(token::TEXT, i32::MAX as u32, Some(id)),
        SqlType::NText(id) => long(token::NTEXT, i32::MAX as u32 - 1, Some(id)),
        SqlType::Image => long(token::IMAGE, i32::MAX as u32, None),
        SqlType::Xml => TypeInfo::Xml { schema: None },
        SqlType::HierarchyId => udt("hierarchyid", "SqlHierarchyId", 892),
        SqlType::Geography => udt("geography", "SqlGeography", MAX_WIDTH),
        SqlType::Geometry => udt("geometry", "SqlGeometry", MAX_WIDTH),
        SqlType::Variant => TypeInfo::Variant { size: VARIANT_SIZE },
    }
}

fn bytes(len: Len, unit: u16) -> u16 {
    match len {
        Len::N(n) => n * unit,
        Len::Max => MAX_WIDTH,
    }
}

/// char and varchar. A UTF-8 one goes to a client without UTF8SUPPORT as UTF-16; that a width above 4000
/// then becomes (max) is unconfirmed.
fn narrow(narrow: u8, wide: u8, len: Len, id: CollationId, client: Client) -> TypeInfo {
    let collation = id.get().wire();
    if !id.get().utf8 || client.utf8 {
        return TypeInfo::Chars { token: narrow, size: bytes(len, 1), collation };
    }
    match len {
        Len::N(n @ 0..=4000) => TypeInfo::Chars { token: wide, size: 2 * n, collation },
        _ => TypeInfo::Chars { token: token::NVARCHAR, size: MAX_WIDTH, collation },
    }
}

fn long(token: u8, size: u32, id: Option<CollationId>) -> TypeInfo {
    TypeInfo::LongLen { token, size, collation: id.map(|id| id.get().wire()) }
}

/// [MS-TDS] 2.2.5.5.2 UDT_INFO. The assembly's version is that of SQL Server 2012 and later.
fn udt(name: &str, class: &str, size: u16) -> TypeInfo {
    TypeInfo::Udt {
        size,
        database: String::new(),
        schema: "sys".to_owned(),
        name: name.to_owned(),
        assembly: format!(
            "Microsoft.SqlServer.Types.{class}, Microsoft.SqlServer.Types, Version=11.0.0.0, Culture=neutral, PublicKeyToken=89845dcd8080cc91"
        ),
    }
}

/// The type of a value that came with this TYPE_INFO: a parameter's, or a bulk column's on the wire.
/// Five zero collation bytes stand for `default`. `None` for what the wire must not carry inwards (an unknown
/// token or size, a CLR type).
pub fn sql_type(info: &TypeInfo, default: CollationId) -> Option<SqlType> {
    let collation = |bytes: CollationBytes| CollationId::by_wire(bytes).unwrap_or(default);
    Some(match *info {
        TypeInfo::Fixed { token } => match token {
            token::BIT => SqlType::Bit,
            token::INT1 => SqlType::TinyInt,
            token::INT2 => SqlType::SmallInt,
            token::INT4 => SqlType::Int,
            token::INT8 => SqlType::BigInt,
            token::MONEY => SqlType::Money,
            token::MONEY4 => SqlType::SmallMoney,
            token::FLT4 => SqlType::Real,
            token::FLT8 => SqlType::Float,
            token::DATETIME => SqlType::DateTime,
            token::DATETIM4 => SqlType::SmallDateTime,
            _ => return None,
        },
        TypeInfo::ByteLen { token, size } => match (token, size) {
            (token::BITN, 1) => SqlType::Bit,
            (token::INTN, 1) => SqlType::TinyInt,
            (token::INTN, 2) => SqlType::SmallInt,
            (token::INTN, 4) => SqlType::Int,
            (token::INTN, 8) => SqlType::BigInt,
            (token::MONEYN, 8) => SqlType::Money,
            (token::MONEYN, 4) => SqlType::SmallMoney,
            (token::FLTN, 4) => SqlType::Real,
            (token::FLTN, 8) => SqlType::Float,
            (token::DATETIMN, 8) => SqlType::DateTime,
            (token::DATETIMN, 4) => SqlType::SmallDateTime,
            (token::GUID, 16) => SqlType::UniqueIdentifier,
            _ => return None,
        },
        TypeInfo::Decimal { token, precision, scale, .. } => {
            if !(1..=38).contains(&precision) || scale > precision {
                return None;
            }
            SqlType::Decimal { precision, scale, numeric: token == token::NUMERICN }
        }
        TypeInfo::Date => SqlType::Date,
        TypeInfo::Scaled { token, scale: scale @ 0..=7 } => match token {
            token::TIMEN => SqlType::Time(scale),
            token::DATETIME2N => SqlType::DateTime2(scale),
            token::DATETIMEOFFSETN => SqlType::DateTimeOffset(scale),
            _ => return None,
        },
        TypeInfo::Binary { token, size } => match (token, size) {
            (token::BIGVARBINARY, MAX_WIDTH) => SqlType::VarBinary(Len::Max),
            (token::BIGVARBINARY, 0..=8000) => SqlType::VarBinary(Len::N(size.max(1))),
            (token::BIGBINARY, 0..=8000) => SqlType::Binary(size.max(1)),
            _ => return None,
        },
        TypeInfo::Chars { token, size, collation: bytes } => match (token, size) {
            (token::BIGVARCHAR, MAX_WIDTH) => SqlType::VarChar(Len::Max, collation(bytes)),
            (token::BIGVARCHAR, 0..=8000) => SqlType::VarChar(Len::N(size.max(1)), collation(bytes)),
            (token::BIGCHAR, 0..=8000) => SqlType::Char(size.max(1), collation(bytes)),
            (token::NVARCHAR, MAX_WIDTH) => SqlType::NVarChar(Len::Max, collation(bytes)),
            (token::NVARCHAR, 0..=8000) => SqlType::NVarChar(Len::N((size / 2).max(1)), collation(bytes)),
            (token::NCHAR, 0..=8000) => SqlType::NChar((size / 2).max(1), collation(bytes)),
            _ => return None,
        },
        TypeInfo::LongLen { token, collation: bytes, .. } => match token {
            token::TEXT => SqlType::Text(collation(bytes.unwrap_or_default())),
            token::NTEXT => SqlType::NText(collation(bytes.unwrap_or_default())),
            token::IMAGE => SqlType::Image,
            _ => return None,
        },
        TypeInfo::Xml { .. } => SqlType::Xml,
        TypeInfo::Variant { .. } => SqlType::Variant,
        TypeInfo::Scaled { .. } | TypeInfo::Udt { .. } => return None,
    })
}
