//! What is written here comes out of `replica_core`'s row scanner and decoder as it went in. The two sides were
//! written apart, and share no code for values.
use super::{Client, Plp, RowWriter};
use crate::arbitrary;
use crate::convert::{ConvertMode, cast};
use crate::types::{CollationId, Len, SqlType, Value};
use proptest::prelude::*;
use replica_core::decode::{self, RowReader};
use replica_core::tds::columns::WireColumn;
use replica_core::tds::row::{Block, BlockLimits, RowScanner, ScanStop};

fn columns(writer: &RowWriter) -> Vec<WireColumn> {
    let column = |info: &replica_core::tds::types::TypeInfo| WireColumn {
        name: "c".into(),
        user_type: 0,
        flags: 9,
        type_info: info.clone(),
        table: Vec::new(),
    };
    writer.type_infos().map(column).collect()
}

/// Blocks as the copy has them.
fn blocks(columns: &[WireColumn], stream: &[u8], bytes: usize) -> Vec<Block> {
    let mut scanner = RowScanner::new(columns, BlockLimits { bytes, rows: u64::MAX }).unwrap();
    let (mut blocks, mut from, mut to) = (Vec::new(), 0, 0);
    loop {
        let (used, stop) = scanner.scan(&stream[from..to]).unwrap();
        from += used;
        if scanner.is_full() {
            blocks.push(scanner.take(Vec::new()));
        }
        match stop {
            ScanStop::Incomplete if to < stream.len() => to = stream.len().min(to + bytes),
            ScanStop::Incomplete => break,
            ScanStop::BlockFull => {}
            ScanStop::OtherToken => panic!("a token among rows"),
        }
    }
    blocks.push(scanner.take(Vec::new()));
    blocks
}

/// The same value, as the sandbox has it.
fn sandbox_value(value: decode::Value<'_>, sql_type: &SqlType) -> Value {
    match value {
        decode::Value::Null => Value::Null,
        decode::Value::Bit(bit) => Value::Int(bit.into()),
        decode::Value::Int(n) => Value::Int(n),
        decode::Value::Real(x) => Value::Float(x.into()),
        decode::Value::Float(x) => Value::Float(x),
        decode::Value::Decimal(decimal) => {
            let magnitude = decimal.magnitude as i128;
            Value::Decimal(if decimal.negative { -magnitude } else { magnitude })
        }
        decode::Value::Money(n) => Value::Money(n),
        decode::Value::Date(days) => Value::Date(days),
        decode::Value::Time(time) => Value::Time(time.ticks),
        decode::Value::DateTime2(moment) => Value::DateTime2(moment.ticks()),
        decode::Value::DateTimeOffset(moment, offset) => Value::DateTimeOffset(moment.ticks(), offset),
        decode::Value::DateTime(days, units) => Value::DateTime(days, units),
        decode::Value::SmallDateTime(days, minutes) => Value::SmallDateTime(days, minutes),
        decode::Value::Guid(bytes) => Value::Guid(bytes),
        decode::Value::Text(text) => Value::Bytes(text.bytes.to_vec()),
        decode::Value::Binary(bytes) => Value::Bytes(bytes.to_vec()),
        decode::Value::Variant(_, inner) => match sql_type {
            SqlType::Variant => sandbox_value(*inner, &SqlType::Int),
            other => panic!("{other} is no variant"),
        },
    }
}

fn without_variant(value: Value) -> Value {
    match value {
        Value::Variant(inner) => inner.1,
        value => value,
    }
}

/// As CONVERT prints it in full: money with four digits, dates and times in ISO 8601.
fn style(sql_type: &SqlType) -> Option<i32> {
    match sql_type {
        SqlType::Money | SqlType::SmallMoney => Some(2),
        SqlType::DateTime => Some(121),
        SqlType::SmallDateTime => Some(120),
        _ => None,
    }
}

proptest! {
    #[test]
    fn rows_come_out_of_the_decoder_as_they_went_in(
        cells in proptest::collection::vec(arbitrary::typed_value(), 1..12),
        (chunk, block) in (1usize..40, 1usize..60),
        known: bool,
    ) {
        let plp = if known { Plp::Known } else { Plp::Unknown { chunk } };
        let client = Client { utf8: true, ..Client::default() };
        let writer = RowWriter::new(cells.iter().map(|(sql_type, _)| (sql_type, true)), client, plp);
        let values: Vec<Value> = cells.iter().map(|(_, value)| value.clone()).collect();
        let mut stream = Vec::new();
        for _ in 0..3 {
            writer.write(&values, &mut stream).unwrap();
        }
        let columns = columns(&writer);
        let mut rows = RowReader::new(&columns, 1 << 20).unwrap();
        let mut seen = 0;
        // The reader does not mind where blocks end; the scanner ends them between values, or within long ones.
        let blocks = blocks(&columns, &stream, block);
        for mut input in blocks.iter().flat_map(|block| block.bytes.chunks(chunk)) {
            while let Some(row) = rows.next(&mut input).unwrap() {
                seen += 1;
                prop_assert_eq!(row.number(), seen);
                for (index, (sql_type, expected)) in cells.iter().enumerate() {
                    let decoded = sandbox_value(row.value(index).unwrap(), sql_type);
                    prop_assert_eq!(decoded, without_variant(expected.clone()), "{}", sql_type);
                }
            }
        }
        prop_assert_eq!(seen, 3);
        prop_assert!(rows.is_between_rows());
    }

    /// What is printed is what CONVERT makes of the value.
    #[test]
    fn values_are_printed_as_the_server_prints_them((sql_type, stored) in arbitrary::value_where(|sql_type| {
        !matches!(sql_type, SqlType::Real | SqlType::Float) && !sql_type.is_binary() && !sql_type.is_character()
    })) {
        let text = SqlType::NVarChar(Len::N(100), CollationId::SERVER_DEFAULT);
        let expected = match cast(&stored, &sql_type, &text, style(&sql_type), ConvertMode::Explicit).unwrap() {
            Value::Bytes(bytes) => replica_core::tds::wire::from_utf16le(&bytes),
            other => panic!("{other:?}"),
        };
        let writer = RowWriter::new([(&sql_type, true)], Client::default(), Plp::Known);
        let mut stream = Vec::new();
        writer.write(&[stored], &mut stream).unwrap();
        let columns = columns(&writer);
        let mut rows = RowReader::new(&columns, 100).unwrap();
        let row = rows.next(&mut &stream[..]).unwrap().unwrap();
        prop_assert_eq!(row.value(0).unwrap().to_string(), expected);
    }

    /// Characters are those of the collation's code page.
    #[test]
    fn text_is_read_by_its_collation(
        name in proptest::sample::select(vec![
            "SQL_Latin1_General_CP1_CI_AS", "Cyrillic_General_100_BIN2", "Greek_CI_AS", "Turkish_100_CI_AS",
            "Japanese_CI_AS", "Latin1_General_100_BIN2_UTF8",
        ]),
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let id = CollationId::by_name(name).unwrap();
        let charset = decode::Charset::of(id.get().wire());
        if let Some(text) = charset.decode(&bytes) {
            let units: Vec<u16> = text.encode_utf16().collect();
            prop_assert_eq!(units, id.get().decode(&bytes));
        }
    }
}
