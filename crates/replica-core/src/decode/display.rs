//! Values for people, and for T-SQL.
use std::fmt::{self, Display, Formatter, Write};

use super::calendar::{DAYS_TO_1900, civil};
use super::value::{Decimal, Moment, Time, Value};
use super::{Charset, ValueKind};

/// Minutes, in units of 100 ns.
const MINUTE: i64 = 600_000_000;

/// As SQL Server prints it, with all the digits that its type has; floats with as few digits as tell them apart.
/// `{:#}` is a literal of T-SQL: quoted where it has to be.
impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quoted = f.alternate() && !matches!(self, Self::Text(_) | Self::Variant(..)) && self.is_quoted();
        if quoted {
            f.write_char('\'')?;
        }
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bit(bit) => write!(f, "{}", u8::from(*bit)),
            Self::Int(n) => write!(f, "{n}"),
            Self::Real(x) => float(f, (*x).into(), x),
            Self::Float(x) => float(f, *x, x),
            Self::Decimal(Decimal { negative, magnitude, scale, .. }) => {
                scaled(f, *negative, *magnitude, *scale)
            }
            Self::Money(n) => scaled(f, *n < 0, n.unsigned_abs().into(), 4),
            Self::Date(days) => date(f, i64::from(*days)),
            Self::Time(time) => time_of_day(f, *time),
            Self::DateTime2(Moment { days, time }) => {
                date(f, i64::from(*days))?;
                f.write_char(' ')?;
                time_of_day(f, *time)
            }
            Self::DateTimeOffset(moment, offset) => with_offset(f, *moment, *offset),
            Self::DateTime(days, units) => {
                date(f, i64::from(DAYS_TO_1900) + i64::from(*days))?;
                f.write_char(' ')?;
                // The nearest millisecond, as SQL Server prints it: .000, .003, .007.
                let milliseconds = (u64::from(*units) * 10 + 1) / 3;
                time_of_day(f, Time { ticks: milliseconds * 10_000, scale: 3 })
            }
            Self::SmallDateTime(days, minutes) => {
                date(f, i64::from(DAYS_TO_1900) + i64::from(*days))?;
                f.write_char(' ')?;
                time_of_day(f, Time { ticks: u64::from(*minutes) * MINUTE as u64, scale: 0 })
            }
            Self::Guid(bytes) => guid(f, bytes),
            Self::Text(text) if f.alternate() => {
                f.write_str(if text.charset == Charset::Utf16 { "N'" } else { "'" })?;
                f.write_str(&text.lossy().replace('\'', "''"))?;
                f.write_char('\'')
            }
            Self::Text(text) => f.write_str(&text.lossy()),
            Self::Binary(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
            Self::Variant(_, value) => value.fmt(f),
        }?;
        if quoted { f.write_char('\'') } else { Ok(()) }
    }
}

impl Value<'_> {
    /// Whether T-SQL writes it in quotes.
    fn is_quoted(&self) -> bool {
        matches!(
            self,
            Self::Date(_)
                | Self::Time(_)
                | Self::DateTime2(_)
                | Self::DateTimeOffset(..)
                | Self::DateTime(..)
                | Self::SmallDateTime(..)
                | Self::Guid(_)
        )
    }
}

/// The type's name, for people; what only the catalog knows of it is left out.
impl Display for ValueKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Float => "float",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Money => "money",
            Self::SmallMoney => "smallmoney",
            Self::Date => "date",
            Self::Time(scale) => return write!(f, "time({scale})"),
            Self::DateTime2(scale) => return write!(f, "datetime2({scale})"),
            Self::DateTimeOffset(scale) => return write!(f, "datetimeoffset({scale})"),
            Self::DateTime => "datetime",
            Self::SmallDateTime => "smalldatetime",
            Self::Guid => "uniqueidentifier",
            Self::Text(Charset::Utf16) => "nvarchar",
            Self::Text(_) => "varchar",
            Self::Binary => "varbinary",
            Self::Variant => "sql_variant",
        })
    }
}

/// The shortest digits that read back as the same number, with an exponent where the number is long without.
fn float(f: &mut Formatter<'_>, size: f64, x: &(impl Display + fmt::UpperExp)) -> fmt::Result {
    let size = size.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) || !size.is_finite() {
        write!(f, "{x}")
    } else {
        write!(f, "{x:E}")
    }
}

fn scaled(f: &mut Formatter<'_>, negative: bool, magnitude: u128, scale: u8) -> fmt::Result {
    // A hostile scale is none of SQL Server's.
    let scale = usize::from(scale.min(38));
    let digits = format!("{magnitude:0width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    f.write_str(if negative { "-" } else { "" })?;
    f.write_str(whole)?;
    if scale > 0 { write!(f, ".{fraction}") } else { Ok(()) }
}

fn date(f: &mut Formatter<'_>, days: i64) -> fmt::Result {
    let (year, month, day) = civil(days);
    write!(f, "{year:04}-{month:02}-{day:02}")
}

fn time_of_day(f: &mut Formatter<'_>, Time { ticks, scale }: Time) -> fmt::Result {
    let seconds = ticks / 10_000_000;
    let fraction = ticks % 10_000_000;
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    let digits = format!("{fraction:07}");
    match digits.get(..scale.into()) {
        None | Some("") => Ok(()),
        Some(digits) => write!(f, ".{digits}"),
    }
}

/// The time of the place, then its distance from UTC.
fn with_offset(f: &mut Formatter<'_>, moment: Moment, offset: i16) -> fmt::Result {
    let local = moment.ticks() as i64 + i64::from(offset) * MINUTE;
    date(f, local.div_euclid(Time::DAY as i64))?;
    f.write_char(' ')?;
    let ticks = local.rem_euclid(Time::DAY as i64) as u64;
    time_of_day(f, Time { ticks, ..moment.time })?;
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    write!(f, " {sign}{:02}:{:02}", offset / 60, offset % 60)
}

/// The first three groups are little-endian on the wire.
fn guid(f: &mut Formatter<'_>, bytes: &[u8; 16]) -> fmt::Result {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    for (n, at) in ORDER.into_iter().enumerate() {
        f.write_str(if matches!(n, 4 | 6 | 8 | 10) { "-" } else { "" })?;
        write!(f, "{:02X}", bytes[at])?;
    }
    Ok(())
}
