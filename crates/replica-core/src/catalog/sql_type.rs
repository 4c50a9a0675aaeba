//! A column's type, as the catalog describes it and as T-SQL writes it.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A length in bytes or UTF-16 units, or (max).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Length {
    /// So many.
    N(u16),
    /// (max): up to 2 GiB.
    Max,
}

/// A T-SQL type. `numeric` is `Decimal`: they differ in name only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// 0, 1 or NULL.
    Bit,
    /// 0 to 255.
    TinyInt,
    /// 2 bytes, signed.
    SmallInt,
    /// 4 bytes, signed.
    Int,
    /// 8 bytes, signed.
    BigInt,
    /// Exact numbers.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// 8 bytes, four digits after the point.
    Money,
    /// 4 bytes, four digits after the point.
    SmallMoney,
    /// 4 bytes, IEEE 754.
    Real,
    /// 8 bytes, IEEE 754.
    Float,
    /// 0001-01-01 to 9999-12-31.
    Date,
    /// A time of day, with so many digits of a second.
    Time(u8),
    /// Date and time, with so many digits of a second.
    DateTime2(u8),
    /// Date, time and minutes from UTC, with so many digits of a second.
    DateTimeOffset(u8),
    /// Date and time in units of 1/300 s.
    DateTime,
    /// Date and time in minutes.
    SmallDateTime,
    /// Length in bytes.
    Char(u16),
    /// Length in bytes.
    VarChar(Length),
    /// The old varchar(max).
    Text,
    /// Length in UTF-16 units.
    NChar(u16),
    /// Length in UTF-16 units.
    NVarChar(Length),
    /// The old nvarchar(max).
    NText,
    /// Length in bytes.
    Binary(u16),
    /// Length in bytes.
    VarBinary(Length),
    /// The old varbinary(max).
    Image,
    /// 16 bytes.
    UniqueIdentifier,
    /// Xml, with or without a schema collection.
    Xml,
    /// sql_variant: a value with a type of its own.
    Variant,
    /// 8 bytes that the server sets anew whenever it writes the row.
    RowVersion,
    /// SQL Server 2025.
    Json,
    /// SQL Server 2025; the length in bytes says how many dimensions.
    Vector(u16),
    /// A CLR type by its name: geography, geometry, hierarchyid, or a user's own.
    Clr(String),
    /// A type that these tools do not know.
    Other(String),
}

/// What `sys.columns` and `sys.types` say of a column's type.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// `sys.types.name` of the column's own type.
    pub type_name: &'a str,
    /// The system type's name, where the column's own type is an alias.
    pub base_name: Option<&'a str>,
    /// Is the column's own type one that a user made?
    pub user_defined: bool,
    pub assembly: bool,
    /// Bytes; -1 for (max).
    pub max_length: i16,
    pub precision: u8,
    pub scale: u8,
}

impl SqlType {
    /// The type that the catalog describes; of an alias type, the one that it stands for.
    pub fn of(described: Described<'_>) -> Self {
        let Described { type_name, base_name, user_defined, assembly, max_length, precision, scale } =
            described;
        let alias = user_defined || type_name.eq_ignore_ascii_case("sysname");
        let name = match base_name {
            Some(base) if alias && !assembly => base,
            _ => type_name,
        };
        let bytes = || u16::try_from(max_length).map_or(Length::Max, Length::N);
        let units = || u16::try_from(max_length).map_or(Length::Max, |bytes| Length::N(bytes / 2));
        let fixed = |divisor| u16::try_from(max_length).unwrap_or_default() / divisor;
        match name.to_ascii_lowercase().as_str() {
            _ if assembly => Self::Clr(name.to_owned()),
            "bit" => Self::Bit,
            "tinyint" => Self::TinyInt,
            "smallint" => Self::SmallInt,
            "int" => Self::Int,
            "bigint" => Self::BigInt,
            "decimal" | "numeric" => Self::Decimal { precision, scale },
            "money" => Self::Money,
            "smallmoney" => Self::SmallMoney,
            "real" => Self::Real,
            "float" => Self::Float,
            "date" => Self::Date,
            "time" => Self::Time(scale),
            "datetime2" => Self::DateTime2(scale),
            "datetimeoffset" => Self::DateTimeOffset(scale),
            "datetime" => Self::DateTime,
            "smalldatetime" => Self::SmallDateTime,
            "char" => Self::Char(fixed(1)),
            "varchar" => Self::VarChar(bytes()),
            "text" => Self::Text,
            "nchar" => Self::NChar(fixed(2)),
            // sysname without its base type, in Babelfish.
            "nvarchar" | "sysname" => Self::NVarChar(units()),
            "ntext" => Self::NText,
            "binary" => Self::Binary(fixed(1)),
            "varbinary" => Self::VarBinary(bytes()),
            "image" => Self::Image,
            "uniqueidentifier" => Self::UniqueIdentifier,
            "xml" => Self::Xml,
            "sql_variant" => Self::Variant,
            "timestamp" | "rowversion" => Self::RowVersion,
            "json" => Self::Json,
            "vector" => Self::Vector(fixed(1)),
            "geography" | "geometry" | "hierarchyid" => Self::Clr(name.to_owned()),
            _ => Self::Other(name.to_owned()),
        }
    }

    /// May a value have more than 8,000 bytes?
    pub fn is_unlimited(&self) -> bool {
        matches!(
            self,
            Self::VarChar(Length::Max)
                | Self::NVarChar(Length::Max)
                | Self::VarBinary(Length::Max)
                | Self::Text
                | Self::NText
                | Self::Image
                | Self::Xml
                | Self::Json
                | Self::Clr(_)
        )
    }

    /// Does it have a collation?
    pub fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Char(_) | Self::VarChar(_) | Self::Text | Self::NChar(_) | Self::NVarChar(_) | Self::NText
        )
    }

    /// The bytes that a value can take in a row; the types without a bound count as what a row keeps of
    /// them at most (8,000 bytes, Microsoft docs, "Pages and extents architecture guide").
    pub fn row_bytes(&self) -> u32 {
        match self {
            Self::Bit | Self::TinyInt => 1,
            Self::SmallInt => 2,
            Self::Int | Self::Real | Self::SmallMoney | Self::SmallDateTime => 4,
            Self::Date => 3,
            Self::Time(_) => 5,
            Self::BigInt | Self::Float | Self::Money | Self::DateTime | Self::DateTime2(_) => 8,
            Self::RowVersion => 8,
            Self::DateTimeOffset(_) => 10,
            Self::UniqueIdentifier => 16,
            Self::Decimal { precision, .. } => match precision {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            },
            Self::Char(n) | Self::Binary(n) | Self::Vector(n) => u32::from(*n),
            Self::VarChar(Length::N(n)) | Self::VarBinary(Length::N(n)) => u32::from(*n),
            Self::NChar(n) | Self::NVarChar(Length::N(n)) => 2 * u32::from(*n),
            _ => 8000,
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::N(n) => write!(f, "{n}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// The type as T-SQL declares it.
impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Money => "money",
            Self::SmallMoney => "smallmoney",
            Self::Real => "real",
            Self::Float => "float",
            Self::Date => "date",
            Self::Time(scale) => return write!(f, "time({scale})"),
            Self::DateTime2(scale) => return write!(f, "datetime2({scale})"),
            Self::DateTimeOffset(scale) => return write!(f, "datetimeoffset({scale})"),
            Self::DateTime => "datetime",
            Self::SmallDateTime => "smalldatetime",
            Self::Char(n) => return write!(f, "char({n})"),
            Self::VarChar(length) => return write!(f, "varchar({length})"),
            Self::Text => "text",
            Self::NChar(n) => return write!(f, "nchar({n})"),
            Self::NVarChar(length) => return write!(f, "nvarchar({length})"),
            Self::NText => "ntext",
            Self::Binary(n) => return write!(f, "binary({n})"),
            Self::VarBinary(length) => return write!(f, "varbinary({length})"),
            Self::Image => "image",
            Self::UniqueIdentifier => "uniqueidentifier",
            Self::Xml => "xml",
            Self::Variant => "sql_variant",
            Self::RowVersion => "rowversion",
            Self::Json => "json",
            // 4 bytes a dimension after a header of 8 (Microsoft docs, "Vector data type").
            Self::Vector(bytes) => return write!(f, "vector({})", bytes.saturating_sub(8) / 4),
            Self::Clr(name) | Self::Other(name) => name,
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(type_name: &str) -> Described<'_> {
        Described {
            type_name,
            base_name: Some(type_name),
            user_defined: false,
            assembly: false,
            max_length: 10,
            precision: 12,
            scale: 3,
        }
    }

    #[test]
    fn lengths_are_bytes_or_units_and_minus_one_is_max() {
        assert_eq!(SqlType::of(described("nchar")), SqlType::NChar(5));
        assert_eq!(SqlType::of(described("nvarchar")), SqlType::NVarChar(Length::N(5)));
        assert_eq!(SqlType::of(described("varchar")), SqlType::VarChar(Length::N(10)));
        let max = Described { max_length: -1, ..described("varbinary") };
        assert_eq!(SqlType::of(max), SqlType::VarBinary(Length::Max));
        assert_eq!(SqlType::of(described("numeric")).to_string(), "decimal(12,3)");
    }

    #[test]
    fn an_alias_is_its_base_type_but_a_clr_type_is_itself() {
        let sysname = Described { base_name: Some("nvarchar"), max_length: 256, ..described("sysname") };
        assert_eq!(SqlType::of(sysname), SqlType::NVarChar(Length::N(128)));
        let sysname = Described { base_name: Some("sysname"), ..sysname };
        assert_eq!(SqlType::of(sysname), SqlType::NVarChar(Length::N(128)));
        let alias = Described { base_name: Some("decimal"), user_defined: true, ..described("Price") };
        assert_eq!(SqlType::of(alias), SqlType::Decimal { precision: 12, scale: 3 });
        let clr = Described { base_name: None, assembly: true, ..described("geography") };
        assert_eq!(SqlType::of(clr), SqlType::Clr("geography".into()));
        // Stored as varbinary by SQL Server 2025, but not a varbinary.
        let vector = Described { base_name: Some("varbinary"), max_length: 20, ..described("vector") };
        assert_eq!(SqlType::of(vector).to_string(), "vector(3)");
    }
}
