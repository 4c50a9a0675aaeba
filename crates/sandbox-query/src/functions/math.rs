//! Functions on numbers.
use super::FunctionCall;
use crate::bind::{Typed, constant_int, overflow};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    Ok(Some(match call.name {
        "abs" => kept(call, |v, t| match v {
            Value::Int(n) => whole(n.checked_abs(), t),
            Value::Money(n) => n.checked_abs().map(Value::Money).ok_or_else(|| overflow(t)),
            Value::Decimal(n) => Ok(Value::Decimal(n.abs())),
            Value::Float(x) => Ok(Value::Float(x.abs())),
            other => Ok(other.clone()),
        })?,
        "sign" => kept(call, |v, t| {
            let one = 10_i128.pow(u32::from(t.scale()));
            Ok(match v {
                Value::Int(n) => Value::Int(n.signum()),
                Value::Money(n) => Value::Money(n.signum() * 10_000),
                Value::Decimal(n) => Value::Decimal(n.signum() * one),
                Value::Float(x) => Value::Float(if *x == 0.0 { 0.0 } else { x.signum() }),
                other => other.clone(),
            })
        })?,
        "floor" => to_whole(call, |n, one| n.div_euclid(one), f64::floor)?,
        "ceiling" => to_whole(call, |n, one| -(-n).div_euclid(one), f64::ceil)?,
        "round" => round(call)?,
        "power" => power(call)?,
        "sqrt" => {
            let of = call.bound(1, 1)?.remove(0);
            let of = call.binder.implicit(of, &SqlType::Float)?;
            call.binder.op("sqrt", "", vec![of], SqlType::Float, |v| match v[0] {
                Value::Float(x) if x < 0.0 => {
                    Err(SqlError::new(3623, 16, 1, "An invalid floating point operation occurred."))
                }
                Value::Float(x) => Ok(Value::Float(x.sqrt())),
                _ => Ok(Value::Null),
            })
        }
        "pi" => {
            call.count(0, 0)?;
            Typed::expression(format!("{:e}", std::f64::consts::PI), SqlType::Float, false)
        }
        "rand" => {
            call.count(0, 1)?;
            // random() gives 64 bits; 53 of them make a float below 1.
            Typed::expression(
                "((random() >> 11 & 9007199254740991) / 9007199254740992.0)".to_owned(),
                SqlType::Float,
                true,
            )
        }
        _ => return Ok(None),
    }))
}

fn whole(n: Option<i64>, sql_type: &SqlType) -> Result<Value, SqlError> {
    n.filter(|n| crate::bind::fits(*n, sql_type)).map(Value::Int).ok_or_else(|| overflow(sql_type))
}

/// The one argument as a number: int stays, small ones become int, bit and text float (Microsoft docs, ABS).
fn number(call: &FunctionCall<'_>, value: Typed) -> Result<Typed, SqlError> {
    let to = match &value.sql_type {
        SqlType::TinyInt | SqlType::SmallInt => SqlType::Int,
        SqlType::SmallMoney => SqlType::Money,
        SqlType::Real => SqlType::Float,
        same @ (SqlType::Int
        | SqlType::BigInt
        | SqlType::Money
        | SqlType::Float
        | SqlType::Decimal { .. }) => same.clone(),
        _ => SqlType::Float,
    };
    call.binder.implicit(value, &to)
}

/// A function that keeps the number's type.
fn kept(
    call: &FunctionCall<'_>,
    map: impl Fn(&Value, &SqlType) -> Result<Value, SqlError> + Send + Sync + 'static,
) -> Result<Typed, SqlError> {
    let of = number(call, call.bound(1, 1)?.remove(0))?;
    let sql_type = of.sql_type.clone();
    Ok(call.binder.op(call.name, "", vec![of], sql_type.clone(), move |v| map(&v[0], &sql_type)))
}

/// FLOOR and CEILING: decimal(p, s) becomes decimal(p, 0).
fn to_whole(
    call: &FunctionCall<'_>,
    exact: fn(i128, i128) -> i128,
    float: fn(f64) -> f64,
) -> Result<Typed, SqlError> {
    let of = number(call, call.bound(1, 1)?.remove(0))?;
    let scale = of.sql_type.scale();
    let to = match &of.sql_type {
        SqlType::Decimal { precision, numeric, .. } => {
            SqlType::Decimal { precision: *precision, scale: 0, numeric: *numeric }
        }
        other => other.clone(),
    };
    Ok(call.binder.op(call.name, "", vec![of], to, move |v| {
        Ok(match &v[0] {
            Value::Decimal(n) => Value::Decimal(exact(*n, 10_i128.pow(u32::from(scale)))),
            Value::Money(n) => Value::Money((exact(i128::from(*n), 10_000) * 10_000) as i64),
            Value::Float(x) => Value::Float(float(*x)),
            other => other.clone(),
        })
    }))
}

/// ROUND(number, length[, truncate])
fn round(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 3)?.into_iter();
    let (Some(of), Some(length)) = (arguments.next(), arguments.next()) else {
        return Err(SqlError::new(189, 15, 1, "The round function requires 2 to 3 arguments."));
    };
    let of = number(call, of)?;
    let sql_type = of.sql_type.clone();
    let mut all = vec![of, call.binder.implicit(length, &SqlType::Int)?];
    if let Some(truncate) = arguments.next() {
        all.push(call.binder.implicit(truncate, &SqlType::Int)?);
    }
    let result = sql_type.clone();
    Ok(call.binder.op("round", "", all, sql_type, move |v| {
        let Value::Int(length) = v[1] else { return Ok(Value::Null) };
        let truncate = matches!(v.get(2), Some(Value::Int(n)) if *n != 0);
        let exact = |n: i128, scale: i64| {
            // Places from the right that are lost.
            let lost = u32::try_from(scale.saturating_sub(length)).unwrap_or(0);
            match 10_i128.checked_pow(lost) {
                Some(unit) => {
                    let rest = n % unit;
                    let away = !truncate && rest.abs() * 2 >= unit && unit > 1;
                    n - rest + if away { unit * n.signum() } else { 0 }
                }
                None => 0,
            }
        };
        Ok(match &v[0] {
            Value::Int(n) => whole(i64::try_from(exact(i128::from(*n), 0)).ok(), &result)?,
            Value::Money(n) => {
                Value::Money(i64::try_from(exact(i128::from(*n), 4)).map_err(|_| overflow(&result))?)
            }
            Value::Decimal(n) => {
                let rounded = exact(*n, i64::from(result.scale()));
                if rounded.unsigned_abs() >= 10_u128.pow(u32::from(result.precision())) {
                    return Err(overflow(&result));
                }
                Value::Decimal(rounded)
            }
            Value::Float(x) => {
                let shift = 10_f64.powi(length.clamp(-308, 308) as i32);
                let scaled = x * shift;
                let rounded = if truncate { scaled.trunc() } else { scaled.round() };
                Value::Float(if scaled.is_finite() { rounded / shift } else { *x })
            }
            other => other.clone(),
        })
    }))
}

/// POWER gives its first argument's type.
fn power(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 2)?.into_iter();
    let (Some(base), Some(exponent)) = (arguments.next(), arguments.next()) else {
        return Err(SqlError::new(174, 15, 1, "The power function requires 2 argument(s)."));
    };
    let base = number(call, base)?;
    let to = base.sql_type.clone();
    // A whole power of a whole number is exact as far as the type goes; floats are so up to 2^53.
    if let (SqlType::Int | SqlType::BigInt, Some(exponent)) =
        (&to, call.arguments.get(1).and_then(|e| constant_int(e)))
        && let Ok(exponent) = u32::try_from(exponent)
    {
        let result = to.clone();
        return Ok(call.binder.op("power", &exponent.to_string(), vec![base], to, move |v| match v[0] {
            Value::Int(n) => whole(n.checked_pow(exponent), &result),
            _ => Ok(Value::Null),
        }));
    }
    let all =
        vec![call.binder.implicit(base, &SqlType::Float)?, call.binder.implicit(exponent, &SqlType::Float)?];
    let power = call.binder.op("power", "", all, SqlType::Float, |v| match (&v[0], &v[1]) {
        (Value::Float(a), Value::Float(b)) if a.powf(*b).is_finite() => Ok(Value::Float(a.powf(*b))),
        _ => Err(overflow(&SqlType::Float)),
    });
    call.binder.implicit(power, &to)
}
