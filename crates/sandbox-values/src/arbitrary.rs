//! Types and values for property tests.
use super::wire::TICKS_A_DAY;
use super::{CollationId, Len, SqlType, Value};
use proptest::prelude::*;
use proptest::strategy::Union;

fn collations() -> impl Strategy<Value = CollationId> {
    let names = [
        "SQL_Latin1_General_CP1_CI_AS",
        "Japanese_CI_AS",
        "Latin1_General_100_CI_AS_SC_UTF8",
        "Greek_100_BIN2",
    ];
    proptest::sample::select(names.map(|name| CollationId::by_name(name).unwrap()).to_vec())
}

fn plain_types() -> impl Strategy<Value = SqlType> {
    proptest::sample::select(vec![
        SqlType::Bit,
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Int,
        SqlType::BigInt,
        SqlType::Money,
        SqlType::SmallMoney,
        SqlType::Real,
        SqlType::Float,
        SqlType::Date,
        SqlType::DateTime,
        SqlType::SmallDateTime,
        SqlType::UniqueIdentifier,
    ])
}

fn bounded_types() -> Union<BoxedStrategy<SqlType>> {
    Union::new([
        plain_types().boxed(),
        (0..=7u8).prop_map(SqlType::Time).boxed(),
        (0..=7u8).prop_map(SqlType::DateTime2).boxed(),
        (0..=7u8).prop_map(SqlType::DateTimeOffset).boxed(),
        (1..=38u8, any::<u8>(), any::<bool>())
            .prop_map(|(precision, scale, numeric)| SqlType::Decimal {
                precision,
                scale: scale % (precision + 1),
                numeric,
            })
            .boxed(),
        collations().prop_map(|id| SqlType::VarChar(Len::N(100), id)).boxed(),
        collations().prop_map(|id| SqlType::NVarChar(Len::N(100), id)).boxed(),
        Just(SqlType::VarBinary(Len::N(100))).boxed(),
    ])
}

fn types() -> Union<BoxedStrategy<SqlType>> {
    Union::new([
        bounded_types().boxed(),
        collations().prop_map(|id| SqlType::VarChar(Len::Max, id)).boxed(),
        collations().prop_map(|id| SqlType::NVarChar(Len::Max, id)).boxed(),
        collations().prop_map(SqlType::Text).boxed(),
        collations().prop_map(SqlType::NText).boxed(),
        Just(SqlType::VarBinary(Len::Max)).boxed(),
        Just(SqlType::Image).boxed(),
        Just(SqlType::Xml).boxed(),
        Just(SqlType::Geography).boxed(),
        Just(SqlType::Variant).boxed(),
    ])
}

fn value_of(sql_type: &SqlType) -> BoxedStrategy<Value> {
    let unit = |scale: u8| 10u64.pow(7 - u32::from(scale));
    match *sql_type {
        SqlType::Bit => (0..=1i64).prop_map(Value::Int).boxed(),
        SqlType::TinyInt => any::<u8>().prop_map(|n| Value::Int(n.into())).boxed(),
        SqlType::SmallInt => any::<i16>().prop_map(|n| Value::Int(n.into())).boxed(),
        SqlType::Int => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
        SqlType::BigInt => any::<i64>().prop_map(Value::Int).boxed(),
        SqlType::Money => any::<i64>().prop_map(Value::Money).boxed(),
        SqlType::SmallMoney => any::<i32>().prop_map(|n| Value::Money(n.into())).boxed(),
        SqlType::Real => proptest::num::f32::NORMAL.prop_map(|x| Value::Float(x.into())).boxed(),
        SqlType::Float => prop_oneof![proptest::num::f64::NORMAL, Just(-0.0)].prop_map(Value::Float).boxed(),
        SqlType::Decimal { precision, .. } => {
            let end = 10i128.pow(precision.into());
            (1 - end..end).prop_map(Value::Decimal).boxed()
        }
        SqlType::Date => (0..=3_652_058u32).prop_map(Value::Date).boxed(),
        SqlType::Time(scale) => {
            (0..TICKS_A_DAY / unit(scale)).prop_map(move |n| Value::Time(n * unit(scale))).boxed()
        }
        SqlType::DateTime2(scale) => (0..3_652_059 * TICKS_A_DAY / unit(scale))
            .prop_map(move |n| Value::DateTime2(n * unit(scale)))
            .boxed(),
        SqlType::DateTimeOffset(scale) => (0..3_652_059 * TICKS_A_DAY / unit(scale), -840..=840i16)
            .prop_map(move |(n, offset)| Value::DateTimeOffset(n * unit(scale), offset))
            .boxed(),
        SqlType::DateTime => (-53_690..=2_958_463i32, 0..25_920_000u32)
            .prop_map(|(days, units)| Value::DateTime(days, units))
            .boxed(),
        SqlType::SmallDateTime => {
            (any::<u16>(), 0..1440u16).prop_map(|(days, minutes)| Value::SmallDateTime(days, minutes)).boxed()
        }
        SqlType::UniqueIdentifier => any::<[u8; 16]>().prop_map(Value::Guid).boxed(),
        SqlType::Variant => bounded_types()
            .prop_flat_map(|base| {
                let value = value_of(&base);
                (Just(base), value)
            })
            .prop_map(|inner| Value::Variant(Box::new(inner)))
            .boxed(),
        SqlType::NVarChar(..) | SqlType::NText(_) | SqlType::Xml => {
            proptest::collection::vec(any::<u16>(), 0..50)
                .prop_map(|units| Value::Bytes(units.into_iter().flat_map(u16::to_le_bytes).collect()))
                .boxed()
        }
        _ => proptest::collection::vec(any::<u8>(), 0..100).prop_map(Value::Bytes).boxed(),
    }
}

fn nullable(sql_type: &SqlType) -> impl Strategy<Value = Value> + use<> {
    prop_oneof![1 => Just(Value::Null), 4 => value_of(sql_type)]
}

/// A type, and a value of it or NULL.
pub fn typed_value() -> impl Strategy<Value = (SqlType, Value)> {
    types().prop_flat_map(|sql_type| {
        let value = nullable(&sql_type);
        (Just(sql_type), value)
    })
}

/// A value of one of the types that `wanted` picks out of those without pointers or PLP.
pub fn value_where(wanted: fn(&SqlType) -> bool) -> impl Strategy<Value = (SqlType, Value)> {
    bounded_types().prop_filter("wanted", wanted).prop_flat_map(|sql_type| {
        let value = value_of(&sql_type);
        (Just(sql_type), value)
    })
}

/// A comparable type and two values of it.
pub fn pair() -> impl Strategy<Value = (SqlType, Value, Value)> {
    types().prop_filter("comparable", SqlType::is_comparable).prop_flat_map(|sql_type| {
        let (left, right) = (nullable(&sql_type), nullable(&sql_type));
        (Just(sql_type), left, right)
    })
}
