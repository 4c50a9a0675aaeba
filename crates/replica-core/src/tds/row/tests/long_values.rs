//! Values that are longer than what holds them.
use proptest::prelude::*;

use super::oracle::in_chunks;
use super::*;
use crate::tds::types::CollationBytes;

#[test]
fn a_huge_value_is_never_held() {
    let columns = [column(TypeInfo::Chars {
        token: token::NVARCHAR,
        size: MAX_WIDTH,
        collation: CollationBytes([0; 5]),
    })];
    let mut scanner = RowScanner::new(&columns, BlockLimits { bytes: 4096, rows: u64::MAX }).unwrap();
    let begin = [&[ROW][..], &PLP_UNKNOWN.to_le_bytes(), &0x4000_0000u32.to_le_bytes()].concat();
    assert_eq!(scanner.scan(&begin).unwrap(), (begin.len(), ScanStop::Incomplete));
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
        scan(&columns, BlockLimits { bytes: 512, rows: 10 }, &row.repeat(20), &[512]).unwrap();
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
        let (blocks, fingerprint) = scan(&columns, BlockLimits { bytes: 512, rows: 9 }, &stream, &pieces).unwrap();
        prop_assert_eq!(joined(&blocks), &expected[..]);
        prop_assert_eq!(fingerprint, Fingerprint { rows: 1, hash: xxh3_128(&expected[1..]) });
    }
}
