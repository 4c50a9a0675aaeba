//! The scanner on captured streams and on rows written out by hand.
mod long_values;
mod oracle;
mod random;

use super::*;
use crate::tds::captured;
use crate::tds::columns::{self, Form};
use crate::tds::types::{MAX_WIDTH, TypeInfo, token};
use crate::tds::value::PLP_UNKNOWN;
use xxhash_rust::xxh3::xxh3_128;

const WHOLE: BlockLimits = BlockLimits { bytes: usize::MAX, rows: u64::MAX };

fn column(type_info: TypeInfo) -> WireColumn {
    WireColumn { name: "c".into(), user_type: 0, flags: 9, type_info, table: Vec::new() }
}

/// Scans `stream` given in pieces of the sizes, over and over; what it leaves comes first in the next piece.
fn scan(
    columns: &[WireColumn],
    limits: BlockLimits,
    stream: &[u8],
    pieces: &[usize],
) -> Result<(Vec<Block>, Fingerprint), Malformed> {
    let mut scanner = RowScanner::new(columns, limits)?;
    if limits.rows == WHOLE.rows {
        // No block is ever full, which is when they are looked for.
        scanner.plan.find_runs();
    }
    let mut blocks = Vec::new();
    let (mut from, mut to) = (0, 0);
    for piece in pieces.iter().cycle() {
        let (used, stop) = scanner.scan(&stream[from..to])?;
        from += used;
        if scanner.is_full() {
            blocks.push(scanner.take(Vec::new()));
        }
        match stop {
            ScanStop::BlockFull => continue,
            ScanStop::OtherToken => break,
            ScanStop::Incomplete if to == stream.len() => break,
            ScanStop::Incomplete => to = (to + piece).min(stream.len()),
        }
    }
    if from < stream.len() || scanner.in_row() {
        return Err(Malformed::new("cut short"));
    }
    blocks.push(scanner.take(Vec::new()));
    Ok((blocks, scanner.fingerprint()))
}

fn joined(blocks: &[Block]) -> Vec<u8> {
    blocks.iter().flat_map(|block| block.bytes.iter().copied()).collect()
}

#[test]
fn the_captured_result_becomes_what_the_captured_load_looks_like() {
    let stream = captured::bytes(captured::SELECT_NBCROW_ORDER);
    let (columns, used) = columns::parse(&stream, Form::Result).unwrap().unwrap();
    let rows = &stream[used + 5..stream.len() - 13];
    // As in load-plp-null-and-1-byte: INTN for the id, eight FF for NULL, an unknown length otherwise.
    let expected = "d10401000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
                    d10402000000feffffffffffffff010000000000000000feffffffffffffff010000000000000000\
                    feffffffffffffff02000000000000000000feffffffffffffff02000000000000000000";
    let (blocks, fingerprint) = scan(&columns, WHOLE, rows, &[usize::MAX / 2]).unwrap();
    assert_eq!(joined(&blocks), captured::bytes(expected));
    assert_eq!(fingerprint.rows, 2);
}

#[test]
fn captured_loads_pass_unchanged() {
    for (hex, rows) in [
        (captured::LOAD_UNICODE_BINARY, 1),
        (captured::LOAD_3_ROWS, 3),
        (captured::LOAD_PLP_NULL_AND_1_BYTE, 2),
    ] {
        let payload = captured::payload(hex);
        let (columns, used) = columns::parse(&payload, Form::Bulk).unwrap().unwrap();
        let stream = &payload[used..payload.len() - 13];
        let (blocks, fingerprint) = scan(&columns, WHOLE, stream, &[1]).unwrap();
        assert_eq!(joined(&blocks), stream);
        assert_eq!(fingerprint.rows, rows);
    }
}

#[test]
fn the_hash_is_that_of_the_canonical_row() {
    let columns = [
        column(TypeInfo::Fixed { token: token::INT4 }),
        column(TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH }),
    ];
    let row =
        [&[ROW, 7, 0, 0, 0][..], &PLP_UNKNOWN.to_le_bytes(), &[2, 0, 0, 0, 8, 9, 1, 0, 0, 0, 10, 0, 0, 0, 0]];
    let canonical =
        [&[4, 7, 0, 0, 0][..], &PLP_UNKNOWN.to_le_bytes(), &[3, 0, 0, 0, 8, 9, 10, 0, 0, 0, 0]].concat();
    let (_, fingerprint) = scan(&columns, WHOLE, &row.concat(), &[1]).unwrap();
    assert_eq!(fingerprint, Fingerprint { rows: 1, hash: xxh3_128(&canonical) });
}

#[test]
fn lengths_that_lie_are_errors_that_name_the_column() {
    let intn = TypeInfo::ByteLen { token: token::INTN, size: 4 };
    let short = TypeInfo::Binary { token: token::BIGVARBINARY, size: 2 };
    let max = TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH };
    let image = TypeInfo::LongLen { token: token::IMAGE, size: 9, collation: None };
    let known = [&[ROW][..], &3u64.to_le_bytes(), &[2, 0, 0, 0, 1, 1, 0, 0, 0, 0]].concat();
    let huge = [&[ROW][..], &PLP_UNKNOWN.to_le_bytes(), &[0xFF; 4]].concat();
    let cases = [
        (intn, vec![ROW, 5, 1, 1, 1, 1, 1]),
        (short, vec![ROW, 3, 0, 1, 1, 1]),
        (max.clone(), known),
        (max, huge),
        (image, [&[ROW, 1, 0][..], &[0; 8], &[0xFF; 4]].concat()),
    ];
    for (type_info, stream) in cases {
        let error = scan(&[column(type_info)], WHOLE, &stream, &[1]).unwrap_err();
        assert!(error.to_string().contains("row 1, column 1 (c)"), "{error}");
    }
}

#[test]
fn decimals_are_padded_on_demand_in_any_pieces() {
    let decimal = column(TypeInfo::Decimal { token: token::NUMERICN, size: 17, precision: 9, scale: 2 });
    let int = column(TypeInfo::Fixed { token: token::INT4 });
    let columns = [int.clone(), decimal.clone(), int, decimal];
    let value = |length: usize| {
        let digits: Vec<u8> = [vec![1, 0x96], vec![0; length - 2]].concat();
        [vec![length as u8], digits].concat()
    };
    let rows = |length| {
        let first = [&[ROW, 1, 0, 0, 0][..], &value(length), &[2, 0, 0, 0, 0]].concat();
        let second = [&[NBCROW, 0b1000, 3, 0, 0, 0][..], &value(length), &[4, 0, 0, 0]].concat();
        [first, second].concat()
    };
    let padded = |stream: &[u8], piece: usize| {
        let mut scanner = RowScanner::new(&columns, WHOLE).unwrap();
        scanner.pad_decimals(&columns);
        let (mut from, mut to) = (0, 0);
        while from < stream.len() {
            to = (to + piece).min(stream.len());
            from += scanner.scan(&stream[from..to]).unwrap().0;
        }
        (scanner.take(Vec::new()).bytes, scanner.fingerprint())
    };
    let first = [&[ROW, 4, 1, 0, 0, 0][..], &value(17), &[4, 2, 0, 0, 0, 0]].concat();
    let second = [&[ROW, 4, 3, 0, 0, 0][..], &value(17), &[4, 4, 0, 0, 0, 0]].concat();
    let wanted = [first, second].concat();
    for piece in 1..rows(5).len() {
        let (bytes, fingerprint) = padded(&rows(5), piece);
        assert_eq!(bytes, wanted, "pieces of {piece}");
        assert_eq!(fingerprint, padded(&rows(13), piece).1);
    }
    let mut scanner = RowScanner::new(&columns, WHOLE).unwrap();
    scanner.pad_decimals(&columns);
    assert!(scanner.scan(&[ROW, 1, 0, 0, 0, 18]).is_err());
}

#[test]
fn columns_before_the_row_are_written_and_not_hashed_and_sum_it_up_by_the_first() {
    // A day, another column that is not of the row, and one that is, of the same form as the first.
    let columns = [
        column(TypeInfo::Date),
        column(TypeInfo::Binary { token: token::BIGVARBINARY, size: 90 }),
        column(TypeInfo::Date),
    ];
    let long = [7; 90];
    let cells: [(&[u8], &[u8], u8); 4] =
        [(&[3, 1, 2, 3], b"a", 1), (&[0], b"", 2), (&[3, 1, 2, 3], &long, 1), (&[3, 9, 2, 3], b"", 3)];
    let rows = cells
        .map(|(day, more, value)| [&[ROW], day, &[more.len() as u8, 0], more, &[3, value, 0, 0]].concat());
    let of_value = |value: u8| Fingerprint { rows: 1, hash: xxh3_128(&[3, value, 0, 0]) };
    for piece in 1..60 {
        let mut scanner = RowScanner::new(&columns, WHOLE).unwrap();
        scanner.set_unhashed_columns(2, true);
        let stream = rows.concat();
        let (mut from, mut to) = (0, 0);
        while from < stream.len() {
            to = (to + piece).min(stream.len());
            from += scanner.scan(&stream[from..to]).unwrap().0;
        }
        assert_eq!(scanner.take(Vec::new()).bytes, stream);
        let mut twice = of_value(1);
        twice += of_value(1);
        let sums = scanner.take_grouped().unwrap().finish().unwrap();
        let expected = [(&[3, 1, 2, 3][..], twice), (&[0], of_value(2)), (&[3, 9, 2, 3], of_value(3))];
        assert_eq!(sums.len(), expected.len(), "in pieces of {piece}");
        for (label, sum) in expected {
            assert_eq!(sums.get(&GroupKey::of(label)), Some(&sum), "in pieces of {piece}");
        }
        assert_eq!(scanner.fingerprint().rows, 4);
    }
}
