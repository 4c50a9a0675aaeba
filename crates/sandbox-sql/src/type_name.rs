//! Type names as T-SQL writes them, and the types they mean.
use super::tokens::{Cursor, SourceText};
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, Len, SqlType};
use sqlparser::tokenizer::Token;

/// A type as written: `varchar(max)`, `[decimal](10, 2)`, `sys.sysname`, `double precision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    pub schema: Option<String>,
    pub name: String,
    pub args: Vec<TypeArg>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeArg {
    Number(i64),
    Max,
}

/// Where a type is declared: what its messages name, and what it leaves to its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct TypePlace<'a> {
    /// Position of the column, parameter or variable, from 1.
    pub ordinal: usize,
    pub name: &'a str,
    /// What `char` alone means: 1 in a declaration, 30 in CAST and CONVERT (Microsoft docs, "char and varchar").
    pub length: u16,
    pub collation: CollationId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub sql_type: SqlType,
    /// The alias type's name: sysname.
    pub alias: Option<String>,
}

impl TypeName {
    /// # Errors
    /// 102/156 where no type stands.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, SqlError> {
        let (mut schema, mut name) = (None, type_word(cursor)?);
        if cursor.take_token(&Token::Period) {
            schema = Some(std::mem::replace(&mut name, cursor.expect_name()?));
        }
        let words: &[&str] = match name.to_ascii_lowercase().as_str() {
            "national" => &["character", "char", "text"],
            "double" => &["precision"],
            _ => &[],
        };
        if !words.is_empty() {
            let next = words.iter().find(|w| cursor.take_word(w)).ok_or_else(|| cursor.syntax_error())?;
            name = format!("{name} {next}");
        }
        if !name.contains(' ') || name.contains("char") {
            let varies = ["char", "character", "nchar", "national char", "national character", "binary"];
            if varies.iter().any(|v| name.eq_ignore_ascii_case(v)) && cursor.take_word("varying") {
                name.push_str(" varying");
            }
        }
        let mut args = Vec::new();
        if cursor.take_token(&Token::LParen) {
            loop {
                let max = cursor.take_word("max");
                args.push(if max { TypeArg::Max } else { TypeArg::Number(cursor.expect_integer()?) });
                if !cursor.take_token(&Token::Comma) {
                    break;
                }
            }
            cursor.expect_token(&Token::RParen)?;
        }
        Ok(Self { schema, name, args })
    }

    /// A type that is the whole text.
    ///
    /// # Errors
    /// 102/156 where it is none, or something follows.
    pub fn parse_text(text: &str) -> Result<Self, SqlError> {
        let source = SourceText::new(text)?;
        let mut cursor = source.cursor();
        let parsed = Self::parse(&mut cursor)?;
        if cursor.is_done() { Ok(parsed) } else { Err(cursor.syntax_error()) }
    }

    /// # Errors
    /// 2715 for an unknown name; 131, 1001, 1002, 2716, 2717, 2750, 2751 for arguments that do not fit.
    pub fn resolve(&self, place: &TypePlace<'_>) -> Result<Resolved, SqlError> {
        if self.schema.as_deref().is_some_and(|s| !s.eq_ignore_ascii_case("sys")) {
            return Err(self.unknown(place));
        }
        let collation = place.collation;
        let name = self.name.to_ascii_lowercase();
        let plain = match name.as_str() {
            "bit" => Some(SqlType::Bit),
            "tinyint" => Some(SqlType::TinyInt),
            "smallint" => Some(SqlType::SmallInt),
            "int" | "integer" => Some(SqlType::Int),
            "bigint" => Some(SqlType::BigInt),
            "money" => Some(SqlType::Money),
            "smallmoney" => Some(SqlType::SmallMoney),
            "real" => Some(SqlType::Real),
            "double precision" => Some(SqlType::Float),
            "date" => Some(SqlType::Date),
            "datetime" => Some(SqlType::DateTime),
            "smalldatetime" => Some(SqlType::SmallDateTime),
            "text" => Some(SqlType::Text(collation)),
            "ntext" | "national text" => Some(SqlType::NText(collation)),
            "image" => Some(SqlType::Image),
            "uniqueidentifier" => Some(SqlType::UniqueIdentifier),
            "xml" => Some(SqlType::Xml),
            "sql_variant" => Some(SqlType::Variant),
            "rowversion" | "timestamp" => Some(SqlType::RowVersion),
            "hierarchyid" => Some(SqlType::HierarchyId),
            "geography" => Some(SqlType::Geography),
            "geometry" => Some(SqlType::Geometry),
            "sysname" => Some(SqlType::NVarChar(Len::N(128), collation)),
            _ => None,
        };
        if let Some(sql_type) = plain {
            return match self.args.first() {
                None => Ok(Resolved { sql_type, alias: (name == "sysname").then_some(name) }),
                Some(_) => Err(SqlError::new(
                    2716,
                    16,
                    1,
                    format!(
                        "Column, parameter, or variable #{}: Cannot specify a column width on data type {name}.",
                        place.ordinal
                    ),
                )),
            };
        }
        let sql_type = match name.as_str() {
            "decimal" | "dec" => self.decimal(place, false)?,
            "numeric" => self.decimal(place, true)?,
            "float" => match self.one_number(53)? {
                1..=24 => SqlType::Real,
                25..=53 => SqlType::Float,
                other => return Err(invalid_length(other)),
            },
            "time" => SqlType::Time(self.scale()?),
            "datetime2" => SqlType::DateTime2(self.scale()?),
            "datetimeoffset" => SqlType::DateTimeOffset(self.scale()?),
            "char" | "character" => SqlType::Char(self.fixed(place, 8000)?, collation),
            "varchar" | "char varying" | "character varying" => {
                SqlType::VarChar(self.length(place, 8000)?, collation)
            }
            "nchar" | "national char" | "national character" => {
                SqlType::NChar(self.fixed(place, 4000)?, collation)
            }
            "nvarchar" | "nchar varying" | "national char varying" | "national character varying" => {
                SqlType::NVarChar(self.length(place, 4000)?, collation)
            }
            "binary" => SqlType::Binary(self.fixed(place, 8000)?),
            "varbinary" | "binary varying" => SqlType::VarBinary(self.length(place, 8000)?),
            _ => return Err(self.unknown(place)),
        };
        Ok(Resolved { sql_type, alias: None })
    }

    fn unknown(&self, place: &TypePlace<'_>) -> SqlError {
        let schema = self.schema.as_ref().map(|s| format!("{s}.")).unwrap_or_default();
        let text = format!(
            "Column, parameter, or variable #{}: Cannot find data type {schema}{}.",
            place.ordinal, self.name
        );
        SqlError::new(2715, 16, 6, text)
    }

    fn one_number(&self, default: i64) -> Result<i64, SqlError> {
        match self.args[..] {
            [] => Ok(default),
            [TypeArg::Number(n)] => Ok(n),
            _ => Err(invalid_length(0)),
        }
    }

    fn decimal(&self, place: &TypePlace<'_>, numeric: bool) -> Result<SqlType, SqlError> {
        let (precision, scale) = match self.args[..] {
            [] => (18, 0),
            [TypeArg::Number(p)] => (p, 0),
            [TypeArg::Number(p), TypeArg::Number(s)] => (p, s),
            _ => return Err(invalid_length(0)),
        };
        let of = format!("Column or parameter #{}: Specified column", place.ordinal);
        if precision > 38 {
            let text = format!("{of} precision {precision} is greater than the maximum precision of 38.");
            return Err(SqlError::new(2750, 16, 1, text));
        }
        if scale > precision {
            let text = format!("{of} scale {scale} is greater than the specified precision of {precision}.");
            return Err(SqlError::new(2751, 16, 1, text));
        }
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..), Ok(scale)) => Ok(SqlType::Decimal { precision, scale, numeric }),
            _ => Err(invalid_length(precision)),
        }
    }

    fn scale(&self) -> Result<u8, SqlError> {
        match self.one_number(7)? {
            scale @ 0..=7 => Ok(scale as u8),
            scale => Err(SqlError::new(1002, 15, 1, format!("Line 1: Specified scale {scale} is invalid."))),
        }
    }

    fn length(&self, place: &TypePlace<'_>, limit: u16) -> Result<Len, SqlError> {
        match self.args[..] {
            [] => Ok(Len::N(place.length)),
            [TypeArg::Max] => Ok(Len::Max),
            [TypeArg::Number(n)] => match u16::try_from(n) {
                Ok(n) if n > 0 && n <= limit => Ok(Len::N(n)),
                _ if n < 1 => Err(invalid_length(n)),
                _ => Err(too_long(n, place, limit)),
            },
            _ => Err(invalid_length(0)),
        }
    }

    fn fixed(&self, place: &TypePlace<'_>, limit: u16) -> Result<u16, SqlError> {
        match self.length(place, limit)? {
            Len::N(n) => Ok(n),
            Len::Max => Err(SqlError::new(102, 15, 1, "Incorrect syntax near 'max'.")),
        }
    }
}

/// A type's first word: some, like `double` and `national`, are reserved and stand for themselves.
fn type_word(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    match cursor.take_any(&["national", "double"]) {
        Some(word) => Ok(word.to_owned()),
        None => cursor.expect_name(),
    }
}

fn invalid_length(given: i64) -> SqlError {
    SqlError::new(1001, 15, 1, format!("Line 1: Length or precision specification {given} is invalid."))
}

fn too_long(given: i64, place: &TypePlace<'_>, limit: u16) -> SqlError {
    let what = if place.name.starts_with('@') { "parameter" } else { "column" };
    if limit == 4000 {
        let text = format!(
            "The size ({given}) given to the {what} '{}' exceeds the maximum allowed (4000).",
            place.name
        );
        return SqlError::new(2717, 16, 2, text);
    }
    let text = format!(
        "The size ({given}) given to the {what} '{}' exceeds the maximum allowed for any data type (8000).",
        place.name
    );
    SqlError::new(131, 15, 2, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLATION: CollationId = CollationId(0);

    fn resolve(text: &str) -> Result<Resolved, SqlError> {
        TypeName::parse_text(text)?.resolve(&TypePlace {
            ordinal: 3,
            name: "c",
            length: 1,
            collation: COLLATION,
        })
    }

    fn sql_type(text: &str) -> SqlType {
        resolve(text).unwrap().sql_type
    }

    #[test]
    fn spellings() {
        assert_eq!(sql_type("INT"), SqlType::Int);
        assert_eq!(sql_type("[int]"), SqlType::Int);
        assert_eq!(sql_type("varchar(max)"), SqlType::VarChar(Len::Max, COLLATION));
        assert_eq!(sql_type("[NVarChar] ( 50 )"), SqlType::NVarChar(Len::N(50), COLLATION));
        assert_eq!(sql_type("nvarchar"), SqlType::NVarChar(Len::N(1), COLLATION));
        assert_eq!(sql_type("national character varying(7)"), SqlType::NVarChar(Len::N(7), COLLATION));
        assert_eq!(sql_type("decimal"), SqlType::Decimal { precision: 18, scale: 0, numeric: false });
        assert_eq!(sql_type("numeric(38,10)"), SqlType::Decimal { precision: 38, scale: 10, numeric: true });
        assert_eq!(sql_type("float(24)"), SqlType::Real);
        assert_eq!(sql_type("float(25)"), SqlType::Float);
        assert_eq!(sql_type("double precision"), SqlType::Float);
        assert_eq!(sql_type("datetime2"), SqlType::DateTime2(7));
        assert_eq!(sql_type("timestamp"), SqlType::RowVersion);
        let sysname = resolve("sys.sysname").unwrap();
        assert_eq!(sysname.alias.as_deref(), Some("sysname"));
        assert_eq!(sysname.sql_type, SqlType::NVarChar(Len::N(128), COLLATION));
    }

    #[test]
    fn refusals() {
        let number = |text: &str| resolve(text).unwrap_err().number;
        let unknown = resolve("x").unwrap_err();
        assert_eq!(unknown.text, "Column, parameter, or variable #3: Cannot find data type x.");
        assert_eq!(number("varchar(8001)"), 131);
        assert_eq!(number("nvarchar(4001)"), 2717);
        assert_eq!(number("varchar(0)"), 1001);
        assert_eq!(number("int(4)"), 2716);
        assert_eq!(number("decimal(39)"), 2750);
        assert_eq!(number("decimal(5,6)"), 2751);
        assert_eq!(number("time(8)"), 1002);
        assert_eq!(number("char(max)"), 102);
        assert_eq!(number("int x"), 102);
    }
}
