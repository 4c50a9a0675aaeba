//! What a value is.
use std::borrow::Cow;

use super::Charset;
use super::ValueKind;

/// A value, borrowed from its row where it has many bytes. `Display` prints it as SQL Server does, in full;
/// `{:#}` prints a literal of T-SQL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL, of any type.
    Null,
    /// `bit`.
    Bit(bool),
    /// tinyint, smallint, int, bigint.
    Int(i64),
    /// `real`.
    Real(f32),
    /// `float`.
    Float(f64),
    /// `decimal`, `numeric`, `money` and `smallmoney`.
    Decimal(Decimal),
    /// money and smallmoney: ten-thousandths.
    Money(i64),
    /// Days since 0001-01-01.
    Date(u32),
    /// `time`.
    Time(Time),
    /// `datetime2`.
    DateTime2(Moment),
    /// The moment is UTC; the offset is minutes.
    DateTimeOffset(Moment, i16),
    /// Days since 1900-01-01, then 1/300 seconds.
    DateTime(i32, u32),
    /// Days since 1900-01-01, then minutes.
    SmallDateTime(u16, u16),
    /// The 16 bytes in wire order.
    Guid([u8; 16]),
    /// Any type of text, not decoded yet.
    Text(Text<'a>),
    /// Binary types, and CLR types as they are stored.
    Binary(&'a [u8]),
    /// The value of a sql_variant, and what it is.
    Variant(ValueKind, Box<Value<'a>>),
}

/// The value is `magnitude` times ten to the minus `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Whether it is below zero.
    pub negative: bool,
    /// Without sign and decimal point.
    pub magnitude: u128,
    /// Digits that the type has, at most 38.
    pub precision: u8,
    /// Digits of them behind the point.
    pub scale: u8,
}

/// A time of day: units of 100 ns since midnight, of which `scale` digits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Since midnight, of 10 to the power of `-scale` seconds each.
    pub ticks: u64,
    /// Digits of a second's fraction, at most 7.
    pub scale: u8,
}

impl Time {
    /// Units of 100 ns in a day.
    pub const DAY: u64 = 864_000_000_000;
}

/// A day since 0001-01-01 and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since 0001-01-01.
    pub days: u32,
    /// Of that day.
    pub time: Time,
}

impl Moment {
    /// Units of 100 ns since 0001-01-01.
    pub fn ticks(self) -> u64 {
        u64::from(self.days) * Time::DAY + self.time.ticks
    }
}

/// Characters in the encoding that they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// As the wire has them.
    pub bytes: &'a [u8],
    /// What they mean.
    pub charset: Charset,
}

impl<'a> Text<'a> {
    /// The text, if its bytes are all characters.
    pub fn exact(self) -> Option<Cow<'a, str>> {
        self.charset.decode(self.bytes)
    }

    /// The text, with U+FFFD for what is no character.
    pub fn lossy(self) -> Cow<'a, str> {
        self.charset.decode_lossy(self.bytes)
    }
}
