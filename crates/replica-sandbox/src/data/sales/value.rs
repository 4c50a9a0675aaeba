//! A value of any type, ordinary mostly and at a boundary now and then.
use super::vocabulary::Vocabulary;
use crate::values::convert::days_of_date;
use crate::values::wire::TICKS_A_DAY;
use crate::values::{Len, SqlType, Value};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Random numbers for one row.
pub struct Dice<'a> {
    rng: &'a mut ChaCha8Rng,
    /// The row's day, since 0001-01-01.
    today: u32,
}

impl<'a> Dice<'a> {
    pub fn new(rng: &'a mut ChaCha8Rng, today: u32) -> Self {
        Self { rng, today }
    }

    /// From 0 to below `end`. Its bias is none that sample data would notice.
    pub fn below(&mut self, end: u64) -> u64 {
        match u32::try_from(end) {
            Ok(end) => (u64::from(self.rng.next_u32()) * u64::from(end)) >> 32,
            Err(_) => self.rng.next_u64() % end,
        }
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A day within two months of the row's.
    fn day(&mut self) -> u32 {
        self.today - 30 + self.below(90) as u32
    }
}

/// How a column is filled.
pub enum Filler {
    /// The clustered key's two columns, which follow from the row's number.
    SaleDate,
    SaleId,
    Typed(SqlType),
    Text {
        vocabulary: Vocabulary,
        width: usize,
        fixed: bool,
    },
}

impl Filler {
    pub fn of(sql_type: &SqlType) -> Filler {
        let (width, fixed) = match *sql_type {
            SqlType::Char(n, _) => (n.into(), true),
            SqlType::NChar(n, _) => (2 * usize::from(n), true),
            SqlType::VarChar(Len::N(n), _) => (n.into(), false),
            SqlType::NVarChar(Len::N(n), _) => (2 * usize::from(n), false),
            SqlType::VarChar(Len::Max, _) | SqlType::NVarChar(Len::Max, _) => (12_000, false),
            SqlType::Text(_) | SqlType::NText(_) => (4000, false),
            _ => return Filler::Typed(sql_type.clone()),
        };
        match Vocabulary::of(sql_type) {
            Some(vocabulary) => Filler::Text { vocabulary, width, fixed },
            None => Filler::Typed(sql_type.clone()),
        }
    }

    pub fn value(&self, dice: &mut Dice<'_>) -> Value {
        match self {
            Filler::SaleDate | Filler::SaleId => Value::Null,
            Filler::Text { vocabulary, width, fixed } => Value::Bytes(text(vocabulary, *width, *fixed, dice)),
            Filler::Typed(sql_type) => typed(sql_type, dice),
        }
    }
}

/// Mostly two words; sometimes empty, blanks at the end, or as long as the column.
fn text(vocabulary: &Vocabulary, width: usize, fixed: bool, dice: &mut Dice<'_>) -> Vec<u8> {
    let wanted = match dice.below(64) {
        0..=2 => 0,
        3 => width,
        4..=7 => width.min(24),
        _ => width.min(10),
    };
    let mut bytes = Vec::with_capacity(wanted + 8);
    while bytes.len() < wanted {
        let word = vocabulary.word(dice);
        if bytes.len() + word.len() > width {
            break;
        }
        bytes.extend_from_slice(word);
        if bytes.len() < wanted && bytes.len() + vocabulary.blank.len() <= width {
            bytes.extend_from_slice(vocabulary.blank);
        }
    }
    if dice.one_in(32) && bytes.len() + 2 * vocabulary.blank.len() <= width {
        bytes.extend_from_slice(vocabulary.blank);
        bytes.extend_from_slice(vocabulary.blank);
    }
    while fixed && bytes.len() < width {
        bytes.extend_from_slice(vocabulary.blank);
    }
    bytes
}

fn typed(sql_type: &SqlType, dice: &mut Dice<'_>) -> Value {
    let extreme = dice.one_in(64);
    match sql_type {
        SqlType::Bit => Value::Int(dice.below(2) as i64),
        SqlType::TinyInt => Value::Int(if extreme { dice.pick(&[0, 255]) } else { dice.below(200) as i64 }),
        SqlType::SmallInt => integer(i16::MIN.into(), i16::MAX.into(), 3000, extreme, dice),
        SqlType::Int => integer(i32::MIN.into(), i32::MAX.into(), 1_000_000, extreme, dice),
        SqlType::BigInt => integer(i64::MIN, i64::MAX, 10_000_000_000, extreme, dice),
        SqlType::Money => money(i64::MIN, i64::MAX, extreme, dice),
        SqlType::SmallMoney => money(i32::MIN.into(), i32::MAX.into(), extreme, dice),
        SqlType::Decimal { precision, .. } => Value::Decimal(decimal(*precision, extreme, dice)),
        SqlType::Real if extreme => {
            Value::Float(dice.pick(&[f32::MIN, f32::MAX, f32::MIN_POSITIVE, 0.0, -0.0]).into())
        }
        SqlType::Real => Value::Float((dice.below(2_000_000) as f32 / 1000.0 - 1000.0).into()),
        SqlType::Float if extreme => {
            Value::Float(dice.pick(&[f64::MIN, f64::MAX, f64::MIN_POSITIVE, 0.0, -0.0]))
        }
        SqlType::Float => Value::Float(dice.below(1 << 53) as f64 / 1e9 - 4_000_000.0),
        SqlType::UniqueIdentifier if extreme => Value::Guid(dice.pick(&[[0; 16], [0xFF; 16]])),
        SqlType::UniqueIdentifier => {
            let mut guid = [0; 16];
            dice.rng.fill_bytes(&mut guid);
            Value::Guid(guid)
        }
        SqlType::Binary(n) => Value::Bytes(dice.bytes((*n).into())),
        SqlType::VarBinary(Len::N(n)) => Value::Bytes(binary((*n).into(), extreme, dice)),
        SqlType::VarBinary(Len::Max) | SqlType::Image => Value::Bytes(binary(9000, extreme, dice)),
        SqlType::Xml => xml(dice),
        SqlType::Variant => variant(dice),
        SqlType::Geography => Value::Bytes(point(4326, dice)),
        SqlType::Geometry => Value::Bytes(point(0, dice)),
        // "/", "/1/" and "/1/1/" (SqlHierarchyId's own encoding).
        SqlType::HierarchyId => Value::Bytes(dice.pick(&[&[][..], &[0x58], &[0x5A, 0xC0]]).to_vec()),
        moment => at(moment, extreme, dice),
    }
}

fn integer(least: i64, most: i64, ordinary: u64, extreme: bool, dice: &mut Dice<'_>) -> Value {
    Value::Int(if extreme { dice.pick(&[least, most, 0, -1]) } else { dice.below(ordinary) as i64 })
}

fn money(least: i64, most: i64, extreme: bool, dice: &mut Dice<'_>) -> Value {
    Value::Money(if extreme {
        dice.pick(&[least, most, 0, -1])
    } else {
        dice.below(100_000_000) as i64 - 1_000_000
    })
}

/// Any number of digits up to the precision.
fn decimal(precision: u8, extreme: bool, dice: &mut Dice<'_>) -> i128 {
    let end = 10i128.pow(precision.into());
    if extreme {
        return dice.pick(&[1 - end, end - 1, 0, 1, -1]);
    }
    let digits = 1 + dice.below(u64::from(precision).min(9)) as u32;
    let small = dice.below(10u64.pow(digits)) as i128;
    let wide =
        if precision > 18 && dice.one_in(8) { small * 10i128.pow(u32::from(precision) - 9) } else { small };
    if dice.one_in(8) { -wide } else { wide }
}

fn binary(width: usize, extreme: bool, dice: &mut Dice<'_>) -> Vec<u8> {
    let len = if extreme { dice.pick(&[0, width]) } else { dice.below(width.min(24) as u64 + 1) as usize };
    dice.bytes(len)
}

/// Moments around the row's day; or the first and last of the type.
fn at(sql_type: &SqlType, extreme: bool, dice: &mut Dice<'_>) -> Value {
    let last_day = 3_652_058;
    let to_scale = |ticks: u64| {
        let unit = 10u64.pow(7 - u32::from(sql_type.scale().min(7)));
        ticks / unit * unit
    };
    let day = dice.day();
    let time = to_scale(dice.below(TICKS_A_DAY));
    let last_time = to_scale(TICKS_A_DAY - 1);
    match sql_type {
        SqlType::Date => Value::Date(if extreme { dice.pick(&[0, last_day]) } else { day }),
        SqlType::Time(_) => Value::Time(if extreme { dice.pick(&[0, last_time]) } else { time }),
        SqlType::DateTime2(_) => {
            let last = u64::from(last_day) * TICKS_A_DAY + last_time;
            Value::DateTime2(if extreme {
                dice.pick(&[0, last])
            } else {
                u64::from(day) * TICKS_A_DAY + time
            })
        }
        SqlType::DateTimeOffset(_) => {
            let offset = dice.pick(&[0, 60, 120, -300, -480, 330, 345, 840, -840]);
            // Both limits hold for the local time as well.
            if extreme {
                Value::DateTimeOffset(dice.pick(&[0, u64::from(last_day) * TICKS_A_DAY + last_time]), 0)
            } else {
                Value::DateTimeOffset(u64::from(day) * TICKS_A_DAY + time, offset)
            }
        }
        SqlType::SmallDateTime if extreme => {
            let (days, minutes) = dice.pick(&[(0, 0), (65_535, 1439)]);
            Value::SmallDateTime(days, minutes)
        }
        SqlType::SmallDateTime => {
            Value::SmallDateTime(day.saturating_sub(day_1900()) as u16, dice.below(1440) as u16)
        }
        _ if extreme => {
            let (days, units) = dice.pick(&[(-53_690, 0), (2_958_463, 25_919_999)]);
            Value::DateTime(days, units)
        }
        _ => Value::DateTime(day as i32 - day_1900() as i32, dice.below(25_920_000) as u32),
    }
}

fn day_1900() -> u32 {
    days_of_date(1900, 1, 1).unwrap_or_default()
}

fn xml(dice: &mut Dice<'_>) -> Value {
    let text = format!(
        "<sale n=\"{}\"><item>{}</item></sale>",
        dice.below(1000),
        dice.pick(&["a", "é", "\u{1F600}"])
    );
    Value::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

fn variant(dice: &mut Dice<'_>) -> Value {
    let base = match dice.below(6) {
        0 => SqlType::Int,
        1 => SqlType::Decimal { precision: 10, scale: 2, numeric: true },
        2 => SqlType::DateTime2(3),
        3 => SqlType::UniqueIdentifier,
        4 => SqlType::Float,
        _ => SqlType::VarBinary(Len::N(20)),
    };
    let value = typed(&base, dice);
    Value::Variant(Box::new((base, value)))
}

/// A single point as [MS-SSCLRT] 2.1.1 lays it out: SRID, version 1, flags V and P, two coordinates.
fn point(srid: u32, dice: &mut Dice<'_>) -> Vec<u8> {
    let mut bytes = srid.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[1, 0x0C]);
    for span in [90u64, 180] {
        let degrees = dice.below(2 * span * 1000) as f64 / 1000.0 - span as f64;
        bytes.extend_from_slice(&degrees.to_le_bytes());
    }
    bytes
}
