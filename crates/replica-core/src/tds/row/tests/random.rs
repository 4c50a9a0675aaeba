//! The scanner against the oracle.
use proptest::prelude::*;

use super::oracle::{OracleCell, OracleTable, OracleType, sent, steady_tables, tables, wanted};
use super::*;
use crate::tds::wire;

#[test]
fn nulls_are_put_back_however_many_there_are_in_a_row() {
    let kinds = [OracleType::Short(50), OracleType::ByteLen(token::INTN, 8)];
    // Behind a column of another layout a group of columns begins within a word of the bitmap.
    for (kind, leads) in kinds.into_iter().flat_map(|kind| [(kind.clone(), false), (kind, true)]) {
        for columns in [1, 8, 9, 63, 64, 65, 130] {
            let value = OracleCell { data: Some(vec![7; 8]), known_length: true, chunk: 1, pointer: 1 };
            let null = OracleCell { data: None, ..value.clone() };
            let row = |only: usize| {
                (0..columns).map(|n| if n == only { value.clone() } else { null.clone() }).collect::<Vec<_>>()
            };
            // The last row has no value at all.
            let rows = (0..=columns).map(|only| (true, row(only))).collect();
            let mut table: OracleTable = (vec![kind.clone(); columns], rows);
            if leads {
                table.0[0] = OracleType::Max;
            }
            let metadata: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
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
        let columns: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let (expected, fingerprint) = wanted(&table);
        let (blocks, ours) = scan(&columns, BlockLimits { bytes, rows }, &sent(&table), &pieces).unwrap();
        prop_assert_eq!(joined(&blocks), expected);
        prop_assert_eq!(ours, fingerprint);
        prop_assert!(blocks.iter().all(|block| block.rows <= rows));
        prop_assert_eq!(blocks.iter().map(|block| block.rows).sum::<u64>(), fingerprint.rows);
    }

    #[test]
    fn columns_of_one_length_come_out_as_any_others(
        table in steady_tables(),
        pieces in prop::collection::vec(1usize..4000, 1..6),
        bytes in 1usize..2000,
        rows in 1u64..5,
        unhashed in 0usize..3,
    ) {
        let columns: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let (expected, fingerprint) = wanted(&table);
        for limits in [BlockLimits { bytes, rows }, WHOLE] {
            let (blocks, ours) = scan(&columns, limits, &sent(&table), &pieces).unwrap();
            prop_assert_eq!(joined(&blocks), expected.clone());
            prop_assert_eq!(ours, fingerprint);
            prop_assert!(blocks.iter().all(|block| block.rows <= limits.rows));
        }
        // A run does not reach from what is not hashed into what is.
        let hashes = [false, true].map(|with_runs| {
            let mut scanner = RowScanner::new(&columns, WHOLE).unwrap();
            scanner.set_unhashed_columns(unhashed.min(columns.len() - 1), false);
            if with_runs {
                scanner.plan.find_runs();
            }
            scanner.scan(&sent(&table)).unwrap();
            scanner.fingerprint()
        });
        prop_assert_eq!(hashes[0], hashes[1]);
    }

    #[test]
    fn many_bytes_at_once_give_what_single_ones_do(
        table in tables(),
        at in any::<prop::sample::Index>(),
        flip in any::<u8>(),
    ) {
        let columns: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
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
        let columns: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
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
        let columns: Vec<WireColumn> = table.0.iter().map(|kind| column(kind.type_info())).collect();
        let mut bytes = Vec::new();
        columns::encode(&columns, Form::Result, &mut bytes);
        prop_assert_eq!(columns::parse(&bytes, Form::Result).unwrap().unwrap().0, columns);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _: Result<_, wire::Malformed> = columns::parse(&bytes, Form::Result);
    }
}
