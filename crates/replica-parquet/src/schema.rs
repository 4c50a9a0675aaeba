//! The columns of a file: which leaves of Parquet each column of the table has.
use std::collections::HashSet;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};
use replica_core::decode::ValueKind;

use crate::cells::{decimal_bytes, money_precision};

/// What a column has beside its value, in leaves of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Units of 100 ns beyond the microsecond, 0 to 9.
    Ticks,
    /// Minutes from UTC.
    Offset,
}

/// The leaves after that of the value.
pub fn beside(kind: ValueKind) -> &'static [Beside] {
    match kind {
        ValueKind::DateTime2(7) => &[Beside::Ticks],
        ValueKind::DateTimeOffset(7) => &[Beside::Ticks, Beside::Offset],
        ValueKind::DateTimeOffset(_) => &[Beside::Offset],
        _ => &[],
    }
}

/// The name of the last leaf: bytes of values that the others do not give back.
pub const EXACT: &str = "_exact";

/// The schema for columns of these names and kinds: the leaves of each, then one for the bytes of odd values.
///
/// # Errors
/// Parquet has no such type.
pub fn schema<'a>(columns: impl Iterator<Item = (&'a str, ValueKind)> + Clone) -> Result<TypePtr> {
    let mut names: HashSet<String> = columns.clone().map(|(name, _)| name.to_lowercase()).collect();
    // Others may not tell upper from lower case.
    let mut unused = |mut name: String| {
        while !names.insert(name.to_lowercase()) {
            name.push('_');
        }
        name
    };
    let mut leaves = Vec::new();
    for (name, kind) in columns {
        leaves.push(value(name, kind)?);
        for beside in beside(kind) {
            let (suffix, bits) = match beside {
                Beside::Ticks => ("100ns", 8),
                Beside::Offset => ("offset_minutes", 16),
            };
            let logical = LogicalType::integer(bits, true);
            leaves.push(leaf(&unused(format!("{name}_{suffix}")), Physical::INT32, 0, Some(logical))?);
        }
    }
    leaves.push(leaf(&unused(EXACT.to_owned()), Physical::BYTE_ARRAY, 0, None)?);
    Ok(Arc::new(Type::group_type_builder("table").with_fields(leaves).build()?))
}

/// The leaf of a column's value. All are optional: a file says nothing of a target's constraints.
fn value(name: &str, kind: ValueKind) -> Result<TypePtr> {
    let of = |physical, logical| leaf(name, physical, 0, logical);
    match kind {
        ValueKind::Bit => of(Physical::BOOLEAN, None),
        ValueKind::TinyInt => of(Physical::INT32, Some(LogicalType::integer(8, false))),
        ValueKind::SmallInt => of(Physical::INT32, Some(LogicalType::integer(16, true))),
        ValueKind::Int => of(Physical::INT32, None),
        ValueKind::BigInt => of(Physical::INT64, None),
        ValueKind::Real => of(Physical::FLOAT, None),
        ValueKind::Float => of(Physical::DOUBLE, None),
        ValueKind::Decimal { precision, scale } => decimal(name, precision, scale),
        ValueKind::Money | ValueKind::SmallMoney => decimal(name, money_precision(kind), 4),
        ValueKind::Date => of(Physical::INT32, Some(LogicalType::Date)),
        ValueKind::Time(7) => of(Physical::INT64, Some(LogicalType::time(false, TimeUnit::NANOS))),
        ValueKind::Time(_) => of(Physical::INT64, Some(LogicalType::time(false, TimeUnit::MICROS))),
        ValueKind::DateTime2(_) => of(Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
        ValueKind::DateTimeOffset(_) => {
            of(Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        ValueKind::DateTime | ValueKind::SmallDateTime => {
            of(Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MILLIS)))
        }
        ValueKind::Guid => leaf(name, Physical::FIXED_LEN_BYTE_ARRAY, 16, Some(LogicalType::Uuid)),
        ValueKind::Text(_) | ValueKind::Variant => of(Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ValueKind::Binary => of(Physical::BYTE_ARRAY, None),
    }
}

fn decimal(name: &str, precision: u8, scale: u8) -> Result<TypePtr> {
    let (physical, length) = match (decimal_bytes(precision), precision) {
        (Some(bytes), _) => (Physical::FIXED_LEN_BYTE_ARRAY, bytes as i32),
        (None, 0..=9) => (Physical::INT32, 0),
        (None, _) => (Physical::INT64, 0),
    };
    let logical = LogicalType::decimal(scale.into(), precision.into());
    let builder = Type::primitive_type_builder(name, physical).with_length(length);
    let builder = builder.with_precision(precision.into()).with_scale(scale.into());
    let builder = builder.with_repetition(Repetition::OPTIONAL).with_logical_type(Some(logical));
    Ok(Arc::new(builder.build()?))
}

fn leaf(name: &str, physical: Physical, length: i32, logical: Option<LogicalType>) -> Result<TypePtr> {
    let builder = Type::primitive_type_builder(name, physical).with_length(length);
    let builder = builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical);
    Ok(Arc::new(builder.build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beside_do_not_clash() {
        let columns = [
            ("at", ValueKind::DateTimeOffset(7)),
            ("AT_100NS", ValueKind::Int),
            ("_Exact", ValueKind::Int),
            ("at_offset_minutes", ValueKind::Int),
        ];
        let schema = schema(columns.into_iter()).unwrap();
        let names: Vec<_> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let expected =
            ["at", "at_100ns_", "at_offset_minutes_", "AT_100NS", "_Exact", "at_offset_minutes", "_exact_"];
        assert_eq!(names, expected);
    }
}
