//! `+ - * / %`, bit operators and string concatenation.
use super::Binder;
use super::typed::{Label, Typed};
use super::types::{common_collation, common_type, string_type};
use sandbox_values::convert::{Operator, arithmetic, decimal_shape, result_type};
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units, width};
use sandbox_values::{Len, SqlType, Value};

impl Binder<'_> {
    pub fn arithmetic(&self, symbol: char, left: Typed, right: Typed) -> Result<Typed, SqlError> {
        let text = |t: &Typed| t.sql_type.is_character() && !t.is_untyped_null();
        let binary = |t: &Typed| t.sql_type.is_binary() && !t.is_untyped_null();
        if symbol == '+' && text(&left) && (text(&right) || right.is_untyped_null())
            || symbol == '+' && text(&right) && left.is_untyped_null()
        {
            return self.concatenated(left, right);
        }
        if symbol == '+' && binary(&left) && binary(&right) {
            return Ok(self.joined_bytes(left, right));
        }
        let sql_type = common_type(&left, &right)?;
        match sql_type {
            SqlType::DateTime | SqlType::SmallDateTime if matches!(symbol, '+' | '-') => {
                self.days(symbol, left, right, sql_type)
            }
            SqlType::Decimal { .. } => self.decimals(symbol, left, right),
            _ if sql_type.is_number() && sql_type != SqlType::Bit => {
                self.numbers(symbol, left, right, sql_type)
            }
            SqlType::Bit if matches!(symbol, '&' | '|' | '^') => self.numbers(symbol, left, right, sql_type),
            _ => Err(SqlError::new(
                402,
                16,
                1,
                format!(
                    "The data types {} and {} are incompatible in the {} operator.",
                    left.sql_type.name(),
                    right.sql_type.name(),
                    operator_name(symbol)
                ),
            )),
        }
    }

    /// Integers, money and floats.
    fn numbers(&self, symbol: char, left: Typed, right: Typed, sql_type: SqlType) -> Result<Typed, SqlError> {
        let arguments = vec![self.implicit(left, &sql_type)?, self.implicit(right, &sql_type)?];
        let result = sql_type.clone();
        Ok(self.op("arithmetic", &symbol.to_string(), arguments, sql_type, move |v| match (&v[0], &v[1]) {
            (Value::Int(a), Value::Int(b)) => integers(symbol, *a, *b, &result).map(Value::Int),
            (Value::Money(a), Value::Money(b)) => money(symbol, *a, *b, &result).map(Value::Money),
            (Value::Float(a), Value::Float(b)) => floats(symbol, *a, *b, &result).map(Value::Float),
            _ => Err(overflow(&result)),
        }))
    }

    fn decimals(&self, symbol: char, left: Typed, right: Typed) -> Result<Typed, SqlError> {
        let operator = match symbol {
            '+' => Operator::Add,
            '-' => Operator::Subtract,
            '*' => Operator::Multiply,
            '/' => Operator::Divide,
            '%' => Operator::Modulo,
            _ => {
                return Err(SqlError::new(
                    8117,
                    16,
                    1,
                    format!("Operand data type numeric is invalid for {} operator.", operator_name(symbol)),
                ));
            }
        };
        let (left, right) = (self.as_decimal(left)?, self.as_decimal(right)?);
        let Some(result) = result_type(operator, &left.sql_type, &right.sql_type) else {
            return Err(overflow(&left.sql_type));
        };
        let (left_scale, right_scale, target) =
            (left.sql_type.scale(), right.sql_type.scale(), result.clone());
        Ok(self.op("decimal", &symbol.to_string(), vec![left, right], result, move |v| {
            match (&v[0], &v[1]) {
                (Value::Decimal(a), Value::Decimal(b)) => {
                    arithmetic(operator, (*a, left_scale), (*b, right_scale), &target).map(Value::Decimal)
                }
                _ => Err(overflow(&target)),
            }
        }))
    }

    /// An exact number as the decimal that holds all of its type; text as the other side's type has become.
    fn as_decimal(&self, value: Typed) -> Result<Typed, SqlError> {
        if matches!(value.sql_type, SqlType::Decimal { .. }) {
            return Ok(value);
        }
        let (precision, scale) = decimal_shape(&value.sql_type).unwrap_or((38, 0));
        self.implicit(value, &SqlType::Decimal { precision, scale, numeric: true })
    }

    /// datetime plus and minus days.
    fn days(&self, symbol: char, left: Typed, right: Typed, sql_type: SqlType) -> Result<Typed, SqlError> {
        let arguments =
            vec![self.implicit(left, &SqlType::DateTime)?, self.implicit(right, &SqlType::DateTime)?];
        let moment = self.op("days", &symbol.to_string(), arguments, SqlType::DateTime, move |v| {
            let ticks = |v: &Value| match v {
                Value::DateTime(days, ticks) => i64::from(*days) * TICKS_A_DAY + i64::from(*ticks),
                _ => 0,
            };
            let (a, b) = (ticks(&v[0]), ticks(&v[1]));
            let sum = if symbol == '+' { a + b } else { a - b };
            let days = sum.div_euclid(TICKS_A_DAY);
            if !(-53_690..=2_958_463).contains(&days) {
                return Err(SqlError::new(
                    517,
                    16,
                    1,
                    "Adding a value to a 'datetime' column caused an overflow.",
                ));
            }
            Ok(Value::DateTime(days as i32, sum.rem_euclid(TICKS_A_DAY) as u32))
        });
        self.implicit(moment, &sql_type)
    }

    fn concatenated(&self, left: Typed, right: Typed) -> Result<Typed, SqlError> {
        let collation = common_collation(&[&left, &right], "add")?;
        let label = collation.map_or(Label::CoercibleDefault, |(_, label)| label);
        let collation = collation.map_or_else(|| self.collation(), |(c, _)| c);
        let sql_type = joined_type(&[&left, &right], collation);
        let (left, right) = (self.text_as(left, &sql_type)?, self.text_as(right, &sql_type)?);
        let (types, result) = ([left.sql_type.clone(), right.sql_type.clone()], sql_type.clone());
        let joined = self.op("concatenate", "", vec![left, right], sql_type, move |v| {
            let mut all = units(&v[0], &types[0]);
            all.extend(units(&v[1], &types[1]));
            Ok(from_units(&all, &result))
        });
        Ok(Typed { label, ..joined })
    }

    fn text_as(&self, value: Typed, sql_type: &SqlType) -> Result<Typed, SqlError> {
        if value.is_untyped_null() { self.implicit(value, sql_type) } else { Ok(value) }
    }

    fn joined_bytes(&self, left: Typed, right: Typed) -> Typed {
        let sql_type = match (width(&left.sql_type), width(&right.sql_type)) {
            (Some(a), Some(b)) => SqlType::VarBinary(Len::N((a + b).min(8000))),
            _ => SqlType::VarBinary(Len::Max),
        };
        self.op("join bytes", "", vec![left, right], sql_type, |v| match (&v[0], &v[1]) {
            (Value::Bytes(a), Value::Bytes(b)) => Ok(Value::Bytes([a.as_slice(), b].concat())),
            _ => Ok(Value::Null),
        })
    }

    pub fn negative(&self, value: Typed) -> Result<Typed, SqlError> {
        if !value.sql_type.is_number() {
            return Err(invalid_operand(&value.sql_type, "minus"));
        }
        let sql_type = value.sql_type.clone();
        Ok(self.op("negative", "", vec![value], sql_type.clone(), move |v| match &v[0] {
            Value::Int(n) => integers('-', 0, *n, &sql_type).map(Value::Int),
            Value::Money(n) => n.checked_neg().map(Value::Money).ok_or_else(|| overflow(&sql_type)),
            Value::Decimal(n) => Ok(Value::Decimal(-n)),
            Value::Float(x) => Ok(Value::Float(-x)),
            _ => Err(overflow(&sql_type)),
        }))
    }

    pub fn bitwise_not(&self, value: Typed) -> Result<Typed, SqlError> {
        if !value.sql_type.is_integer() {
            return Err(invalid_operand(&value.sql_type, "bitwise not"));
        }
        let sql_type = value.sql_type.clone();
        Ok(self.op("bitwise not", "", vec![value], sql_type.clone(), move |v| match (&v[0], &sql_type) {
            (Value::Int(n), SqlType::Bit) => Ok(Value::Int(1 - n)),
            (Value::Int(n), SqlType::TinyInt) => Ok(Value::Int(255 - n)),
            (Value::Int(n), _) => Ok(Value::Int(!n)),
            _ => Err(overflow(&sql_type)),
        }))
    }
}

const TICKS_A_DAY: i64 = 86_400 * 300;

/// The type of strings joined: as wide as all together, up to 8000 bytes, unless one is (max).
pub fn joined_type(parts: &[&Typed], collation: sandbox_values::CollationId) -> SqlType {
    let wide = parts.iter().any(|p| {
        matches!(p.sql_type, SqlType::NChar(..) | SqlType::NVarChar(..) | SqlType::NText(_))
            && !p.is_untyped_null()
    });
    let limit: u32 = if wide { 4000 } else { 8000 };
    let typed = parts.iter().filter(|p| !p.is_untyped_null());
    let units = typed.map(|p| width(&p.sql_type).map(u32::from)).try_fold(0_u32, |sum, w| Some(sum + w?));
    string_type(wide, false, units.map(|n| n.min(limit) as u16), collation)
}

fn operator_name(symbol: char) -> &'static str {
    match symbol {
        '+' => "add",
        '-' => "subtract",
        '*' => "multiply",
        '/' => "divide",
        '%' => "modulo",
        '&' => "'&'",
        '|' => "'|'",
        _ => "'^'",
    }
}

fn invalid_operand(sql_type: &SqlType, operator: &str) -> SqlError {
    SqlError::new(
        8117,
        16,
        1,
        format!("Operand data type {} is invalid for {operator} operator.", sql_type.name()),
    )
}

/// 8115 for an expression.
pub fn overflow(to: &SqlType) -> SqlError {
    SqlError::new(
        8115,
        16,
        2,
        format!("Arithmetic overflow error converting expression to data type {}.", to.name()),
    )
}

fn divide_by_zero() -> SqlError {
    SqlError::new(8134, 16, 1, "Divide by zero error encountered.")
}

/// Is it within the integer type?
pub fn fits(n: i64, sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Bit => (0..=1).contains(&n),
        SqlType::TinyInt => u8::try_from(n).is_ok(),
        SqlType::SmallInt => i16::try_from(n).is_ok(),
        SqlType::Int => i32::try_from(n).is_ok(),
        _ => true,
    }
}

fn integers(symbol: char, a: i64, b: i64, sql_type: &SqlType) -> Result<i64, SqlError> {
    let result = match symbol {
        '+' => a.checked_add(b),
        '-' => a.checked_sub(b),
        '*' => a.checked_mul(b),
        '/' | '%' if b == 0 => return Err(divide_by_zero()),
        '/' => a.checked_div(b),
        // i64::MIN % -1 is 0, though the division overflows.
        '%' => Some(a.wrapping_rem(b)),
        '&' => Some(a & b),
        '|' => Some(a | b),
        _ => Some(a ^ b),
    };
    result.filter(|n| fits(*n, sql_type)).ok_or_else(|| overflow(sql_type))
}

/// Ten-thousandths; a product or quotient is cut, not rounded.
fn money(symbol: char, a: i64, b: i64, sql_type: &SqlType) -> Result<i64, SqlError> {
    let (a, b) = (i128::from(a), i128::from(b));
    let result = match symbol {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b / 10_000,
        '/' | '%' if b == 0 => return Err(divide_by_zero()),
        '/' => a * 10_000 / b,
        '%' => a % b,
        _ => return Err(invalid_operand(sql_type, operator_name(symbol))),
    };
    let small = *sql_type == SqlType::SmallMoney;
    let result = i64::try_from(result).ok().filter(|n| !small || i32::try_from(*n).is_ok());
    result.ok_or_else(|| overflow(sql_type))
}

fn floats(symbol: char, a: f64, b: f64, sql_type: &SqlType) -> Result<f64, SqlError> {
    let result = match symbol {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' if b == 0.0 => return Err(divide_by_zero()),
        '/' => a / b,
        _ => {
            return Err(SqlError::new(
                402,
                16,
                1,
                format!(
                    "The data types {0} and {0} are incompatible in the {1} operator.",
                    sql_type.name(),
                    operator_name(symbol)
                ),
            ));
        }
    };
    let real = *sql_type == SqlType::Real;
    let result = if real { f64::from(result as f32) } else { result };
    if result.is_finite() { Ok(result) } else { Err(overflow(sql_type)) }
}
