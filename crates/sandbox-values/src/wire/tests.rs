//! Both directions against bytes that real servers sent or took (docs/WIRE.md, "Captured packets").
use super::*;
use crate::compare::compare;
use crate::storage::{from_stored, to_stored};
use crate::{SqlType, Value, arbitrary};
use proptest::prelude::*;
use std::cmp::Ordering;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn utf16(text: &str) -> Value {
    Value::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

fn collation(name: &str) -> CollationId {
    CollationId::by_name(name).unwrap()
}

/// The load's table: id int NOT NULL, label nvarchar(16) NULL, payload varbinary(16) NULL.
fn captured_load() -> BulkRowReader {
    let declared = [
        ("id", SqlType::Int),
        ("label", SqlType::NVarChar(Len::N(16), CollationId::SERVER_DEFAULT)),
        ("payload", SqlType::VarBinary(Len::N(16))),
    ];
    BulkRowReader::new(declared.into_iter().map(|(name, declared)| BulkColumnInfo {
        name: name.to_owned(),
        info: type_info(&declared, true, Client::default()),
        declared,
    }))
    .unwrap()
}

fn read_all(reader: &BulkRowReader, mut input: &[u8]) -> Result<Vec<Vec<Value>>, BulkError> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    while reader.next(&mut input, &mut row)? {
        rows.push(row.clone());
    }
    Ok(rows)
}

fn refused(reader: &BulkRowReader, input: &[u8]) -> (i32, u8, u8) {
    match read_all(reader, input) {
        Err(BulkError::Refused(error)) => (error.number, error.class, error.state),
        other => panic!("{other:?}"),
    }
}

/// Rows of load-unicode-binary and load-3-rows.
#[test]
fn captured_loads_are_read() {
    let rows = read_all(
        &captured_load(),
        &bytes("d104020000000600e9003dd800de030000ff80fd000000000000000000000000"),
    )
    .unwrap();
    assert_eq!(rows, [vec![Value::Int(2), utf16("é\u{1F600}"), Value::Bytes(vec![0, 0xFF, 0x80])]]);
    let rows = read_all(
        &captured_load(),
        &bytes(
            "d104030000000a0061006c0070006800610002000102d10404000000ffff0000d104050000000200a903fffffd000000000000000000000000",
        ),
    )
    .unwrap();
    assert_eq!(
        rows,
        [
            vec![Value::Int(3), utf16("alpha"), Value::Bytes(vec![1, 2])],
            vec![Value::Int(4), Value::Null, Value::Bytes(vec![])],
            vec![Value::Int(5), utf16("Ω"), Value::Null],
        ]
    );
}

/// load-plp-null-and-1-byte.
#[test]
fn captured_plp_values_are_read() {
    let declared = SqlType::VarChar(Len::Max, collation("Latin1_General_100_BIN2_UTF8"));
    let reader = BulkRowReader::new([
        BulkColumnInfo {
            name: "id".into(),
            info: type_info(&SqlType::Int, true, Client::default()),
            declared: SqlType::Int,
        },
        BulkColumnInfo {
            name: "value".into(),
            info: type_info(&declared, true, Client { utf8: true, ..Client::default() }),
            declared,
        },
    ])
    .unwrap();
    let rows = read_all(
        &reader,
        &bytes("d10401000000ffffffffffffffffd10402000000feffffffffffffff010000000000000000fd000000000000000000000000"),
    )
    .unwrap();
    assert_eq!(rows, [vec![Value::Int(1), Value::Null], vec![Value::Int(2), Value::Bytes(vec![0])]]);
}

/// select-nbcrow-order: its TYPE_INFOs and both rows, to the byte.
#[test]
fn a_captured_result_is_written() {
    let utf8 = collation("Latin1_General_100_BIN2_UTF8");
    let types = [
        (SqlType::Int, false),
        (SqlType::VarChar(Len::Max, collation("Cyrillic_General_100_BIN2")), true),
        (SqlType::VarBinary(Len::Max), true),
        (SqlType::NVarChar(Len::Max, collation("Cyrillic_General_100_BIN2")), true),
        (SqlType::VarBinary(Len::Max), true),
    ];
    let writer = RowWriter::new(
        types.iter().map(|(sql_type, nullable)| (sql_type, *nullable)),
        Client::default(),
        Plp::Known,
    );
    let infos: Vec<_> = writer.type_infos().cloned().collect();
    let cyrillic = CollationBytes([0x19, 0x04, 0x00, 0x22, 0x00]);
    assert_eq!(infos[0], TypeInfo::Fixed { token: 0x38 });
    assert_eq!(infos[1], TypeInfo::Chars { token: 0xA7, size: 0xFFFF, collation: cyrillic });
    assert_eq!(infos[3], TypeInfo::Chars { token: 0xE7, size: 0xFFFF, collation: cyrillic });
    assert_eq!(infos[4], TypeInfo::Binary { token: 0xA5, size: 0xFFFF });
    let mut out = Vec::new();
    writer.write(&[Value::Int(1), Value::Null, Value::Null, Value::Null, Value::Null], &mut out).unwrap();
    let one = || Value::Bytes(vec![0]);
    writer.write(&[Value::Int(2), one(), one(), utf16("\0"), Value::Bytes(vec![0, 0])], &mut out).unwrap();
    assert_eq!(
        out,
        bytes(
            "d21e01000000d10200000001000000000000000100000000000000000100000000000000010000000000000000020000000000000002000000000000000000020000000000000002000000000000000000"
        )
    );
    // The same column, were it UTF-8, goes out as nvarchar to a client that did not ask for UTF-8.
    let utf8_column = SqlType::VarChar(Len::N(10), utf8);
    let expected = TypeInfo::Chars { token: 0xE7, size: 20, collation: utf8.get().wire() };
    assert_eq!(type_info(&utf8_column, true, Client::default()), expected);
    let writer = RowWriter::new([(&utf8_column, true)], Client::default(), Plp::Known);
    let mut out = Vec::new();
    writer.write(&[Value::Bytes("é".into())], &mut out).unwrap();
    assert_eq!(out, bytes("d10200e900"));
}

#[test]
fn nbcrow_is_chosen_where_it_is_shorter() {
    let types = [SqlType::Int, SqlType::BigInt, SqlType::VarBinary(Len::N(5))];
    let writer = RowWriter::new(types.iter().map(|sql_type| (sql_type, true)), Client::default(), Plp::Known);
    let token = |values: &[Value]| {
        let mut out = Vec::new();
        writer.write(values, &mut out).unwrap();
        out[0]
    };
    assert_eq!(token(&[Value::Null, Value::Int(1), Value::Bytes(vec![])]), 0xD1, "one byte saved, one spent");
    assert_eq!(token(&[Value::Null, Value::Null, Value::Bytes(vec![])]), 0xD2);
}

#[test]
fn a_null_that_a_fixed_type_cannot_say_is_an_error() {
    let writer = RowWriter::new([(&SqlType::Int, false)], Client::default(), Plp::Known);
    let mut out = vec![9];
    assert_eq!(writer.write(&[Value::Null], &mut out).unwrap_err().ordinal, 1);
    assert_eq!(out, [9]);
}

/// [MS-TDS] 2.2.5.5.1.8, and docs/WIRE.md, "TYPE_INFO in results": datetime2(7) and decimal as they lie.
#[test]
fn scaled_types_lie_as_specified() {
    let put = |sql_type: &SqlType, value: Value| {
        let mut out = Vec::new();
        payload::put(&mut out, sql_type, &value);
        out
    };
    // 0001-01-02 00:00:00.0000001
    assert_eq!(
        put(&SqlType::DateTime2(7), Value::DateTime2(payload::TICKS_A_DAY + 1)),
        bytes("0100000000010000")
    );
    assert_eq!(put(&SqlType::Time(0), Value::Time(10_000_000)), bytes("010000"));
    assert_eq!(put(&SqlType::DateTimeOffset(0), Value::DateTimeOffset(0, -60)), bytes("000000000000c4ff"));
    let decimal = SqlType::Decimal { precision: 9, scale: 2, numeric: false };
    assert_eq!(put(&decimal, Value::Decimal(-258)), bytes("0002010000"));
    assert_eq!(put(&SqlType::Money, Value::Money(1 << 32 | 2)), bytes("0100000002000000"));
    assert_eq!(put(&SqlType::DateTime, Value::DateTime(-1, 300)), bytes("ffffffff2c010000"));
}

#[test]
fn wrong_bytes_are_refused_with_their_number() {
    let load = captured_load();
    assert_eq!(refused(&load, &[]), (4804, 17, 1), "no DONE");
    assert_eq!(refused(&load, &bytes("d20004030000000000")), (4804, 17, 1), "NBCROW");
    assert_eq!(refused(&load, &bytes("d10203000000")), (4804, 17, 1), "an int of two bytes");
    assert_eq!(refused(&load, &bytes("d10403000000030061")), (4804, 17, 1), "cut short");
    assert_eq!(refused(&load, &bytes("d1040300000003006100620000")), (4804, 17, 1), "half a UTF-16 unit");
    let wide = format!("d104030000002200{}0000", "6100".repeat(17));
    assert_eq!(refused(&load, &bytes(&wide)), (4815, 17, 1), "wider than declared");
}

#[test]
fn values_outside_their_type_are_refused() {
    let load = |declared: SqlType| {
        let info = type_info(&declared, true, Client::default());
        BulkRowReader::new([BulkColumnInfo { name: "c".into(), info, declared }]).unwrap()
    };
    let decimal = SqlType::Decimal { precision: 5, scale: 0, numeric: false };
    assert_eq!(
        refused(&load(decimal.clone()), &bytes("d10501a0860100")),
        (7339, 16, 1),
        "100000 in decimal(5,0)"
    );
    assert_eq!(refused(&load(decimal.clone()), &bytes("d10502a0060000")), (7339, 16, 1), "sign 2");
    assert_eq!(refused(&load(decimal), &bytes("d10401000000")), (4804, 17, 1), "four bytes");
    assert_eq!(refused(&load(SqlType::Date), &bytes("d103dbb937")), (7339, 16, 1), "10000-01-01");
    assert_eq!(refused(&load(SqlType::Time(0)), &bytes("d103805101")), (7339, 16, 1), "24:00:00");
    assert_eq!(refused(&load(SqlType::Float), &bytes("d108000000000000f87f")), (7339, 16, 1), "NaN");
    assert_eq!(
        refused(&load(SqlType::Binary(3)), &bytes("d102000102")),
        (4804, 17, 1),
        "binary(3) of two bytes"
    );
}

#[test]
fn wire_type_and_declaration_must_be_of_one_kind() {
    let number = |declared: SqlType, sent: SqlType| {
        let info = type_info(&sent, true, Client::default());
        let column = BulkColumnInfo { name: "c".into(), info, declared };
        BulkRowReader::new([column]).map(|_| ()).map_err(|error| (error.number, error.state))
    };
    let id = CollationId::SERVER_DEFAULT;
    let (bounded, max) = (SqlType::NVarChar(Len::N(10), id), SqlType::NVarChar(Len::Max, id));
    assert_eq!(number(SqlType::Int, SqlType::BigInt), Err((4816, 1)));
    assert_eq!(number(SqlType::VarChar(Len::N(10), id), bounded.clone()), Err((4816, 1)));
    assert_eq!(number(max.clone(), bounded.clone()), Err((4816, 2)));
    assert_eq!(number(SqlType::NVarChar(Len::N(9), id), bounded.clone()), Err((4816, 2)));
    assert_eq!(number(SqlType::NVarChar(Len::N(11), id), bounded.clone()), Err((4816, 2)));
    assert_eq!(number(bounded, max.clone()), Ok(()));
    assert_eq!(number(SqlType::Xml, max), Ok(()));
    assert_eq!(number(SqlType::Xml, SqlType::Xml), Err((4816, 1)));
}

#[test]
fn char_values_are_filled_up_to_the_declaration() {
    let declared = SqlType::NChar(3, CollationId::SERVER_DEFAULT);
    let info = type_info(&declared, true, Client::default());
    let reader = BulkRowReader::new([BulkColumnInfo { name: "c".into(), info, declared }]).unwrap();
    let rows = read_all(&reader, &bytes("d102006100d10000fd")).unwrap();
    assert_eq!(rows, [vec![utf16("a  ")], vec![utf16("   ")]]);
}

#[test]
fn a_length_that_lies_costs_no_memory() {
    let info = TypeInfo::Binary { token: 0xA5, size: 0xFFFF };
    let result = read_value(&mut &bytes("feffffffffffffffffffff7f00")[..], &info);
    assert!(matches!(result, Err(ReadError::Io(_))), "{result:?}");
    let result = read_value(&mut &bytes("0000008000000000")[..], &info);
    assert!(matches!(result, Err(ReadError::Malformed)), "{result:?}");
    let result = read_value(&mut &bytes("030000000000000001000000aa00000000")[..], &info);
    assert!(matches!(result, Err(ReadError::Malformed)), "a known length must be met: {result:?}");
}

proptest! {
    /// What goes out comes in again, through every column shape, with PLP lengths known and unknown.
    #[test]
    fn rows_come_back_as_they_went(
        cells in proptest::collection::vec(arbitrary::typed_value(), 1..12),
        chunk in 1usize..40,
        known: bool,
    ) {
        let plp = if known { Plp::Known } else { Plp::Unknown { chunk } };
        let client = Client { utf8: true, ..Client::default() };
        let writer = RowWriter::new(cells.iter().map(|(sql_type, _)| (sql_type, true)), client, plp);
        let values: Vec<Value> = cells.iter().map(|(_, value)| value.clone()).collect();
        let mut out = Vec::new();
        writer.write(&values, &mut out).unwrap();
        let mut input = &out[1..];
        let bitmap = if out[0] == 0xD2 { input.split_off(..values.len().div_ceil(8)).unwrap().to_vec() } else { vec![0; 2] };
        for (index, ((sql_type, value), info)) in cells.iter().zip(writer.type_infos()).enumerate() {
            if bitmap[index / 8] & 1 << (index % 8) != 0 {
                prop_assert_eq!(value, &Value::Null);
            } else if !matches!(info, TypeInfo::Udt { .. }) {
                prop_assert_eq!(&read_value(&mut input, info).unwrap(), value, "{}", sql_type);
            } else {
                return Ok(());
            }
        }
        prop_assert!(input.is_empty());
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(
        (sql_type, _) in arbitrary::typed_value(),
        noise in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let info = type_info(&sql_type, true, Client::default());
        let _ = read_value(&mut &noise[..], &info);
    }

    #[test]
    fn stored_values_come_back_as_they_went((sql_type, value) in arbitrary::typed_value()) {
        let stored = to_stored(value.clone());
        prop_assert_eq!(from_stored((&stored).into(), &sql_type).unwrap(), value);
    }

    /// Where SQLite compares stored forms itself, it finds the order that compare() finds.
    #[test]
    fn stored_forms_keep_the_order((sql_type, left, right) in arbitrary::pair()) {
        let wanted = compare(&left, &right, &sql_type);
        prop_assert_eq!(wanted.reverse(), compare(&right, &left, &sql_type));
        if sql_type.stored_form_is_key() && left != Value::Null && right != Value::Null {
            prop_assert_eq!(stored_order(&to_stored(left), &to_stored(right)), wanted);
        }
    }
}

fn stored_order(left: &rusqlite::types::Value, right: &rusqlite::types::Value) -> Ordering {
    use rusqlite::types::Value as Stored;
    match (left, right) {
        (Stored::Integer(left), Stored::Integer(right)) => left.cmp(right),
        (Stored::Real(left), Stored::Real(right)) => left.partial_cmp(right).unwrap(),
        (Stored::Blob(left), Stored::Blob(right)) => left.cmp(right),
        other => panic!("{other:?}"),
    }
}
