//! What the catalog says of types: names, ids, lengths, precision and scale.
use super::collation::Charset;
use super::types::{CollationId, Len, SqlType};
use std::fmt;

impl SqlType {
    /// The name as `sys.types` and error messages have it, without parameters.
    pub fn name(&self) -> &'static str {
        match self {
            SqlType::Bit => "bit",
            SqlType::TinyInt => "tinyint",
            SqlType::SmallInt => "smallint",
            SqlType::Int => "int",
            SqlType::BigInt => "bigint",
            SqlType::Decimal { numeric: false, .. } => "decimal",
            SqlType::Decimal { numeric: true, .. } => "numeric",
            SqlType::Money => "money",
            SqlType::SmallMoney => "smallmoney",
            SqlType::Real => "real",
            SqlType::Float => "float",
            SqlType::Date => "date",
            SqlType::Time(_) => "time",
            SqlType::DateTime2(_) => "datetime2",
            SqlType::DateTimeOffset(_) => "datetimeoffset",
            SqlType::DateTime => "datetime",
            SqlType::SmallDateTime => "smalldatetime",
            SqlType::Char(..) => "char",
            SqlType::VarChar(..) => "varchar",
            SqlType::NChar(..) => "nchar",
            SqlType::NVarChar(..) => "nvarchar",
            SqlType::Text(_) => "text",
            SqlType::NText(_) => "ntext",
            SqlType::Image => "image",
            SqlType::Binary(_) => "binary",
            SqlType::VarBinary(_) => "varbinary",
            SqlType::UniqueIdentifier => "uniqueidentifier",
            SqlType::Xml => "xml",
            SqlType::Variant => "sql_variant",
            SqlType::RowVersion => "timestamp",
            SqlType::HierarchyId => "hierarchyid",
            SqlType::Geography => "geography",
            SqlType::Geometry => "geometry",
        }
    }

    /// `system_type_id` of the catalog views (docs/SERVER.md, "Catalog views").
    pub fn system_type_id(&self) -> u8 {
        match self {
            SqlType::Bit => 104,
            SqlType::TinyInt => 48,
            SqlType::SmallInt => 52,
            SqlType::Int => 56,
            SqlType::BigInt => 127,
            SqlType::Decimal { numeric: false, .. } => 106,
            SqlType::Decimal { numeric: true, .. } => 108,
            SqlType::Money => 60,
            SqlType::SmallMoney => 122,
            SqlType::Real => 59,
            SqlType::Float => 62,
            SqlType::Date => 40,
            SqlType::Time(_) => 41,
            SqlType::DateTime2(_) => 42,
            SqlType::DateTimeOffset(_) => 43,
            SqlType::DateTime => 61,
            SqlType::SmallDateTime => 58,
            SqlType::Char(..) => 175,
            SqlType::VarChar(..) => 167,
            SqlType::NChar(..) => 239,
            SqlType::NVarChar(..) => 231,
            SqlType::Text(_) => 35,
            SqlType::NText(_) => 99,
            SqlType::Image => 34,
            SqlType::Binary(_) => 173,
            SqlType::VarBinary(_) => 165,
            SqlType::UniqueIdentifier => 36,
            SqlType::Xml => 241,
            SqlType::Variant => 98,
            SqlType::RowVersion => 189,
            SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => 240,
        }
    }

    /// `user_type_id`: the system's own unless it is a CLR type.
    pub fn user_type_id(&self) -> i32 {
        match self {
            SqlType::HierarchyId => 128,
            SqlType::Geometry => 129,
            SqlType::Geography => 130,
            other => i32::from(other.system_type_id()),
        }
    }

    /// `max_length` of the catalog views: bytes, -1 for (max), 16 for text pointers.
    pub fn max_length(&self) -> i16 {
        match *self {
            SqlType::Bit | SqlType::TinyInt => 1,
            SqlType::SmallInt => 2,
            SqlType::Int | SqlType::SmallMoney | SqlType::Real | SqlType::SmallDateTime => 4,
            SqlType::BigInt | SqlType::Money | SqlType::Float | SqlType::DateTime | SqlType::RowVersion => 8,
            SqlType::Decimal { precision, .. } => decimal_bytes(precision),
            SqlType::Date => 3,
            SqlType::Time(scale) => time_bytes(scale),
            SqlType::DateTime2(scale) => time_bytes(scale) + 3,
            SqlType::DateTimeOffset(scale) => time_bytes(scale) + 5,
            SqlType::Char(n, _) | SqlType::Binary(n) => n as i16,
            SqlType::NChar(n, _) => 2 * n as i16,
            SqlType::VarChar(Len::N(n), _) | SqlType::VarBinary(Len::N(n)) => n as i16,
            SqlType::NVarChar(Len::N(n), _) => 2 * n as i16,
            SqlType::VarChar(Len::Max, _) | SqlType::NVarChar(Len::Max, _) | SqlType::VarBinary(Len::Max) => {
                -1
            }
            SqlType::Text(_) | SqlType::NText(_) | SqlType::Image | SqlType::UniqueIdentifier => 16,
            SqlType::Xml | SqlType::Geography | SqlType::Geometry => -1,
            SqlType::Variant => 8016,
            SqlType::HierarchyId => 892,
        }
    }

    /// `precision` of the catalog views; 0 for what is no number and no date.
    pub fn precision(&self) -> u8 {
        let fraction = |whole: u8, scale: u8| if scale == 0 { whole } else { whole + 1 + scale };
        match *self {
            SqlType::Bit => 1,
            SqlType::TinyInt => 3,
            SqlType::SmallInt => 5,
            SqlType::Int | SqlType::SmallMoney | SqlType::Date => 10,
            SqlType::BigInt | SqlType::Money => 19,
            SqlType::Decimal { precision, .. } => precision,
            SqlType::Real => 24,
            SqlType::Float => 53,
            SqlType::Time(scale) => fraction(8, scale),
            SqlType::DateTime2(scale) => fraction(19, scale),
            SqlType::DateTimeOffset(scale) => fraction(26, scale),
            SqlType::DateTime => 23,
            SqlType::SmallDateTime => 16,
            _ => 0,
        }
    }

    /// `scale` of the catalog views.
    pub fn scale(&self) -> u8 {
        match *self {
            SqlType::Decimal { scale, .. } => scale,
            SqlType::Money | SqlType::SmallMoney => 4,
            SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => scale,
            SqlType::DateTime => 3,
            _ => 0,
        }
    }

    /// The collation of a character type.
    pub fn collation(&self) -> Option<CollationId> {
        match *self {
            SqlType::Char(_, id)
            | SqlType::VarChar(_, id)
            | SqlType::NChar(_, id)
            | SqlType::NVarChar(_, id) => Some(id),
            SqlType::Text(id) | SqlType::NText(id) => Some(id),
            _ => None,
        }
    }

    /// The same type in another collation; other than character types stay as they are.
    pub fn with_collation(&self, collation: CollationId) -> SqlType {
        match *self {
            SqlType::Char(n, _) => SqlType::Char(n, collation),
            SqlType::VarChar(len, _) => SqlType::VarChar(len, collation),
            SqlType::NChar(n, _) => SqlType::NChar(n, collation),
            SqlType::NVarChar(len, _) => SqlType::NVarChar(len, collation),
            SqlType::Text(_) => SqlType::Text(collation),
            SqlType::NText(_) => SqlType::NText(collation),
            ref other => other.clone(),
        }
    }

    /// How the bytes of a character type are read; `None` for other types.
    pub fn charset(&self) -> Option<Charset> {
        match self {
            SqlType::Char(..) | SqlType::VarChar(..) | SqlType::Text(_) => Some(Charset::CodePage),
            SqlType::NChar(..) | SqlType::NVarChar(..) | SqlType::NText(_) => Some(Charset::Utf16),
            _ => None,
        }
    }

    /// char, varchar or text of a UTF-8 collation.
    pub fn is_utf8(&self) -> bool {
        self.charset() == Some(Charset::CodePage) && self.collation().is_some_and(|id| id.get().utf8)
    }

    pub fn is_character(&self) -> bool {
        self.charset().is_some()
    }

    pub fn is_integer(&self) -> bool {
        matches!(self, SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
    }

    pub fn is_number(&self) -> bool {
        self.is_integer()
            || matches!(
                self,
                SqlType::Decimal { .. }
                    | SqlType::Money
                    | SqlType::SmallMoney
                    | SqlType::Real
                    | SqlType::Float
            )
    }

    pub fn is_date_or_time(&self) -> bool {
        matches!(
            self,
            SqlType::Date
                | SqlType::Time(_)
                | SqlType::DateTime2(_)
                | SqlType::DateTimeOffset(_)
                | SqlType::DateTime
                | SqlType::SmallDateTime
        )
    }

    /// Bytes that are not characters: binary, varbinary, image, rowversion.
    pub fn is_binary(&self) -> bool {
        matches!(self, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image | SqlType::RowVersion)
    }

    /// geography, geometry, hierarchyid.
    pub fn is_clr(&self) -> bool {
        matches!(self, SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry)
    }

    /// (max), text, ntext, image, xml and the spatial types: values beyond a page.
    pub fn is_large(&self) -> bool {
        matches!(
            self,
            SqlType::VarChar(Len::Max, _)
                | SqlType::NVarChar(Len::Max, _)
                | SqlType::VarBinary(Len::Max)
                | SqlType::Text(_)
                | SqlType::NText(_)
                | SqlType::Image
                | SqlType::Xml
                | SqlType::Geography
                | SqlType::Geometry
        )
    }
}

/// As a declaration spells it: `decimal(10,2)`, `nvarchar(max)`. Without COLLATE.
impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            SqlType::Decimal { precision, scale, .. } => write!(f, "({precision},{scale})"),
            SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => {
                write!(f, "({scale})")
            }
            SqlType::Char(n, _) | SqlType::NChar(n, _) | SqlType::Binary(n) => write!(f, "({n})"),
            SqlType::VarChar(len, _) | SqlType::NVarChar(len, _) | SqlType::VarBinary(len) => match len {
                Len::N(n) => write!(f, "({n})"),
                Len::Max => f.write_str("(max)"),
            },
            _ => Ok(()),
        }
    }
}

/// Bytes of a decimal as stored, sign included (Microsoft, "decimal and numeric").
fn decimal_bytes(precision: u8) -> i16 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// Bytes of a time of day at a scale (Microsoft, "time").
pub(super) fn time_bytes(scale: u8) -> i16 {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/SERVER.md, "Catalog views".
    #[test]
    fn the_catalog_numbers_are_those_of_sys_types() {
        for (sql_type, name, id, length, precision, scale) in [
            (SqlType::Int, "int", 56, 4, 10, 0),
            (SqlType::BigInt, "bigint", 127, 8, 19, 0),
            (SqlType::Money, "money", 60, 8, 19, 4),
            (SqlType::Float, "float", 62, 8, 53, 0),
            (SqlType::Date, "date", 40, 3, 10, 0),
            (SqlType::Time(7), "time", 41, 5, 16, 7),
            (SqlType::DateTime2(7), "datetime2", 42, 8, 27, 7),
            (SqlType::DateTimeOffset(7), "datetimeoffset", 43, 10, 34, 7),
            (SqlType::DateTime, "datetime", 61, 8, 23, 3),
            (SqlType::SmallDateTime, "smalldatetime", 58, 4, 16, 0),
        ] {
            assert_eq!((sql_type.name(), sql_type.system_type_id()), (name, id));
            let numbers = (sql_type.max_length(), sql_type.precision(), sql_type.scale());
            assert_eq!(numbers, (length, precision, scale), "{name}");
        }
    }
}
