//! Values that are too long for memory.
use std::io::Read as _;

use parquet::data_type::ByteArrayType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use replica_core::catalog::SqlType;
use replica_core::tds::types::{CollationBytes, MAX_WIDTH, TypeInfo, token};

use super::given::Given;
use super::{LATIN, plan, round_trip, written};
use crate::gather::LONG;
use crate::long::LongPage;

/// One that ends within a piece, and within a character where a piece ends.
const LENGTH: usize = LONG + 4_321;

const JAPANESE: CollationBytes = CollationBytes([0x11, 0x04, 0xD0, 0, 0]);
const UTF8: CollationBytes = CollationBytes([9, 4, 0, 0x26, 0]);
/// Of no code page that is known here.
const UNKNOWN: CollationBytes = CollationBytes([0; 5]);

fn chars(token: u8, collation: CollationBytes) -> TypeInfo {
    TypeInfo::Chars { token, size: MAX_WIDTH, collation }
}

fn long_len(token: u8, collation: Option<CollationBytes>) -> TypeInfo {
    TypeInfo::LongLen { token, size: i32::MAX as u32, collation }
}

fn binary() -> TypeInfo {
    TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH }
}

fn int() -> TypeInfo {
    TypeInfo::ByteLen { token: token::INTN, size: 4 }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn repeated(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().cycle().take(LENGTH.next_multiple_of(bytes.len())).collect()
}

/// The value among short ones, in rows before and after it, and beside NULL.
#[track_caller]
fn comes_back(info: TypeInfo, value: Vec<u8>) {
    let moment = TypeInfo::Scaled { token: token::DATETIMEOFFSETN, scale: 7 };
    let at = Some(vec![1, 2, 3, 4, 5, 6, 7, 8, 60, 0]);
    let short = Some(value[..value.len().min(12)].to_vec());
    let row = |n: u8, value: Option<Vec<u8>>| vec![Some(vec![n, 0, 0, 0]), value, at.clone(), None];
    let rows = [row(1, short), row(2, Some(value.clone())), row(3, Some(value)), row(4, None)];
    round_trip(&[int(), info.clone(), moment, info], &rows);
}

#[test]
fn long_values_of_every_type_come_back() {
    let text = utf16("aé€𝄞");
    for (info, bytes) in [
        (binary(), &[1, 2, 3, 0, 0xFF][..]),
        (long_len(token::IMAGE, None), &[7, 8]),
        (chars(token::NVARCHAR, LATIN), &text),
        (TypeInfo::Xml { schema: None }, &text),
        (long_len(token::NTEXT, Some(LATIN)), &text),
        (chars(token::BIGVARCHAR, LATIN), b"caf\xE9 "),
        (long_len(token::TEXT, Some(LATIN)), b"caf\xE9 "),
        (chars(token::BIGVARCHAR, JAPANESE), b"a\x82\xA0\x8A\xBF\xB1"),
        (chars(token::BIGVARCHAR, UTF8), "aé€𝄞".as_bytes()),
        (chars(token::BIGVARCHAR, UNKNOWN), b"plain"),
    ] {
        comes_back(info, repeated(bytes));
    }
}

/// Half a surrogate pair at the end, half a character, bytes of a code page that is not known.
#[test]
fn long_texts_that_are_not_all_characters_come_back() {
    for (info, bytes, last) in [
        (chars(token::NVARCHAR, LATIN), utf16("aé€𝄞"), &[0x3D, 0xD8][..]),
        (long_len(token::NTEXT, Some(LATIN)), utf16("a"), &[0x3D, 0xD8]),
        (chars(token::BIGVARCHAR, JAPANESE), b"a\x82\xA0".to_vec(), &[0x82]),
        (chars(token::BIGVARCHAR, UTF8), b"a".to_vec(), &[0xE2, 0x82]),
        (chars(token::BIGVARCHAR, UNKNOWN), b"caf\xE9".to_vec(), &[]),
    ] {
        comes_back(info, [repeated(&bytes), last.to_vec()].concat());
    }
}

/// None is long, all of them are: the row is not held in memory. The last two do not come back from their text.
#[test]
fn many_values_that_are_long_together_come_back() {
    let infos = vec![chars(token::NVARCHAR, LATIN); 12];
    let value = |n: u8| [n, if n > 9 { 0xD8 } else { 1 }].repeat(LONG / 3);
    let row = || (0..12).map(|n| Some(value(n))).collect::<Vec<_>>();
    round_trip(&infos, &[row(), row()]);
}

/// What others read: the library makes the pages' values whole, and knows nothing of how they came to be.
#[test]
fn the_library_reads_long_pages() {
    let plan = plan(2, &SqlType::Int);
    let text = repeated(&utf16("aé€"));
    let rows = [vec![Some(vec![1]), Some(text.clone())], vec![Some([1, 2].repeat(LENGTH)), None]];
    let mut given = Given::new(&[binary(), chars(token::NVARCHAR, LATIN)], &rows, 1 << 16);
    let (dir, _) = written(&mut given, &plan);
    let path = crate::Folder::new(dir.path()).unwrap().file(&plan.target);
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let value = |group: usize, column: usize| {
        let group = reader.get_row_group(group).unwrap();
        let column = group.get_column_reader(column).unwrap();
        let mut column = parquet::column::reader::get_typed_column_reader::<ByteArrayType>(column);
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        assert_eq!(column.read_records(10, Some(&mut levels), None, &mut values).unwrap().0, 1);
        values.first().map(|value| value.data().to_vec())
    };
    assert_eq!(reader.num_row_groups(), 2);
    assert_eq!(value(0, 0), Some(vec![1]));
    assert!(value(0, 1).unwrap() == "aé€".repeat(text.len() / 6).into_bytes());
    assert!(value(1, 0).unwrap() == rows[1][0].clone().unwrap());
    assert_eq!((value(1, 1), value(1, 2)), (None, None));
}

/// The library's own pages of one value are read in pieces, too: those of files that were written before there were long pages.
#[test]
fn pages_of_the_library_are_read_piece_by_piece() {
    let plan = plan(1, &SqlType::Int);
    let value = vec![5; LONG - 10];
    let mut given = Given::new(&[binary()], &[vec![Some(value.clone())]], 1 << 16);
    let (dir, _) = written(&mut given, &plan);
    let path = crate::Folder::new(dir.path()).unwrap().file(&plan.target);
    let mut file = std::fs::File::open(&path).unwrap();
    let reader = SerializedFileReader::new(file.try_clone().unwrap()).unwrap();
    let page = LongPage::find(&mut file, reader.metadata().row_group(0).column(0)).unwrap().unwrap();
    let mut bytes = Vec::new();
    page.open(&path).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes == value);
}
