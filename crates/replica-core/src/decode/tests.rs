//! Known bytes, and bytes that nobody should send. That every value comes back as it was is tested beside the
//! sandbox's encoders, which are other code.
use super::*;
use crate::tds::captured;
use crate::tds::columns::{self, Form, WireColumn};
use crate::tds::row::{BlockLimits, RowScanner};
use crate::tds::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};
use proptest::prelude::*;

const LATIN: CollationBytes = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);

fn column(type_info: TypeInfo) -> WireColumn {
    WireColumn { name: "c".into(), user_type: 0, flags: 9, type_info, table: Vec::new() }
}

/// One column of every shape.
fn shapes() -> Vec<WireColumn> {
    let infos = [
        TypeInfo::ByteLen { token: token::INTN, size: 4 },
        TypeInfo::Decimal { token: token::NUMERICN, size: 17, precision: 38, scale: 10 },
        TypeInfo::Scaled { token: token::DATETIMEOFFSETN, scale: 7 },
        TypeInfo::Chars { token: token::NVARCHAR, size: 20, collation: LATIN },
        TypeInfo::Chars { token: token::BIGVARCHAR, size: MAX_WIDTH, collation: LATIN },
        TypeInfo::LongLen { token: token::TEXT, size: 1, collation: Some(LATIN) },
        TypeInfo::Variant { size: 8009 },
        TypeInfo::Udt {
            size: MAX_WIDTH,
            database: String::new(),
            schema: String::new(),
            name: "geography".into(),
            assembly: String::new(),
        },
    ];
    infos.map(column).to_vec()
}

fn printed(kind: ValueKind, bytes: &[u8]) -> String {
    kind.decode(bytes).map_or_else(|error| format!("! {error}"), |value| value.to_string())
}

#[test]
fn captured_rows_are_read() {
    let stream = captured::bytes(captured::SELECT_NBCROW_ORDER);
    let (columns, used) = columns::parse(&stream, Form::Result).unwrap().unwrap();
    let mut scanner = RowScanner::new(&columns, BlockLimits { bytes: usize::MAX, rows: u64::MAX }).unwrap();
    scanner.scan(&stream[used + 5..]).unwrap();
    let block = scanner.take(Vec::new());
    let mut rows = RowReader::new(&columns, 100).unwrap();
    let mut input = &block.bytes[..];
    let mut lines = Vec::new();
    while let Some(row) = rows.next(&mut input).unwrap() {
        let values = row.values().map(|value| format!("{:#}", value.unwrap()));
        lines.push(values.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(lines, ["1 NULL NULL NULL NULL", "2 '\0' 0x00 N'\0' 0x0000"]);
    assert!(rows.is_between_rows());
}

/// [MS-TDS] 2.2.5.5.1 by hand: lowest and highest of each type.
#[test]
fn boundaries_are_printed_in_full() {
    let moment = |scale| ValueKind::DateTime2(scale);
    for (kind, hex, expected) in [
        (ValueKind::TinyInt, "ff", "255"),
        (ValueKind::SmallInt, "0080", "-32768"),
        (ValueKind::Int, "00000080", "-2147483648"),
        (ValueKind::BigInt, "0000000000000080", "-9223372036854775808"),
        (ValueKind::Money, "00000080 00000000", "-922337203685477.5808"),
        (ValueKind::Money, "ffffff7f ffffffff", "922337203685477.5807"),
        (ValueKind::SmallMoney, "ffffffff", "-0.0001"),
        (ValueKind::Decimal { precision: 5, scale: 5 }, "00 01000000", "-0.00001"),
        (ValueKind::Decimal { precision: 5, scale: 0 }, "01 00000000000000000000000000000000", "0"),
        (
            ValueKind::Decimal { precision: 38, scale: 38 },
            "00 ffffffff3f228a097ac4865aa84c3b4b",
            "-0.99999999999999999999999999999999999999",
        ),
        (ValueKind::Date, "000000", "0001-01-01"),
        (ValueKind::Date, "dab937", "9999-12-31"),
        (moment(7), "ffbf692ac9 dab937", "9999-12-31 23:59:59.9999999"),
        (moment(0), "7f5101 000000", "0001-01-01 23:59:59"),
        (ValueKind::Time(3), "01000000", "00:00:00.001"),
        (ValueKind::DateTimeOffset(7), "0100000000 000000 4803", "0001-01-01 14:00:00.0000001 +14:00"),
        (ValueKind::DateTimeOffset(0), "000000 010000 a7fd", "0001-01-01 13:59:00 -10:01"),
        (ValueKind::DateTime, "462effff 00000000", "1753-01-01 00:00:00.000"),
        (ValueKind::DateTime, "7f242d00 ff818b01", "9999-12-31 23:59:59.997"),
        (ValueKind::DateTime, "00000000 02000000", "1900-01-01 00:00:00.007"),
        (ValueKind::SmallDateTime, "ffff 9f05", "2079-06-06 23:59:00"),
        (ValueKind::Guid, "33221100 5544 7766 8899aabbccddeeff", "00112233-4455-6677-8899-AABBCCDDEEFF"),
        (ValueKind::Real, "cdcccc3d", "0.1"),
        (ValueKind::Float, "0000000000000080", "-0"),
        (ValueKind::Float, "ffffffffffffef7f", "1.7976931348623157E308"),
        (ValueKind::Binary, "00ff", "0x00FF"),
        (ValueKind::Variant, "32 00 01", "1"),
        (ValueKind::Variant, "6a 02 0501 01 15000000", "2.1"),
        (ValueKind::Variant, "a7 07 0904d000341e00 e9", "é"),
    ] {
        let bytes = captured::bytes(&hex.replace(' ', ""));
        assert_eq!(printed(kind, &bytes), expected, "{kind:?} {hex}");
    }
}

#[test]
fn what_no_type_has_is_refused() {
    for (kind, hex) in [
        (ValueKind::Bit, "02"),
        (ValueKind::Int, "010203"),
        (ValueKind::Date, "dbb937"),
        (ValueKind::Time(0), "805101"),
        (ValueKind::Time(7), "00c0692ac9"),
        (ValueKind::DateTimeOffset(0), "000000000000 4903"),
        (ValueKind::DateTime, "452effff00000000"),
        (ValueKind::DateTime, "0000000000828b01"),
        (ValueKind::SmallDateTime, "0000a005"),
        (ValueKind::Decimal { precision: 2, scale: 0 }, "0164000000"),
        (ValueKind::Decimal { precision: 2, scale: 0 }, "0200000000"),
        (ValueKind::Decimal { precision: 2, scale: 0 }, "01000000"),
        (ValueKind::Variant, ""),
        (ValueKind::Variant, "32"),
        (ValueKind::Variant, "320101"),
        (ValueKind::Variant, "620001"),
        (ValueKind::Variant, "290108000000"),
        (ValueKind::Variant, "6a02270001"),
    ] {
        let bytes = captured::bytes(&hex.replace(' ', ""));
        assert!(printed(kind, &bytes).starts_with('!'), "{kind:?} {hex}");
    }
}

#[test]
fn literals_are_quoted_where_sql_wants_it() {
    let text = |bytes, charset| Value::Text(Text { bytes, charset });
    for (value, plain, literal) in [
        (text(b"it's", Charset::Utf8), "it's", "'it''s'"),
        (text(b"N\0'\0", Charset::Utf16), "N'", "N'N'''"),
        (Value::Date(0), "0001-01-01", "'0001-01-01'"),
        (Value::Variant(ValueKind::Date, Box::new(Value::Date(0))), "0001-01-01", "'0001-01-01'"),
        (Value::Int(-1), "-1", "-1"),
        (Value::Null, "NULL", "NULL"),
    ] {
        assert_eq!((value.to_string(), format!("{value:#}")), (plain.into(), literal.into()));
    }
}

#[test]
fn differences_say_what_does_not_show() {
    let text = |text: &'static str| Value::Text(Text { bytes: text.as_bytes(), charset: Charset::Utf8 });
    let moment = Moment { days: 9, time: Time { ticks: 0, scale: 0 } };
    let long = "x".repeat(100);
    let (long_a, long_b) = (format!("{long}a"), format!("{long}b"));
    let (long_a, long_b): (&str, &str) = (long_a.leak(), long_b.leak());
    for (left, right, expected) in [
        (text("a"), text("a"), None),
        (Value::Float(f64::NAN), Value::Float(f64::NAN), None),
        (Value::Float(0.0), Value::Float(-0.0), Some(("0", "-0", ""))),
        (Value::Null, text(""), Some(("NULL", "''", ""))),
        (text("a "), text("a"), Some(("'a '", "'a'", "from character 2 on, of 2 and 1: trailing blanks"))),
        (
            text("Ab"),
            text("ab"),
            Some(("'Ab'", "'ab'", "from character 1 on, of 2 and 2: upper and lower case")),
        ),
        (text("a\tb"), text("a b"), Some(("'a\\tb'", "'a b'", "from character 2 on, of 3 and 3"))),
        (
            text(long_a),
            text(long_b),
            Some(("…'xxxxxxxxxxa'", "…'xxxxxxxxxxb'", "from character 101 on, of 101 and 101")),
        ),
        (
            Value::DateTimeOffset(moment, 60),
            Value::DateTimeOffset(moment, 0),
            Some(("0001-01-10 01:00:00 +01:00", "0001-01-10 00:00:00 +00:00", "the same moment")),
        ),
        (
            Value::Binary(&[0, 1, 2]),
            Value::Binary(&[0, 1]),
            Some(("0x000102", "0x0001", "from byte 3 on, of 3 and 2")),
        ),
        (
            Value::Variant(ValueKind::Int, Box::new(Value::Int(1))),
            Value::Variant(ValueKind::BigInt, Box::new(Value::Int(1))),
            Some(("1", "1", "int and bigint")),
        ),
    ] {
        let expected = expected
            .map(|(left, right, note)| [left, right, note].map(str::to_owned))
            .map(|[left, right, note]| Difference { left, right, note });
        assert_eq!(difference(&left, &right), expected);
    }
}

#[test]
fn a_row_that_is_too_long_names_its_column() {
    let columns = [column(TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH })];
    let mut bytes = vec![0xD1];
    bytes.extend_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 9, 0, 0, 0]);
    bytes.extend_from_slice(&[7; 9]);
    let mut rows = RowReader::new(&columns, 8).unwrap();
    let error = rows.next(&mut &bytes[..]).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "malformed TDS: row 1, column 1 (c): more than 8 bytes");
}

#[test]
fn a_bad_value_names_its_row_and_column() {
    let columns = [column(TypeInfo::ByteLen { token: token::BITN, size: 1 })];
    let mut rows = RowReader::new(&columns, 8).unwrap();
    let error = rows.next(&mut &[0xD1, 1, 2][..]).unwrap().unwrap().value(0).unwrap_err();
    assert_eq!(error.to_string(), "malformed TDS: row 1, column 1 (c): a bit of 2");
}

#[test]
fn a_value_of_any_size_goes_through_in_pieces() {
    let columns = [column(TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH })];
    let mut reader = PieceReader::new(&columns);
    let mut head = &[&[0xD1][..], &[0xFF; 7], &[0x7F], &0x4000_0000u32.to_le_bytes()].concat()[..];
    assert_eq!(reader.next(&mut head), Ok(None));
    let megabyte = vec![1; 1 << 20];
    for _ in 0..1024 {
        let mut input = &megabyte[..];
        let data = PieceData::Bytes { bytes: &megabyte, last: false };
        assert_eq!(reader.next(&mut input), Ok(Some(Piece { column: 0, data })));
    }
    let last = PieceData::Bytes { bytes: &[], last: true };
    assert_eq!(reader.next(&mut &[0; 4][..]), Ok(Some(Piece { column: 0, data: last })));
    assert!(reader.is_between_rows());
}

fn kinds() -> impl Strategy<Value = ValueKind> {
    let mut kinds = vec![
        ValueKind::Bit,
        ValueKind::TinyInt,
        ValueKind::SmallInt,
        ValueKind::Int,
        ValueKind::BigInt,
        ValueKind::Real,
        ValueKind::Float,
        ValueKind::Decimal { precision: 38, scale: 38 },
        ValueKind::Decimal { precision: 1, scale: 0 },
        ValueKind::Money,
        ValueKind::SmallMoney,
        ValueKind::Date,
        ValueKind::DateTime,
        ValueKind::SmallDateTime,
        ValueKind::Guid,
        ValueKind::Binary,
        ValueKind::Variant,
        ValueKind::Text(Charset::Utf16),
    ];
    for scale in 0..=7 {
        kinds.extend([ValueKind::Time(scale), ValueKind::DateTime2(scale), ValueKind::DateTimeOffset(scale)]);
    }
    let pages = [0, 437, 850, 874, 932, 936, 949, 950, 1250, 1251, 1252, 1253, 1255, 1256, 1257, 1258, 65001];
    kinds.extend(pages.map(|page| ValueKind::Text(Charset::of_page(page))));
    proptest::sample::select(kinds)
}

proptest! {
    /// No bytes make anything panic.
    #[test]
    fn any_bytes_are_a_value_or_an_error(
        kind in kinds(),
        left in proptest::collection::vec(any::<u8>(), 0..24),
        right in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        if let (Ok(left), Ok(right)) = (kind.decode(&left), kind.decode(&right)) {
            let (_, _) = (left.to_string(), format!("{right:#}"));
            prop_assert_eq!(difference(&left, &right).is_none(), format!("{left:?}") == format!("{right:?}"));
        }
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut rows = RowReader::new(&shapes(), 1000).unwrap();
        let mut input = &[&[0xD1], &noise[..]].concat()[..];
        while let Ok(Some(row)) = rows.next(&mut input) {
            row.values().for_each(drop);
        }
    }

    /// What has an exact text comes back from it, or is known not to.
    #[test]
    fn texts_come_back_from_their_characters(
        page in proptest::sample::select(vec![437, 850, 874, 1250, 1251, 1252, 1254, 1256, 1258, 65001]),
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let charset = Charset::of_page(page);
        if let Some(text) = charset.decode(&bytes) {
            prop_assert_eq!(&*charset.encode(&text).unwrap(), &bytes[..]);
            prop_assert_eq!(text, charset.decode_lossy(&bytes));
        }
    }
}
