//! The scanner against an oracle: values are written down as a server would (ROW or NBCROW, fixed or nullable types,
//! PLP of known or unknown length in any chunks) and, by other code, as a bulk load wants them.
use super::*;
use crate::tds::captured;
use crate::tds::columns::{self, Form};
use crate::tds::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};
use crate::tds::value::PLP_UNKNOWN;
use crate::tds::wire;
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use xxhash_rust::xxh3::xxh3_128;

const WHOLE: Limits = Limits { bytes: usize::MAX, rows: u64::MAX };

fn column(type_info: TypeInfo) -> Column {
    Column { name: "c".into(), user_type: 0, flags: 9, type_info, table: Vec::new() }
}

/// Scans `stream` given in pieces of the sizes, over and over; what it leaves comes first in the next piece.
fn scan(
    columns: &[Column],
    limits: Limits,
    stream: &[u8],
    pieces: &[usize],
) -> Result<(Vec<Block>, Fingerprint), Malformed> {
    let mut scanner = RowScanner::new(columns, limits)?;
    let mut blocks = Vec::new();
    let (mut from, mut to) = (0, 0);
    for piece in pieces.iter().cycle() {
        let (used, stop) = scanner.scan(&stream[from..to])?;
        from += used;
        if scanner.is_full() {
            blocks.push(scanner.take(Vec::new()));
        }
        match stop {
            Stop::Full => continue,
            Stop::Token => break,
            Stop::Short if to == stream.len() => break,
            Stop::Short => to = (to + piece).min(stream.len()),
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
fn a_huge_value_is_never_held() {
    let columns = [column(TypeInfo::Chars {
        token: token::NVARCHAR,
        size: MAX_WIDTH,
        collation: CollationBytes([0; 5]),
    })];
    let mut scanner = RowScanner::new(&columns, Limits { bytes: 4096, rows: u64::MAX }).unwrap();
    let begin = [&[ROW][..], &PLP_UNKNOWN.to_le_bytes(), &0x4000_0000u32.to_le_bytes()].concat();
    assert_eq!(scanner.scan(&begin).unwrap(), (begin.len(), Stop::Short));
    let piece = [b'x'; 4096];
    let mut passed = 0;
    for _ in 0..100 {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let (used, _) = scanner.scan(rest).unwrap();
            rest = &rest[used..];
            if scanner.is_full() {
                let block = scanner.take(Vec::new());
                assert!(block.bytes.len() <= 2 * 4096 + long::CHUNK && !block.whole && block.rows == 0);
                passed += block.bytes.len();
            }
        }
    }
    assert!(passed + 2 * 4096 + long::CHUNK >= 100 * 4096);
}

#[test]
fn blocks_end_at_rows_even_if_rows_are_longer_than_blocks() {
    let columns = [column(TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH })];
    let length = 3 * long::CHUNK as u32;
    let data = vec![1; length as usize];
    let row = [&[ROW][..], &u64::from(length).to_le_bytes(), &length.to_le_bytes(), &data, &[0; 4]].concat();
    let (blocks, fingerprint) =
        scan(&columns, Limits { bytes: 512, rows: 10 }, &row.repeat(20), &[512]).unwrap();
    assert_eq!(fingerprint.rows, 20);
    assert_eq!(blocks.iter().filter(|block| block.whole && block.rows == 1).count(), 20);
    assert!(blocks.iter().all(|block| block.bytes.len() <= 2 * 512 + long::CHUNK));
}

proptest! {
    #[test]
    fn the_chunks_of_a_long_value_are_the_same_whatever_its_server_sends(
        length in 0..3 * long::CHUNK,
        chunks in prop::collection::vec(1..2 * long::CHUNK, 1..4),
        pieces in prop::collection::vec(1..long::CHUNK, 1..4),
        is_announced: bool,
    ) {
        let columns = [column(TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH })];
        let data: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let announced = if is_announced { length as u64 } else { PLP_UNKNOWN };
        let mut stream = [&[ROW][..], &announced.to_le_bytes()].concat();
        let mut rest = data.as_slice();
        for chunk in chunks.iter().cycle() {
            let (chunk, after) = rest.split_at((*chunk).min(rest.len()));
            stream.extend((chunk.len() as u32).to_le_bytes());
            stream.extend(chunk);
            rest = after;
            if chunk.is_empty() {
                break;
            }
        }
        let expected = [&[ROW][..], &in_chunks(&data)].concat();
        let (blocks, fingerprint) = scan(&columns, Limits { bytes: 512, rows: 9 }, &stream, &pieces).unwrap();
        prop_assert_eq!(joined(&blocks), &expected[..]);
        prop_assert_eq!(fingerprint, Fingerprint { rows: 1, hash: xxh3_128(&expected[1..]) });
    }
}

/// How a value's bytes are laid down, apart from NULL.
#[derive(Clone, Debug)]
enum Kind {
    Fixed(u8, u8),
    ByteLen(u8, u8),
    Decimal,
    Date,
    Scaled(u8),
    Short(u16),
    Max,
    Xml,
    Udt,
    Text,
    Image,
    Variant,
}

impl Kind {
    fn type_info(&self) -> TypeInfo {
        let collation = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);
        match *self {
            Self::Fixed(token, _) => TypeInfo::Fixed { token },
            Self::ByteLen(token, size) => TypeInfo::ByteLen { token, size },
            Self::Decimal => TypeInfo::Decimal { token: token::DECIMALN, size: 17, precision: 38, scale: 4 },
            Self::Date => TypeInfo::Date,
            Self::Scaled(token) => TypeInfo::Scaled { token, scale: 7 },
            Self::Short(size) => TypeInfo::Chars { token: token::BIGVARCHAR, size, collation },
            Self::Max => TypeInfo::Chars { token: token::NVARCHAR, size: MAX_WIDTH, collation },
            Self::Xml => TypeInfo::Xml { schema: None },
            Self::Udt => TypeInfo::Udt {
                size: MAX_WIDTH,
                database: String::new(),
                schema: String::new(),
                name: String::new(),
                assembly: String::new(),
            },
            Self::Text => {
                TypeInfo::LongLen { token: token::TEXT, size: 0x7FFF_FFFF, collation: Some(collation) }
            }
            Self::Image => TypeInfo::LongLen { token: token::IMAGE, size: 0x7FFF_FFFF, collation: None },
            Self::Variant => TypeInfo::Variant { size: 8009 },
        }
    }

    /// Lengths of values that the type can have.
    fn lengths(&self) -> Vec<usize> {
        match *self {
            Self::Fixed(_, size) | Self::ByteLen(_, size) => vec![size.into()],
            Self::Decimal => vec![5, 9, 13, 17],
            Self::Date => vec![3],
            Self::Scaled(token::TIMEN) => vec![5],
            Self::Scaled(token::DATETIME2N) => vec![8],
            Self::Scaled(_) => vec![10],
            // Around a window's end, too.
            Self::Short(size @ 0..30) => vec![0, 1, size.into()],
            Self::Short(size) => vec![0, 1, 29, 30, size.into()],
            Self::Variant => vec![3, 40],
            _ => vec![0, 1, 7, 300],
        }
    }
}

fn kinds() -> impl Generator<Value = Kind> {
    prop::sample::select(vec![
        Kind::Fixed(token::INT1, 1),
        Kind::Fixed(token::INT2, 2),
        Kind::Fixed(token::INT4, 4),
        Kind::Fixed(token::FLT8, 8),
        Kind::ByteLen(token::INTN, 8),
        Kind::ByteLen(token::GUID, 16),
        Kind::Decimal,
        Kind::Date,
        Kind::Scaled(token::TIMEN),
        Kind::Scaled(token::DATETIME2N),
        Kind::Scaled(token::DATETIMEOFFSETN),
        Kind::Short(50),
        // Its values fit in a window even if they are longer than they may be.
        Kind::Short(4),
        Kind::Max,
        Kind::Xml,
        Kind::Udt,
        Kind::Text,
        Kind::Image,
        Kind::Variant,
    ])
}

/// A value, and how its sender chooses to write it.
#[derive(Clone, Debug)]
struct Cell {
    /// `None` is NULL.
    data: Option<Vec<u8>>,
    known_length: bool,
    chunk: usize,
    pointer: u8,
}

fn cells(kind: Kind) -> impl Generator<Value = Cell> {
    let fixed = matches!(kind, Kind::Fixed(..));
    let data = (prop::sample::select(kind.lengths()), any::<u8>())
        .prop_map(|(length, seed)| (0..length).map(|n| seed.wrapping_add(n as u8)).collect::<Vec<u8>>());
    let data = if fixed { data.prop_map(Some).boxed() } else { prop::option::of(data).boxed() };
    (data, any::<bool>(), 1usize..200, 1u8..20).prop_map(|(data, known_length, chunk, pointer)| Cell {
        data,
        known_length,
        chunk,
        pointer,
    })
}

/// Columns, rows, and for each row whether it is an NBCROW.
type Table = (Vec<Kind>, Vec<(bool, Vec<Cell>)>);

fn tables() -> impl Generator<Value = Table> {
    prop::collection::vec(kinds(), 1..20).prop_flat_map(|kinds| {
        let row = kinds.iter().cloned().map(cells).collect::<Vec<_>>();
        (Just(kinds), prop::collection::vec((any::<bool>(), row), 0..8))
    })
}

/// What a server sends.
fn sent((kinds, rows): &Table) -> Vec<u8> {
    let mut out = Vec::new();
    for (nbc, cells) in rows {
        out.push(if *nbc { NBCROW } else { ROW });
        if *nbc {
            let mut bitmap = vec![0u8; cells.len().div_ceil(8)];
            let nulls = cells.iter().enumerate().filter(|(_, cell)| cell.data.is_none());
            nulls.for_each(|(n, _)| bitmap[n / 8] |= 1 << (n % 8));
            out.extend(bitmap);
        }
        for (kind, cell) in kinds.iter().zip(cells) {
            match &cell.data {
                None if *nbc => {}
                None => out.extend(null(kind)),
                Some(data) => match kind {
                    Kind::Fixed(..) => out.extend(data),
                    Kind::Max | Kind::Xml | Kind::Udt => {
                        let length = if cell.known_length { data.len() as u64 } else { PLP_UNKNOWN };
                        out.extend(length.to_le_bytes());
                        out.extend(chunked(data, cell.chunk));
                    }
                    _ => out.extend(plain(kind, cell, data)),
                },
            }
        }
    }
    out
}

/// What a bulk load is to get, and the fingerprint.
fn wanted((kinds, rows): &Table) -> (Vec<u8>, Fingerprint) {
    let mut out = Vec::new();
    let mut fingerprint = Fingerprint::default();
    for (_, cells) in rows {
        let mut row = Vec::new();
        for (kind, cell) in kinds.iter().zip(cells) {
            match &cell.data {
                None => row.extend(null(kind)),
                Some(data) => match kind {
                    Kind::Max | Kind::Xml | Kind::Udt => row.extend(in_chunks(data)),
                    Kind::Text | Kind::Image => {
                        row.push(16);
                        row.extend([0xFF; 24]);
                        row.extend((data.len() as u32).to_le_bytes());
                        row.extend(data);
                    }
                    _ => row.extend(plain(kind, cell, data)),
                },
            }
        }
        out.push(ROW);
        out.extend(&row);
        fingerprint += Fingerprint { rows: 1, hash: xxh3_128(&row) };
    }
    (out, fingerprint)
}

/// A (max) value as it is to be written.
fn in_chunks(data: &[u8]) -> Vec<u8> {
    [&PLP_UNKNOWN.to_le_bytes()[..], &chunked(data, long::CHUNK)].concat()
}

fn null(kind: &Kind) -> Vec<u8> {
    match kind {
        Kind::Short(_) => vec![0xFF; 2],
        Kind::Max | Kind::Xml | Kind::Udt => vec![0xFF; 8],
        Kind::Variant => vec![0; 4],
        _ => vec![0],
    }
}

fn chunked(data: &[u8], size: usize) -> Vec<u8> {
    let chunks = data.chunks(size).flat_map(|chunk| [&(chunk.len() as u32).to_le_bytes(), chunk].concat());
    chunks.chain([0; 4]).collect()
}

/// Forms that are the same on both sides.
fn plain(kind: &Kind, cell: &Cell, data: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Short(_) => [&(data.len() as u16).to_le_bytes(), data].concat(),
        Kind::Variant => [&(data.len() as u32).to_le_bytes(), data].concat(),
        Kind::Text | Kind::Image => {
            let pointer = vec![cell.pointer; usize::from(cell.pointer) + 1];
            [&pointer[..], &[9; 8], &(data.len() as u32).to_le_bytes(), data].concat()
        }
        _ => [&[data.len() as u8], data].concat(),
    }
}

#[test]
fn nulls_are_put_back_however_many_there_are_in_a_row() {
    for kind in [Kind::Short(50), Kind::ByteLen(token::INTN, 8)] {
        for columns in [1, 8, 9, 63, 64, 65, 130] {
            let value = Cell { data: Some(vec![7; 8]), known_length: true, chunk: 1, pointer: 1 };
            let null = Cell { data: None, ..value.clone() };
            let row = |only: usize| {
                (0..columns).map(|n| if n == only { value.clone() } else { null.clone() }).collect::<Vec<_>>()
            };
            // The last row has no value at all.
            let rows = (0..=columns).map(|only| (true, row(only))).collect();
            let table: Table = (vec![kind.clone(); columns], rows);
            let metadata: Vec<Column> = table.0.iter().map(|kind| column(kind.type_info())).collect();
            let (expected, fingerprint) = wanted(&table);
            for piece in [usize::MAX / 2, 1000] {
                let (blocks, ours) = scan(&metadata, WHOLE, &sent(&table), &[piece]).unwrap();
                assert!(joined(&blocks) == expected, "{columns} columns of {kind:?}");
                assert_eq!(ours, fingerprint);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_rows_in_any_pieces_come_out_in_bulk_form_with_the_canonical_hash(
        table in tables(),
        pieces in prop::collection::vec(1usize..400, 1..6),
        bytes in 1usize..2000,
        rows in 1u64..5,
    ) {
        let columns: Vec<Column> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let (expected, fingerprint) = wanted(&table);
        let (blocks, ours) = scan(&columns, Limits { bytes, rows }, &sent(&table), &pieces).unwrap();
        prop_assert_eq!(joined(&blocks), expected);
        prop_assert_eq!(ours, fingerprint);
        prop_assert!(blocks.iter().all(|block| block.rows <= rows));
        prop_assert_eq!(blocks.iter().map(|block| block.rows).sum::<u64>(), fingerprint.rows);
    }

    #[test]
    fn many_bytes_at_once_give_what_single_ones_do(
        table in tables(),
        at in any::<prop::sample::Index>(),
        flip in any::<u8>(),
    ) {
        let columns: Vec<Column> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let mut stream = sent(&table);
        if !stream.is_empty() {
            let at = at.index(stream.len());
            stream[at] ^= flip;
        }
        let [fast, slow] = [usize::MAX / 2, 1].map(|piece| scan(&columns, WHOLE, &stream, &[piece]));
        let read = |scanned: Result<(Vec<Block>, Fingerprint), Malformed>| {
            scanned.map(|(blocks, fingerprint)| (joined(&blocks), fingerprint)).map_err(|e| e.to_string())
        };
        prop_assert_eq!(read(fast), read(slow));
    }

    #[test]
    fn a_corrupted_byte_is_an_error_or_other_rows(
        table in tables(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let columns: Vec<Column> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let mut stream = sent(&table);
        prop_assume!(!stream.is_empty());
        let at = at.index(stream.len());
        stream[at] ^= flip;
        if let Ok((blocks, _)) = scan(&columns, WHOLE, &stream, &[64]) {
            // NULL marks are the most that a byte of input can grow to.
            prop_assert!(joined(&blocks).len() <= stream.len() * 8 * 8 + 8);
        }
    }

    #[test]
    fn hostile_metadata_is_read_or_refused(
        table in tables(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let columns: Vec<Column> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let mut bytes = Vec::new();
        columns::encode(&columns, Form::Result, &mut bytes);
        prop_assert_eq!(columns::parse(&bytes, Form::Result).unwrap().unwrap().0, columns);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _: Result<_, wire::Malformed> = columns::parse(&bytes, Form::Result);
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
        scanner.set_lead(2, true);
        let stream = rows.concat();
        let (mut from, mut to) = (0, 0);
        while from < stream.len() {
            to = (to + piece).min(stream.len());
            from += scanner.scan(&stream[from..to]).unwrap().0;
        }
        assert_eq!(scanner.take(Vec::new()).bytes, stream);
        let mut twice = of_value(1);
        twice += of_value(1);
        let sums = scanner.take_sums().unwrap().finish().unwrap();
        let expected = [(&[3, 1, 2, 3][..], twice), (&[0], of_value(2)), (&[3, 9, 2, 3], of_value(3))];
        assert_eq!(sums.len(), expected.len(), "in pieces of {piece}");
        for (label, sum) in expected {
            assert_eq!(sums.get(&Label::of(label)), Some(&sum), "in pieces of {piece}");
        }
        assert_eq!(scanner.fingerprint().rows, 4);
    }
}
