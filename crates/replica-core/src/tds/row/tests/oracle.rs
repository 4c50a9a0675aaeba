//! Values, written down as a server would (ROW or NBCROW, fixed or nullable types, PLP of known or unknown length in
//! any chunks) and, by other code than the scanner's, as a bulk load wants them.
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use xxhash_rust::xxh3::xxh3_128;

use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::{NBCROW, ROW, long};
use crate::tds::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};
use crate::tds::value::PLP_UNKNOWN;

/// How a value's bytes are laid down, apart from NULL.
#[derive(Clone, Debug)]
pub(super) enum OracleType {
    Fixed(u8, u8),
    ByteLen(u8, u8),
    Decimal,
    Date,
    Scaled(u8),
    Short(u16),
    /// char(n): always of that length.
    Char(u16),
    Max,
    Xml,
    Udt,
    Text,
    Image,
    Variant,
}

impl OracleType {
    pub(super) fn type_info(&self) -> TypeInfo {
        let collation = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);
        match *self {
            Self::Fixed(token, _) => TypeInfo::Fixed { token },
            Self::ByteLen(token, size) => TypeInfo::ByteLen { token, size },
            Self::Decimal => TypeInfo::Decimal { token: token::DECIMALN, size: 17, precision: 38, scale: 4 },
            Self::Date => TypeInfo::Date,
            Self::Scaled(token) => TypeInfo::Scaled { token, scale: 7 },
            Self::Short(size) => TypeInfo::Chars { token: token::BIGVARCHAR, size, collation },
            Self::Char(size) => TypeInfo::Chars { token: token::BIGCHAR, size, collation },
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
            Self::Char(size) => vec![size.into()],
            Self::Variant => vec![3, 40],
            _ => vec![0, 1, 7, 300],
        }
    }
}

fn kinds() -> impl Generator<Value = OracleType> {
    prop::sample::select(vec![
        OracleType::Fixed(token::INT1, 1),
        OracleType::Fixed(token::INT2, 2),
        OracleType::Fixed(token::INT4, 4),
        OracleType::Fixed(token::FLT8, 8),
        OracleType::ByteLen(token::INTN, 8),
        OracleType::ByteLen(token::GUID, 16),
        OracleType::Decimal,
        OracleType::Date,
        OracleType::Scaled(token::TIMEN),
        OracleType::Scaled(token::DATETIME2N),
        OracleType::Scaled(token::DATETIMEOFFSETN),
        OracleType::Short(50),
        // Its values fit in a window even if they are longer than they may be.
        OracleType::Short(4),
        OracleType::Char(3),
        OracleType::Char(40),
        OracleType::Max,
        OracleType::Xml,
        OracleType::Udt,
        OracleType::Text,
        OracleType::Image,
        OracleType::Variant,
    ])
}

/// A value, and how its sender chooses to write it.
#[derive(Clone, Debug)]
pub(super) struct OracleCell {
    /// `None` is NULL.
    pub(super) data: Option<Vec<u8>>,
    pub(super) known_length: bool,
    pub(super) chunk: usize,
    pub(super) pointer: u8,
}

fn cells(kind: OracleType) -> impl Generator<Value = OracleCell> {
    let fixed = matches!(kind, OracleType::Fixed(..));
    let data = (prop::sample::select(kind.lengths()), any::<u8>())
        .prop_map(|(length, seed)| (0..length).map(|n| seed.wrapping_add(n as u8)).collect::<Vec<u8>>());
    let data = if fixed { data.prop_map(Some).boxed() } else { prop::option::of(data).boxed() };
    (data, any::<bool>(), 1usize..200, 1u8..20).prop_map(|(data, known_length, chunk, pointer)| OracleCell {
        data,
        known_length,
        chunk,
        pointer,
    })
}

/// Columns, rows, and for each row whether it is an NBCROW.
pub(super) type OracleTable = (Vec<OracleType>, Vec<(bool, Vec<OracleCell>)>);

pub(super) fn tables() -> impl Generator<Value = OracleTable> {
    prop::collection::vec(kinds(), 1..20).prop_flat_map(|kinds| {
        let row = kinds.iter().cloned().map(cells).collect::<Vec<_>>();
        (Just(kinds), prop::collection::vec((any::<bool>(), row), 0..8))
    })
}

/// Columns whose values have one length, with hardly a NULL among them or a string in between.
pub(super) fn steady_tables() -> impl Generator<Value = OracleTable> {
    let kind = prop_oneof![
        9 => prop::sample::select(vec![
            OracleType::Fixed(token::INT1, 1),
            OracleType::Fixed(token::INT4, 4),
            OracleType::ByteLen(token::INTN, 8),
            OracleType::ByteLen(token::GUID, 16),
            OracleType::Decimal,
            OracleType::Date,
            OracleType::Scaled(token::DATETIMEOFFSETN),
            OracleType::Char(3),
            OracleType::Char(40),
        ]),
        1 => Just(OracleType::Short(50)),
    ];
    prop::collection::vec(kind, 1..90).prop_flat_map(|kinds| {
        let cell = |kind: &OracleType| {
            let longest = kind.lengths().into_iter().max().unwrap_or_default();
            let usual = any::<u8>().prop_map(move |byte| OracleCell {
                data: Some(vec![byte; longest]),
                known_length: true,
                chunk: 1,
                pointer: 1,
            });
            prop_oneof![40 => usual, 1 => cells(kind.clone())]
        };
        let row = kinds.iter().map(cell).collect::<Vec<_>>();
        (Just(kinds), prop::collection::vec((any::<bool>(), row), 0..12))
    })
}

/// What a server sends.
pub(super) fn sent((kinds, rows): &OracleTable) -> Vec<u8> {
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
                    OracleType::Fixed(..) => out.extend(data),
                    OracleType::Max | OracleType::Xml | OracleType::Udt => {
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
pub(super) fn wanted((kinds, rows): &OracleTable) -> (Vec<u8>, Fingerprint) {
    let mut out = Vec::new();
    let mut fingerprint = Fingerprint::default();
    for (_, cells) in rows {
        let mut row = Vec::new();
        for (kind, cell) in kinds.iter().zip(cells) {
            match &cell.data {
                None => row.extend(null(kind)),
                Some(data) => match kind {
                    OracleType::Max | OracleType::Xml | OracleType::Udt => row.extend(in_chunks(data)),
                    OracleType::Text | OracleType::Image => {
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
pub(super) fn in_chunks(data: &[u8]) -> Vec<u8> {
    [&PLP_UNKNOWN.to_le_bytes()[..], &chunked(data, long::CHUNK)].concat()
}

fn null(kind: &OracleType) -> Vec<u8> {
    match kind {
        OracleType::Short(_) | OracleType::Char(_) => vec![0xFF; 2],
        OracleType::Max | OracleType::Xml | OracleType::Udt => vec![0xFF; 8],
        OracleType::Variant => vec![0; 4],
        _ => vec![0],
    }
}

fn chunked(data: &[u8], size: usize) -> Vec<u8> {
    let chunks = data.chunks(size).flat_map(|chunk| [&(chunk.len() as u32).to_le_bytes(), chunk].concat());
    chunks.chain([0; 4]).collect()
}

/// Forms that are the same on both sides.
fn plain(kind: &OracleType, cell: &OracleCell, data: &[u8]) -> Vec<u8> {
    match kind {
        OracleType::Short(_) | OracleType::Char(_) => [&(data.len() as u16).to_le_bytes(), data].concat(),
        OracleType::Variant => [&(data.len() as u32).to_le_bytes(), data].concat(),
        OracleType::Text | OracleType::Image => {
            let pointer = vec![cell.pointer; usize::from(cell.pointer) + 1];
            [&pointer[..], &[9; 8], &(data.len() as u32).to_le_bytes(), data].concat()
        }
        _ => [&[data.len() as u8], data].concat(),
    }
}
