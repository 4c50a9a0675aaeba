//! Dynamic data masking: what readers without UNMASK see in a value's stead (Microsoft docs, "Dynamic data masking";
//! SQL Server 2016 and later).
use sandbox_values::collation::utf16le;
use sandbox_values::convert::{self, ConvertMode};
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units, width};
use sandbox_values::{CollationId, Len, SqlType, Value};

/// A masking function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    Default,
    Email,
    /// So many characters of the beginning, the padding, so many of the end.
    Partial {
        prefix: usize,
        padding: String,
        suffix: usize,
    },
    /// A number between the two.
    Random(i64, i64),
}

impl Mask {
    /// Reads a column's masking function.
    ///
    /// # Errors
    /// 16002 to 16005 (Microsoft docs, "Database engine events and errors").
    pub fn parse(text: &str, column: &str, sql_type: &SqlType) -> Result<Self, SqlError> {
        let call = text.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
        let Some((name, inside)) = call else {
            return Err(refused(16002, format!("Invalid data masking function in column '{column}'.")));
        };
        let (name, arguments) = (name.to_lowercase(), arguments(inside));
        let fits = match name.as_str() {
            "default" => true,
            "email" | "partial" => sql_type.is_character(),
            "random" => sql_type.is_number(),
            "datetime" => {
                return Err(refused(
                    50000,
                    "replica-sandbox does not support the mask datetime().".to_owned(),
                ));
            }
            _ => return Err(refused(16002, format!("Invalid data masking function in column '{column}'."))),
        };
        if !fits {
            let text = format!(
                "The data type of column '{column}' does not support data masking function '{name}'."
            );
            return Err(refused(16003, text));
        }
        let invalid = || {
            refused(
                16005,
                format!("Invalid argument for data masking function '{name}' for column '{column}'."),
            )
        };
        match (name.as_str(), arguments.as_slice()) {
            ("default", []) => Ok(Mask::Default),
            ("email", []) => Ok(Mask::Email),
            ("partial", [prefix, padding, suffix]) => Ok(Mask::Partial {
                prefix: prefix.parse().map_err(|_| invalid())?,
                padding: padding
                    .strip_prefix('"')
                    .and_then(|p| p.strip_suffix('"'))
                    .ok_or_else(invalid)?
                    .to_owned(),
                suffix: suffix.parse().map_err(|_| invalid())?,
            }),
            ("random", [low, high]) => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) if low <= high => Ok(Mask::Random(low, high)),
                _ => Err(invalid()),
            },
            _ => Err(refused(
                16004,
                format!(
                    "Incorrect number of parameters for data masking function '{name}' for column '{column}'."
                ),
            )),
        }
    }

    /// What is shown for a value that is not NULL.
    pub fn hide(&self, value: &Value, sql_type: &SqlType) -> Result<Value, SqlError> {
        let text = |text: String| -> Value {
            let all: Vec<u16> = text.encode_utf16().collect();
            let most = width(sql_type).map_or(all.len(), usize::from).min(all.len());
            from_units(&all[..most], sql_type)
        };
        match self {
            Mask::Default => full(sql_type),
            Mask::Email => {
                let units = units(value, sql_type);
                let first = String::from_utf16_lossy(units.get(..1).unwrap_or_default());
                if first.is_empty() { full(sql_type) } else { Ok(text(format!("{first}XXX@XXXX.com"))) }
            }
            Mask::Partial { prefix, padding, suffix } => {
                let units = units(value, sql_type);
                // A value that is too short shows nothing of itself.
                let (prefix, suffix) =
                    if units.len() > prefix + suffix { (*prefix, *suffix) } else { (0, 0) };
                let start = String::from_utf16_lossy(&units[..prefix]);
                let end = String::from_utf16_lossy(&units[units.len() - suffix..]);
                Ok(text(format!("{start}{padding}{end}")))
            }
            Mask::Random(low, high) => {
                let number = rand::random_range(*low..=*high);
                convert::cast(&Value::Int(number), &SqlType::BigInt, sql_type, None, ConvertMode::Explicit)
            }
        }
    }
}

impl std::fmt::Display for Mask {
    /// As sys.masked_columns.masking_function shows it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Mask::Default => write!(f, "default()"),
            Mask::Email => write!(f, "email()"),
            Mask::Partial { prefix, padding, suffix } => {
                write!(f, "partial({prefix}, \"{padding}\", {suffix})")
            }
            Mask::Random(low, high) => write!(f, "random({low}, {high})"),
        }
    }
}

fn refused(number: i32, text: String) -> SqlError {
    SqlError::new(number, 16, 0, text)
}

/// What stands between a call's parentheses, cut at commas outside double quotes.
fn arguments(inside: &str) -> Vec<&str> {
    let mut quoted = false;
    let outside = move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    let all = inside.split(outside).map(str::trim);
    all.filter(|_| !inside.trim().is_empty()).collect()
}

/// default(): full masking by type. What the documentation does not name is unconfirmed: uniqueidentifier, CLR types.
fn full(sql_type: &SqlType) -> Result<Value, SqlError> {
    let cast =
        |value: &Value, from: &SqlType| convert::cast(value, from, sql_type, None, ConvertMode::Explicit);
    let words = |text: &str| Value::Bytes(utf16le(&text.encode_utf16().collect::<Vec<_>>()));
    let nvarchar = SqlType::NVarChar(Len::N(30), CollationId::SERVER_DEFAULT);
    Ok(match sql_type {
        _ if sql_type.is_number() => cast(&Value::Int(0), &SqlType::Int)?,
        _ if sql_type.is_date_or_time() => cast(&words("1900-01-01 00:00:00"), &nvarchar)?,
        _ if sql_type.is_character() => {
            let wide = width(sql_type).map_or(4, usize::from).min(4);
            from_units(&[u16::from(b'x'); 4][..wide], sql_type)
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image => Value::Bytes(vec![b'0']),
        SqlType::Xml => words("<masked />"),
        SqlType::UniqueIdentifier => Value::Guid([0; 16]),
        SqlType::Variant => Value::Variant(Box::new((nvarchar, words("xxxx")))),
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARCHAR: SqlType = SqlType::VarChar(Len::N(30), CollationId::SERVER_DEFAULT);

    fn shown(function: &str, value: &str) -> String {
        let value = from_units(&value.encode_utf16().collect::<Vec<_>>(), &VARCHAR);
        let hidden = Mask::parse(function, "c", &VARCHAR).unwrap().hide(&value, &VARCHAR).unwrap();
        String::from_utf16(&units(&hidden, &VARCHAR)).unwrap()
    }

    #[test]
    fn strings_are_hidden_as_the_function_says() {
        assert_eq!(shown("default()", "secret"), "xxxx");
        assert_eq!(shown("email()", "john@x.com"), "jXXX@XXXX.com");
        assert_eq!(shown("PARTIAL(2, \"-X,X-\", 1)", "abcdefghij"), "ab-X,X-j");
        assert_eq!(shown("partial(2, \"-XX-\", 1)", "ab"), "-XX-");
    }

    #[test]
    fn functions_are_refused_by_name_type_and_arguments() {
        let number =
            |function: &str, sql_type: &SqlType| Mask::parse(function, "c", sql_type).unwrap_err().number;
        assert_eq!(number("foo()", &VARCHAR), 16002);
        assert_eq!(number("default", &VARCHAR), 16002);
        assert_eq!(number("email()", &SqlType::Int), 16003);
        assert_eq!(number("random(1, 2)", &VARCHAR), 16003);
        assert_eq!(number("default(1)", &VARCHAR), 16004);
        assert_eq!(number("partial(a, \"x\", 1)", &VARCHAR), 16005);
        assert_eq!(
            Mask::parse("partial( 1,\"x\" ,2)", "c", &VARCHAR).unwrap().to_string(),
            "partial(1, \"x\", 2)"
        );
    }

    #[test]
    fn every_type_has_a_full_mask_of_its_own_kind() {
        assert_eq!(full(&SqlType::Money), Ok(Value::Money(0)));
        assert_eq!(full(&SqlType::Date), Ok(Value::Date(693_595)));
        assert_eq!(full(&SqlType::Binary(4)), Ok(Value::Bytes(vec![0x30])));
        assert_eq!(
            full(&SqlType::NChar(2, CollationId::SERVER_DEFAULT)),
            Ok(Value::Bytes(vec![b'x', 0, b'x', 0]))
        );
    }
}
