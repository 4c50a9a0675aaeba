//! DATEADD, DATEDIFF and EOMONTH.
use super::part::{DatePart, part, unit};
use super::{DAY, civil, from_ticks, moment, ticks};
use crate::bind::Typed;
use crate::functions::FunctionCall;
use sandbox_values::convert::days_of_date;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

/// DATEADD(part, number, moment): of the moment's type; text becomes datetime (Microsoft docs).
pub fn dateadd(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    call.count(3, 3)?;
    let part = part(call)?;
    let number = call.binder.scalar(call.arguments[1], call.scope)?;
    let number = call.binder.implicit(number, &SqlType::BigInt)?;
    let value = call.binder.scalar(call.arguments[2], call.scope)?;
    let value = if value.sql_type.is_date_or_time() && !value.is_untyped_null() {
        value
    } else {
        call.binder.implicit(value, &SqlType::DateTime)?
    };
    let sql_type = value.sql_type.clone();
    let calendar = matches!(part, DatePart::Year | DatePart::Quarter | DatePart::Month);
    let within_day = unit(part).is_some_and(|u| u < DAY) || part == DatePart::Nanosecond;
    if matches!(sql_type, SqlType::Date) && within_day || matches!(sql_type, SqlType::Time(_)) && !within_day
    {
        return Err(SqlError::new(
            9810,
            16,
            1,
            format!(
                "The datepart {part:?} is not supported by date function dateadd for data type {}.",
                sql_type.name()
            )
            .to_lowercase()
            .replacen("the", "The", 1),
        ));
    }
    let result = sql_type.clone();
    Ok(call.binder.op("dateadd", &format!("{part:?}"), vec![number, value], sql_type, move |v| {
        let Value::Int(n) = v[0] else { return Ok(Value::Null) };
        let overflow = || {
            SqlError::new(
                517,
                16,
                1,
                format!("Adding a value to a '{}' column caused an overflow.", result.name()),
            )
        };
        let at = ticks(&v[1]);
        let moved = if calendar {
            let months = n.checked_mul(match part {
                DatePart::Year => 12,
                DatePart::Quarter => 3,
                _ => 1,
            });
            add_months(at, months.ok_or_else(overflow)?)
        } else if part == DatePart::Nanosecond {
            at.checked_add(n / 100)
        } else {
            unit(part).and_then(|u| n.checked_mul(u)).and_then(|n| at.checked_add(n))
        };
        from_ticks(moved.ok_or_else(overflow)?, &v[1], &result)
    }))
}

/// The same day of another month, or its last.
fn add_months(ticks: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil(ticks);
    let count = (i64::from(year) * 12 + i64::from(month) - 1).checked_add(months)?;
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = count.rem_euclid(12) as u32 + 1;
    let days = (28..=day).rev().chain([day]).find_map(|day| days_of_date(year, month, day))?;
    Some(i64::from(days) * DAY + ticks % DAY)
}

/// How many boundaries of the part lie between two moments; datetimeoffset counts in UTC.
pub fn datediff(call: &FunctionCall<'_>, to: SqlType) -> Result<Typed, SqlError> {
    call.count(3, 3)?;
    let part = part(call)?;
    let from = moment(call, call.binder.scalar(call.arguments[1], call.scope)?)?;
    let until = moment(call, call.binder.scalar(call.arguments[2], call.scope)?)?;
    let result = to.clone();
    Ok(call.binder.op("datediff", &format!("{part:?}"), vec![from, until], to, move |v| {
        let utc = |v: &Value| match v {
            Value::DateTimeOffset(ticks, _) => *ticks as i64,
            other => ticks(other),
        };
        let (a, b) = (utc(&v[0]), utc(&v[1]));
        let months = |t: i64| {
            let (year, month, _) = civil(t);
            i64::from(year) * 12 + i64::from(month) - 1
        };
        let n = match part {
            DatePart::Year => months(b) / 12 - months(a) / 12,
            DatePart::Quarter => months(b) / 3 - months(a) / 3,
            DatePart::Month => months(b) - months(a),
            // Weeks begin on Sunday for DATEDIFF, whatever DATEFIRST is.
            DatePart::Week | DatePart::IsoWeek => (b / DAY + 1).div_euclid(7) - (a / DAY + 1).div_euclid(7),
            DatePart::Nanosecond => (b - a).checked_mul(100).ok_or_else(too_far)?,
            part => {
                let unit = unit(part).unwrap_or(DAY);
                b.div_euclid(unit) - a.div_euclid(unit)
            }
        };
        if result == SqlType::Int && i32::try_from(n).is_err() {
            return Err(too_far());
        }
        Ok(Value::Int(n))
    }))
}

fn too_far() -> SqlError {
    SqlError::new(
        535,
        16,
        0,
        "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is \
         too large. Try to use datediff with a less precise datepart.",
    )
}

pub fn eomonth(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(1, 2)?.into_iter();
    let Some(first) = arguments.next() else {
        return Err(SqlError::new(189, 15, 1, "The eomonth function requires 1 to 2 arguments."));
    };
    let mut all = vec![moment(call, first)?];
    if let Some(months) = arguments.next() {
        all.push(call.binder.implicit(months, &SqlType::BigInt)?);
    }
    Ok(call.binder.op("eomonth", "", all, SqlType::Date, |v| {
        let months = if let Some(Value::Int(n)) = v.get(1) { *n } else { 0 };
        let overflow = || SqlError::new(517, 16, 1, "Adding a value to a 'date' column caused an overflow.");
        let moved = add_months(ticks(&v[0]), months).ok_or_else(overflow)?;
        let (year, month, _) = civil(moved);
        let last = (28..=31).rev().find_map(|day| days_of_date(year, month, day)).ok_or_else(overflow)?;
        Ok(Value::Date(last))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::days_of;
    use super::*;

    fn at(year: i32, month: u32, day: u32) -> i64 {
        days_of(year, month, day) * DAY
    }

    #[test]
    fn months_end_where_the_month_does() {
        assert_eq!(add_months(at(2024, 1, 31), 1), Some(at(2024, 2, 29)));
        assert_eq!(add_months(at(2023, 3, 31), -1), Some(at(2023, 2, 28)));
        assert_eq!(add_months(at(2023, 12, 15), 1), Some(at(2024, 1, 15)));
        assert_eq!(add_months(at(9999, 12, 1), 1), None);
    }
}
