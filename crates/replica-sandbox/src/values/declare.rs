//! Types by name, and what the catalog says of them.
use super::collation::Charset;
use super::types::{CollationId, Len, SqlType};
use crate::error::SqlError;
use std::fmt;

/// The parameters in a declaration's parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeArg {
    N(u32),
    Max,
}

impl SqlType {
    /// The type that a declaration names, its defaults filled in: `decimal` is (18, 0), `datetime2` is (7),
    /// `varchar` is (1) (in CAST it is 30: [`SqlType::in_cast`]). Names are taken without case; aliases and
    /// `sysname` too.
    ///
    /// # Errors
    /// 2715 unknown type, 1001 length too large or 0, 2750/2751 precision and scale, 1002 scale of a date type,
    /// 2716 a width for a type that takes none.
    pub fn declare(name: &str, args: &[TypeArg], collation: CollationId) -> Result<SqlType, SqlError> {
        let lower = name.to_ascii_lowercase();
        let name = canonical(&lower);
        match name {
            "decimal" | "numeric" => decimal(args, name == "numeric"),
            "float" => Ok(if number(args, 53, 53, 1)? <= 24 { SqlType::Real } else { SqlType::Float }),
            "time" => Ok(SqlType::Time(scale(name, args)?)),
            "datetime2" => Ok(SqlType::DateTime2(scale(name, args)?)),
            "datetimeoffset" => Ok(SqlType::DateTimeOffset(scale(name, args)?)),
            "char" => Ok(SqlType::Char(width(args, 8000)?, collation)),
            "nchar" => Ok(SqlType::NChar(width(args, 4000)?, collation)),
            "binary" => Ok(SqlType::Binary(width(args, 8000)?)),
            "varchar" => Ok(SqlType::VarChar(len(args, 8000)?, collation)),
            "nvarchar" => Ok(SqlType::NVarChar(len(args, 4000)?, collation)),
            "varbinary" => Ok(SqlType::VarBinary(len(args, 8000)?)),
            _ => {
                let plain = plain(name, collation).ok_or_else(|| unknown_type(&lower))?;
                match args {
                    [] => Ok(plain),
                    _ => Err(SqlError::new(
                        2716,
                        16,
                        1,
                        format!(
                            "Column, parameter, or variable #1: Cannot specify a column width on data type {name}."
                        ),
                    )),
                }
            }
        }
    }

    /// As [`SqlType::declare`], with CAST's and CONVERT's default length of 30 (Microsoft, "char and varchar").
    ///
    /// # Errors
    /// The same.
    pub fn in_cast(name: &str, args: &[TypeArg], collation: CollationId) -> Result<SqlType, SqlError> {
        let takes_a_length = matches!(
            canonical(&name.to_ascii_lowercase()),
            "char" | "nchar" | "varchar" | "nvarchar" | "binary" | "varbinary"
        );
        let default = [TypeArg::N(30)];
        Self::declare(name, if args.is_empty() && takes_a_length { &default } else { args }, collation)
    }

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

    /// `system_type_id` of the catalog views (server-facts.md section 6).
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

/// Synonyms (Microsoft, "Data type synonyms").
fn canonical(name: &str) -> &str {
    match name {
        "dec" => "decimal",
        "integer" => "int",
        "character" => "char",
        "character varying" | "char varying" => "varchar",
        "national character" | "national char" => "nchar",
        "national character varying" | "national char varying" => "nvarchar",
        "binary varying" => "varbinary",
        "double precision" => "float",
        "rowversion" => "timestamp",
        other => other,
    }
}

fn plain(name: &str, collation: CollationId) -> Option<SqlType> {
    Some(match name {
        "bit" => SqlType::Bit,
        "tinyint" => SqlType::TinyInt,
        "smallint" => SqlType::SmallInt,
        "int" => SqlType::Int,
        "bigint" => SqlType::BigInt,
        "money" => SqlType::Money,
        "smallmoney" => SqlType::SmallMoney,
        "real" => SqlType::Real,
        "date" => SqlType::Date,
        "datetime" => SqlType::DateTime,
        "smalldatetime" => SqlType::SmallDateTime,
        "text" => SqlType::Text(collation),
        "ntext" => SqlType::NText(collation),
        "image" => SqlType::Image,
        "uniqueidentifier" => SqlType::UniqueIdentifier,
        "xml" => SqlType::Xml,
        "sql_variant" => SqlType::Variant,
        "timestamp" => SqlType::RowVersion,
        "hierarchyid" => SqlType::HierarchyId,
        "geography" => SqlType::Geography,
        "geometry" => SqlType::Geometry,
        "sysname" => SqlType::NVarChar(Len::N(128), collation),
        _ => return None,
    })
}

fn unknown_type(name: &str) -> SqlError {
    SqlError::new(2715, 16, 2, format!("Column, parameter, or variable #1: Cannot find data type {name}."))
}

fn invalid_length() -> SqlError {
    SqlError::new(1001, 15, 1, "Line 1: Length or precision specification 0 is invalid.")
}

/// One optional number from `least` to `most`.
fn number(args: &[TypeArg], default: u32, most: u32, least: u32) -> Result<u32, SqlError> {
    match *args {
        [] => Ok(default),
        [TypeArg::N(n)] if n < least => Err(invalid_length()),
        [TypeArg::N(n)] if n <= most => Ok(n),
        [TypeArg::N(n)] => Err(SqlError::new(
            131,
            15,
            3,
            format!(
                "The size ({n}) given to the type exceeds the maximum allowed for any data type ({most})."
            ),
        )),
        _ => Err(SqlError::new(102, 15, 1, "Incorrect syntax near 'max'.")),
    }
}

fn width(args: &[TypeArg], most: u32) -> Result<u16, SqlError> {
    Ok(number(args, 1, most, 1)? as u16)
}

fn len(args: &[TypeArg], most: u32) -> Result<Len, SqlError> {
    match args {
        [TypeArg::Max] => Ok(Len::Max),
        _ => Ok(Len::N(width(args, most)?)),
    }
}

fn scale(name: &str, args: &[TypeArg]) -> Result<u8, SqlError> {
    match *args {
        [] => Ok(7),
        [TypeArg::N(scale @ 0..=7)] => Ok(scale as u8),
        [TypeArg::N(scale)] => {
            Err(SqlError::new(1002, 15, 1, format!("Line 1: Specified scale {scale} is invalid.")))
        }
        _ => Err(SqlError::new(2716, 16, 1, format!("Cannot specify a column width on data type {name}."))),
    }
}

fn decimal(args: &[TypeArg], numeric: bool) -> Result<SqlType, SqlError> {
    let (precision, scale) = match *args {
        [] => (18, 0),
        [TypeArg::N(precision)] => (precision, 0),
        [TypeArg::N(precision), TypeArg::N(scale)] => (precision, scale),
        _ => return Err(SqlError::new(102, 15, 1, "Incorrect syntax near 'max'.")),
    };
    if precision == 0 {
        return Err(invalid_length());
    }
    if precision > 38 {
        return Err(SqlError::new(
            2750,
            16,
            1,
            format!(
                "Column or parameter #1: Specified column precision {precision} is greater than the maximum precision of 38."
            ),
        ));
    }
    if scale > precision {
        return Err(SqlError::new(
            2751,
            16,
            1,
            format!(
                "Column or parameter #1: Specified column scale {scale} is greater than the specified precision of {precision}."
            ),
        ));
    }
    Ok(SqlType::Decimal { precision: precision as u8, scale: scale as u8, numeric })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare(name: &str, args: &[TypeArg]) -> Result<SqlType, i32> {
        SqlType::declare(name, args, CollationId::SERVER_DEFAULT).map_err(|error| error.number)
    }

    #[test]
    fn defaults_are_filled_in_and_shown() {
        for (name, args, shown) in [
            ("Decimal", vec![], "decimal(18,0)"),
            ("numeric", vec![TypeArg::N(10), TypeArg::N(2)], "numeric(10,2)"),
            ("datetime2", vec![], "datetime2(7)"),
            ("varchar", vec![], "varchar(1)"),
            ("NVARCHAR", vec![TypeArg::Max], "nvarchar(max)"),
            ("float", vec![TypeArg::N(24)], "real"),
            ("rowversion", vec![], "timestamp"),
            ("sysname", vec![], "nvarchar(128)"),
        ] {
            assert_eq!(declare(name, &args).unwrap().to_string(), shown);
        }
        assert_eq!(
            SqlType::in_cast("varchar", &[], CollationId::SERVER_DEFAULT).unwrap().to_string(),
            "varchar(30)"
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_number() {
        assert_eq!(declare("klingon", &[]), Err(2715));
        assert_eq!(declare("varchar", &[TypeArg::N(0)]), Err(1001));
        assert_eq!(declare("varchar", &[TypeArg::N(8001)]), Err(131));
        assert_eq!(declare("int", &[TypeArg::N(4)]), Err(2716));
        assert_eq!(declare("decimal", &[TypeArg::N(39)]), Err(2750));
        assert_eq!(declare("decimal", &[TypeArg::N(5), TypeArg::N(6)]), Err(2751));
        assert_eq!(declare("time", &[TypeArg::N(8)]), Err(1002));
    }

    /// server-facts.md section 6.
    #[test]
    fn the_catalog_numbers_are_those_of_sys_types() {
        for (name, id, length, precision, scale) in [
            ("int", 56, 4, 10, 0),
            ("bigint", 127, 8, 19, 0),
            ("money", 60, 8, 19, 4),
            ("float", 62, 8, 53, 0),
            ("date", 40, 3, 10, 0),
            ("time", 41, 5, 16, 7),
            ("datetime2", 42, 8, 27, 7),
            ("datetimeoffset", 43, 10, 34, 7),
            ("datetime", 61, 8, 23, 3),
            ("smalldatetime", 58, 4, 16, 0),
        ] {
            let declared = declare(name, &[]).unwrap();
            assert_eq!(declared.system_type_id(), id, "{name}");
            assert_eq!(
                (declared.max_length(), declared.precision(), declared.scale()),
                (length, precision, scale),
                "{name}"
            );
        }
    }
}
