//! The row scanner against the decoder, with any cuts and limits.
use replica_core::decode::RowReader;
use replica_core::tds::columns::WireColumn;
use replica_core::tds::fingerprint::Fingerprint;
use replica_core::tds::row::{Block, BlockLimits, RowScanner, ScanStop};
use replica_core::tds::types::{MAX_WIDTH, TypeInfo, token};
use twox_hash::XxHash3_128;

use crate::input::FuzzInput;

/// Every way in which a value and its length lie on the wire.
pub fn types() -> Vec<TypeInfo> {
    let collation = Default::default();
    vec![
        TypeInfo::Fixed { token: token::INT1 },
        TypeInfo::Fixed { token: token::INT4 },
        TypeInfo::Fixed { token: token::FLT8 },
        TypeInfo::ByteLen { token: token::INTN, size: 8 },
        TypeInfo::ByteLen { token: token::BITN, size: 1 },
        TypeInfo::ByteLen { token: token::GUID, size: 16 },
        TypeInfo::Decimal { token: token::DECIMALN, size: 17, precision: 38, scale: 4 },
        TypeInfo::Date,
        TypeInfo::Scaled { token: token::TIMEN, scale: 7 },
        TypeInfo::Scaled { token: token::DATETIME2N, scale: 3 },
        TypeInfo::Scaled { token: token::DATETIMEOFFSETN, scale: 7 },
        TypeInfo::Chars { token: token::BIGVARCHAR, size: 50, collation },
        TypeInfo::Chars { token: token::NVARCHAR, size: 20, collation },
        TypeInfo::Chars { token: token::NVARCHAR, size: MAX_WIDTH, collation },
        TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH },
        TypeInfo::Xml { schema: None },
        TypeInfo::LongLen { token: token::TEXT, size: 0x7FFF_FFFF, collation: Some(collation) },
        TypeInfo::LongLen { token: token::IMAGE, size: 0x7FFF_FFFF, collation: None },
        TypeInfo::Variant { size: 8009 },
    ]
}

/// Columns of these types.
fn columns(types: &[TypeInfo]) -> Vec<WireColumn> {
    let column = |type_info: &TypeInfo| WireColumn {
        name: "c".into(),
        user_type: 0,
        flags: 9,
        type_info: type_info.clone(),
        table: Vec::new(),
    };
    types.iter().map(column).collect()
}

/// Number of columns, their types, eight cuts, two limits; then the stream.
pub fn rows(bytes: &[u8]) {
    let all = types();
    let mut input = FuzzInput(bytes);
    let count = usize::from(input.byte()) % 140 + 1;
    let chosen: Vec<TypeInfo> =
        (0..count.min(8)).map(|_| all[usize::from(input.byte()) % all.len()].clone()).collect();
    // More columns than that are the same again: the bitmap of NULLs is what has to be long.
    let columns = columns(&chosen.iter().cycle().take(count).cloned().collect::<Vec<_>>());
    let cuts: Vec<usize> = input.bytes(8).iter().map(|cut| usize::from(*cut) + 1).collect();
    let limits = BlockLimits { bytes: usize::from(input.byte()) * 8 + 1, rows: u64::from(input.byte()) + 1 };
    let stream = input.0;

    let whole = scan(&columns, BlockLimits { bytes: usize::MAX / 4, rows: u64::MAX }, stream, &[usize::MAX]);
    let cut = scan(&columns, limits, stream, &cuts);
    let single = scan(&columns, BlockLimits { bytes: usize::MAX / 4, rows: 1 }, stream, &[usize::MAX]);
    match (whole, cut, single) {
        (Ok(whole), Ok(cut), Ok(single)) => {
            assert!(cut.blocks.iter().all(|block| block.rows <= limits.rows));
            for other in [&cut, &single] {
                assert_eq!((other.fingerprint, other.in_row), (whole.fingerprint, whole.in_row));
                assert!(other.joined() == whole.joined(), "other bytes");
            }
            assert_eq!(cut.blocks.iter().map(|block| block.rows).sum::<u64>(), whole.fingerprint.rows);
            hashed(&single);
            if !whole.in_row {
                decoded(&columns, &whole);
            }
        }
        (Err(whole), Err(cut), Err(single)) => assert_eq!((&cut, &single), (&whole, &whole)),
        (whole, cut, single) => {
            let are_wrong = [whole.is_err(), cut.is_err(), single.is_err()];
            panic!("whole, cut or row by row, some are wrong and some are not: {are_wrong:?}");
        }
    }
}

struct Scanned {
    blocks: Vec<Block>,
    fingerprint: Fingerprint,
    in_row: bool,
}

impl Scanned {
    fn joined(&self) -> Vec<u8> {
        self.blocks.iter().flat_map(|block| block.bytes.iter().copied()).collect()
    }
}

/// Up to the stream's end, or its first token that is no row.
fn scan(
    columns: &[WireColumn],
    limits: BlockLimits,
    stream: &[u8],
    cuts: &[usize],
) -> Result<Scanned, String> {
    let mut scanner = RowScanner::new(columns, limits).map_err(|error| error.to_string())?;
    let (mut blocks, mut at, mut here) = (Vec::new(), 0, 0);
    let mut cuts = cuts.iter().cycle();
    loop {
        let (used, stop) = scanner.scan(&stream[at..here]).map_err(|error| error.to_string())?;
        at += used;
        if scanner.is_full() {
            blocks.push(scanner.take(Vec::new()));
            continue;
        }
        match stop {
            ScanStop::BlockFull => {}
            ScanStop::OtherToken => break,
            ScanStop::Incomplete if here == stream.len() => break,
            ScanStop::Incomplete => {
                let more = cuts.next().copied().unwrap_or(usize::MAX);
                here = stream.len().min(here.saturating_add(more));
            }
        }
    }
    let in_row = scanner.in_row();
    blocks.push(scanner.take(Vec::new()));
    Ok(Scanned { blocks, fingerprint: scanner.fingerprint(), in_row })
}

/// The sum of the hashes of rows that stand alone.
fn hashed(single: &Scanned) {
    let mut sum = Fingerprint::default();
    let mut row = Vec::new();
    for block in &single.blocks {
        row.extend_from_slice(&block.bytes);
        if block.rows == 1 {
            sum += Fingerprint { rows: 1, hash: XxHash3_128::oneshot(&row[1..]) };
            row.clear();
        }
    }
    assert_eq!(sum, single.fingerprint);
}

/// The decoder finds the same rows in what the scanner has written.
fn decoded(columns: &[WireColumn], whole: &Scanned) {
    let bytes = whole.joined();
    let mut reader = RowReader::new(columns, usize::MAX).expect("columns that have values");
    let (mut input, mut rows) = (&bytes[..], 0);
    while let Some(row) = reader.next(&mut input).expect("rows that the scanner has written") {
        // A value may be none of its type; that is an error and no more.
        row.values().for_each(drop);
        rows += 1;
    }
    assert_eq!((rows, reader.is_between_rows()), (whole.fingerprint.rows, true));
}
