//! Whatever bytes a row has, a file gives them back.
mod given;
mod long;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use replica_core::catalog::{Collation, Column as CatalogColumn, Length, SqlType, Table, TableName};
use replica_core::copy::{CopyOptions, Plan};
use replica_core::decode::ValueKind;
use replica_core::error::Result;
use replica_core::lane::RowSource;
use replica_core::tds::{
    bulk,
    fingerprint::Fingerprint,
    types::{CollationBytes, MAX_WIDTH, TypeInfo, token},
};
use tempfile::TempDir;

use self::given::Given;
use crate::Folder;
use crate::read::File;
use crate::write::write;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// A plan for columns of that many names, whatever they are on the wire.
fn plan(columns: usize, sql_type: &SqlType) -> Plan {
    let column = |n: usize| {
        let collation = Collation { name: "Latin1_General_CI_AS".into(), code_page: Some(1252) };
        let collation = sql_type.is_text().then_some(collation);
        let plain = CatalogColumn::plain(format!("c{n}"), sql_type.clone(), collation);
        CatalogColumn { id: n as i32 + 1, ..plain }
    };
    let columns: Vec<_> = (0..columns).map(column).collect();
    let table = |name| Table::unserved(TableName::new("dbo", name), columns.clone(), 0);
    Plan::new(&table("s"), &table("t"), CopyOptions::default()).unwrap()
}

/// Writes the rows and opens the file.
fn written(given: &mut Given, plan: &Plan) -> (TempDir, File) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path()).unwrap();
    let file = folder.temporary(&plan.target, true).unwrap();
    let file = block_on(write(given, plan, file, &mut |_| ())).unwrap();
    let path = folder.file(&plan.target);
    file.persist(&path).unwrap();
    (dir, File::open(&path).unwrap())
}

fn rows_of(file: File, plan: &Plan) -> Result<(Vec<u8>, Fingerprint)> {
    let mut rows = file.rows(plan, None)?;
    rows.set_chunk_rows(1000);
    let mut bytes = Vec::new();
    while let Some(block) = block_on(rows.next(Vec::new()))? {
        assert!(block.rows <= 1000);
        bytes.extend_from_slice(&block.bytes);
    }
    Ok((bytes, rows.fingerprint()))
}

#[track_caller]
fn round_trip(infos: &[TypeInfo], rows: &[Vec<Option<Vec<u8>>>]) {
    let mut given = Given::new(infos, rows, 300);
    let expected = (given.bytes(), given.fingerprint);
    let plan = plan(infos.len(), &SqlType::Int);
    let (_dir, file) = written(&mut given, &plan);
    file.check_bytes().unwrap();
    let read = rows_of(file, &plan).unwrap();
    assert_eq!(read.1, expected.1);
    assert!(read.0 == expected.0, "the bytes differ");
}

const LATIN: CollationBytes = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);

/// One or more of every type.
fn types() -> Vec<TypeInfo> {
    let collations = [LATIN, CollationBytes([0x11, 0x04, 0xD0, 0, 0]), CollationBytes([9, 4, 0, 0x26, 0])];
    let mut types = vec![
        TypeInfo::Fixed { token: token::INT4 },
        TypeInfo::Fixed { token: token::DATETIME },
        TypeInfo::Date,
        TypeInfo::Variant { size: 8009 },
        TypeInfo::Xml { schema: None },
        TypeInfo::Binary { token: token::BIGBINARY, size: 8 },
        TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH },
        TypeInfo::LongLen { token: token::IMAGE, size: 100, collation: None },
        TypeInfo::LongLen { token: token::NTEXT, size: 100, collation: Some(LATIN) },
    ];
    for (token, sizes) in [
        (token::INTN, &[1, 2, 4, 8][..]),
        (token::BITN, &[1]),
        (token::FLTN, &[4, 8]),
        (token::MONEYN, &[4, 8]),
        (token::DATETIMN, &[4, 8]),
        (token::GUID, &[16]),
    ] {
        types.extend(sizes.iter().map(|size| TypeInfo::ByteLen { token, size: *size }));
    }
    for precision in [1, 9, 10, 18, 19, 28, 29, 38] {
        let scale = precision / 2;
        types.push(TypeInfo::Decimal { token: token::DECIMALN, size: 17, precision, scale });
    }
    for token in [token::TIMEN, token::DATETIME2N, token::DATETIMEOFFSETN] {
        types.extend((0..=7).map(|scale| TypeInfo::Scaled { token, scale }));
    }
    for collation in collations {
        for (token, size) in [(token::BIGVARCHAR, 100), (token::NVARCHAR, MAX_WIDTH), (token::BIGCHAR, 20)] {
            types.push(TypeInfo::Chars { token, size, collation });
        }
    }
    types
}

/// Bytes that are a value of the type, if there are any that random bytes can be made into.
fn value(info: &TypeInfo) -> BoxedStrategy<Option<Vec<u8>>> {
    let info = bulk::type_info(info);
    let kind = ValueKind::of(&info).unwrap();
    let bytes = match info {
        TypeInfo::ByteLen { size, .. } => vec(any::<u8>(), usize::from(size)).boxed(),
        TypeInfo::Decimal { precision, .. } => {
            let length = sample(&[4, 8, 12, 16]);
            (any::<bool>(), any::<u128>(), length)
                .prop_map(move |(sign, digits, length)| {
                    let digits = digits % 10u128.pow(precision.min(9).into());
                    [&[sign.into()][..], &digits.to_le_bytes()[..length]].concat()
                })
                .boxed()
        }
        TypeInfo::Variant { .. } => prop_oneof![
            any::<i32>().prop_map(|n| [&[token::INT4, 0][..], &n.to_le_bytes()].concat()),
            vec(any::<u8>(), 0..9).prop_map(|bytes| [&[token::BIGVARBINARY, 2, 9, 0][..], &bytes].concat()),
        ]
        .boxed(),
        TypeInfo::Date | TypeInfo::Scaled { .. } => vec(any::<u8>(), 3..=10).boxed(),
        TypeInfo::Binary { size, .. } | TypeInfo::Chars { size, .. } => {
            vec(any::<u8>(), 0..=usize::from(size.min(40))).boxed()
        }
        _ => vec(any::<u8>(), 0..40).boxed(),
    };
    let valid = bytes.prop_map(move |mut bytes| {
        if matches!(kind, ValueKind::Bit) {
            bytes[0] &= 1;
        }
        while !bytes.is_empty() && kind.decode(&bytes).is_err() {
            bytes.pop();
        }
        kind.decode(&bytes).is_ok().then_some(bytes)
    });
    prop_oneof![1 => Just(None), 4 => valid].boxed()
}

fn sample(lengths: &'static [usize]) -> impl Strategy<Value = usize> {
    proptest::sample::select(lengths)
}

type RawRows = Vec<Vec<Option<Vec<u8>>>>;

fn table() -> impl Strategy<Value = (Vec<TypeInfo>, RawRows)> {
    vec(proptest::sample::select(types()), 1..8).prop_flat_map(|infos| {
        let row: Vec<_> = infos.iter().map(value).collect();
        (Just(infos), vec(row, 0..6))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_row_comes_back_bit_for_bit((infos, rows) in table()) {
        round_trip(&infos, &rows);
    }
}

/// The lowest and highest values, and those between which a representation changes.
#[test]
fn boundaries_come_back() {
    let scaled = |token, scale| TypeInfo::Scaled { token, scale };
    let decimal = |precision| TypeInfo::Decimal { token: token::NUMERICN, size: 17, precision, scale: 0 };
    let money = TypeInfo::ByteLen { token: token::MONEYN, size: 8 };
    let float = TypeInfo::ByteLen { token: token::FLTN, size: 8 };
    let utf16 = TypeInfo::Chars { token: token::NVARCHAR, size: 100, collation: LATIN };
    for (info, values) in [
        (scaled(token::DATETIME2N, 7), &["0000000000000000", "ffbf692ac9dab937", "0100000000000000"][..]),
        (scaled(token::DATETIMEOFFSETN, 7), &["00000000000000004803", "ffbf692ac9dab937b8fc"]),
        (scaled(token::TIMEN, 7), &["0000000000", "ffbf692ac9"]),
        (decimal(38), &["01ffffffff3f228a097ac4865aa84c3b4b", "00ffffffff3f228a097ac4865aa84c3b4b"]),
        // Zero below zero, and four bytes where there should be sixteen.
        (decimal(38), &["0000000000000000000000000000000000", "0105000000"]),
        (decimal(18), &["01ffff63a7b3b6e00d", "010000000000000000"]),
        (money, &["0000008000000000", "ffffff7fffffffff", "ffffffffffffffff"]),
        // A NaN with something to say, and a zero below zero.
        (float, &["010000000000f07f", "0000000000000080"]),
        // Nothing, NUL, half a surrogate pair, an odd byte.
        (utf16, &["", "0000", "61003dd8", "3d"]),
    ] {
        let values = values.iter().map(|hex| vec![Some(hex_bytes(hex))]).chain([vec![None]]);
        let valid = values.filter(|row| {
            row[0].as_ref().is_none_or(|bytes| ValueKind::of(&info).unwrap().decode(bytes).is_ok())
        });
        round_trip(std::slice::from_ref(&info), &valid.collect::<Vec<_>>());
    }
}

fn hex_bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn many_rows_and_long_values_take_several_row_groups() {
    let long = TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH };
    let values = (0..17).map(|n: u8| vec![Some(vec![n; 1 << 21]), Some(vec![n])]);
    let byte = TypeInfo::ByteLen { token: token::INTN, size: 1 };
    round_trip(&[long, byte.clone()], &values.collect::<Vec<_>>());
    let rows = (0..130_000).map(|n: u32| vec![(!n.is_multiple_of(7)).then(|| vec![n as u8])]);
    round_trip(&[byte], &rows.collect::<Vec<_>>());
}

fn small() -> (TempDir, File, Plan) {
    let byte = TypeInfo::ByteLen { token: token::INTN, size: 1 };
    let mut given = Given::new(&[byte], &[vec![Some(vec![7])], vec![Some(vec![8])]], 300);
    let plan = plan(1, &SqlType::TinyInt);
    let (dir, file) = written(&mut given, &plan);
    (dir, file, plan)
}

fn refused(path: &Path) -> String {
    File::open(path).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn files_that_are_not_whole_or_not_ours_are_refused() {
    let (dir, _, plan) = small();
    let path = Folder::new(dir.path()).unwrap().file(&plan.target);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(refused(&path).contains("not a complete file of Parquet"), "{length} bytes");
    }
    std::fs::write(&path, resealed(replaced(&whole, b"replica\x18", b"another\x18"))).unwrap();
    assert!(refused(&path).contains("these tools did not write it"));
    std::fs::write(&path, replaced(&whole, b"REPLICA\x01", b"another\x01")).unwrap();
    assert!(refused(&path).contains("these tools did not write it"));
    std::fs::write(&path, resealed(replaced(&whole, b"\"format\":1", b"\"format\":2"))).unwrap();
    assert!(refused(&path).contains("format 2"), "{}", refused(&path));
    assert!(refused(&dir.path().join("none.parquet")).contains("No such file"));
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// With the seal of what it holds now, as someone would give it who means harm.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mark = bytes.windows(8).rposition(|window| window == b"REPLICA\x01").expect("it has a seal");
    let hash = twox_hash::XxHash3_128::oneshot(&bytes[mark + 24..]);
    bytes[mark + 8..mark + 24].copy_from_slice(&hash.to_le_bytes());
    bytes
}

#[test]
fn no_changed_bit_goes_unseen() {
    let (dir, _, plan) = small();
    let path = Folder::new(dir.path()).unwrap().file(&plan.target);
    let whole = std::fs::read(&path).unwrap();
    assert!(File::open(&path).and_then(|file| file.check_bytes()).is_ok());
    for at in 0..whole.len() {
        for bit in [0, 5] {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            std::fs::write(&path, &changed).unwrap();
            assert!(File::open(&path).and_then(|file| file.check_bytes()).is_err(), "bit {bit} of byte {at}");
        }
    }
}

/// Writes the corpus of the fuzz target `parquet`: `FUZZ_CORPUS=$PWD/fuzz/corpus/parquet cargo test -p replica-parquet --
/// --ignored`.
#[test]
#[ignore = "it writes files of the repository"]
fn seeds_of_the_fuzz_target() {
    let corpus = std::env::var("FUZZ_CORPUS").expect("the folder");
    let text = TypeInfo::Chars { token: token::NVARCHAR, size: 40, collation: CollationBytes::default() };
    let infos = [
        TypeInfo::ByteLen { token: token::INTN, size: 4 },
        text,
        TypeInfo::Scaled { token: token::DATETIME2N, scale: 7 },
    ];
    let row = |n: u8| {
        vec![Some(vec![n, 0, 0, 0]), (!n.is_multiple_of(3)).then(|| vec![b'a', 0, n, 0]), Some(vec![n; 8])]
    };
    for (name, rows) in [("seed-0", 0), ("seed-1", 40)] {
        let plan = plan(infos.len(), &SqlType::Int);
        let rows: Vec<_> = (0..rows).map(|n| if n % 2 == 0 { row(0) } else { row(1) }).collect();
        let (dir, _) = written(&mut Given::new(&infos, &rows, 300), &plan);
        std::fs::copy(Folder::new(dir.path()).unwrap().file(&plan.target), format!("{corpus}/{name}"))
            .unwrap();
    }
}

/// A footer that was made up: the library of Parquet may give up on it, and that is the file's error.
#[test]
fn a_footer_that_was_made_up_is_an_error_and_no_more() {
    let (dir, file, plan) = small();
    let path = Folder::new(dir.path()).unwrap().file(&plan.target);
    let expected = rows_of(file, &plan).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let footer = whole.windows(8).rposition(|window| window == b"REPLICA\x01").unwrap() + 24;
    for at in footer..whole.len() {
        for bit in [3, 7] {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            std::fs::write(&path, resealed(changed)).unwrap();
            // What says nothing of the rows, names and numbers that only people read, may be other.
            if let Ok(read) = File::open(&path).and_then(|file| rows_of(file, &plan)) {
                assert!(read == expected, "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_value_that_is_none_is_refused_with_the_way_out() {
    let bit = TypeInfo::ByteLen { token: token::BITN, size: 1 };
    let mut given = Given::new(&[bit], &[vec![Some(vec![2])]], 300);
    let plan = plan(1, &SqlType::Bit);
    let dir = tempfile::tempdir().unwrap();
    let file = Folder::new(dir.path()).unwrap().temporary(&plan.target, false).unwrap();
    let error = block_on(write(&mut given, &plan, file, &mut |_| ())).unwrap_err().to_string();
    assert!(error.contains("row 1, column 1 (c0): a bit of 2") && error.contains("stream"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_for_another_target_is_refused() {
    let (_dir, file, _) = small();
    let source = file.table(&TableName::new("dbo", "s"));
    let mut target = Table::unserved(TableName::new("dbo", "t"), source.columns.clone(), 0);
    target.columns[0].sql_type = SqlType::BigInt;
    let other = Plan::new(&source, &target, CopyOptions::default()).unwrap();
    let error = rows_of(file, &other).unwrap_err().to_string();
    assert!(error.contains("column c0: ") && error.contains("CAST([c0] AS bigint)"), "{error}");

    let (_dir, file, _) = small();
    let error = rows_of(file, &plan(2, &SqlType::TinyInt)).unwrap_err().to_string();
    assert!(error.contains("the file's columns are c0; the target's c0, c1"), "{error}");
}

#[test]
fn the_catalog_comes_back_from_the_file() {
    for sql_type in [
        SqlType::Decimal { precision: 9, scale: 2 },
        SqlType::VarChar(Length::Max),
        SqlType::Clr("geography".into()),
    ] {
        let plan = plan(1, &sql_type);
        let byte = TypeInfo::ByteLen { token: token::INTN, size: 1 };
        let (_dir, file) = written(&mut Given::new(&[byte], &[], 300), &plan);
        let table = file.table(&TableName::new("dbo", "s"));
        assert_eq!(table.columns, [plan.mapping.columns[0].source.clone()]);
        assert_eq!((&table.object.name, table.rows()), (&TableName::new("dbo", "s"), Some(0)));
    }
}
