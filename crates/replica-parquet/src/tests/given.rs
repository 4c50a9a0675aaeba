//! Rows as a server would have sent them.
use replica_core::error::Result;
use replica_core::lane::RowSource;
use replica_core::tds::bulk;
use replica_core::tds::columns::WireColumn;
use replica_core::tds::fingerprint::Fingerprint;
use replica_core::tds::row::{Block, BlockLimits, RowScanner, ScanStop};
use replica_core::tds::types::TypeInfo;

use crate::bulk_row;

/// Rows at hand: what a server would have sent.
pub(super) struct Given {
    columns: Vec<WireColumn>,
    blocks: Vec<Block>,
    pub(super) fingerprint: Fingerprint,
}

impl Given {
    pub(super) fn new(infos: &[TypeInfo], rows: &[Vec<Option<Vec<u8>>>], block: usize) -> Self {
        let column = |(n, info): (usize, &TypeInfo)| WireColumn {
            name: format!("c{n}").into(),
            user_type: 0,
            flags: 9,
            type_info: info.clone(),
            table: Vec::new(),
        };
        let columns: Vec<_> = infos.iter().enumerate().map(column).collect();
        let mut stream = Vec::new();
        for row in rows {
            stream.push(0xD1);
            for (value, info) in row.iter().zip(infos) {
                bulk_row::put(info.layout(), value.as_deref(), &mut stream).unwrap();
            }
        }
        let bulk = |column: &WireColumn| WireColumn {
            type_info: bulk::type_info(&column.type_info),
            ..column.clone()
        };
        let bulk: Vec<_> = columns.iter().map(bulk).collect();
        let mut scanner = RowScanner::new(&bulk, BlockLimits { bytes: block, rows: u64::MAX }).unwrap();
        let (mut blocks, mut at) = (Vec::new(), 0);
        loop {
            let (used, stop) = scanner.scan(&stream[at..]).unwrap();
            at += used;
            blocks.push(scanner.take(Vec::new()));
            if stop == ScanStop::Incomplete {
                break;
            }
        }
        assert_eq!(at, stream.len());
        blocks.reverse();
        Self { columns, blocks, fingerprint: scanner.fingerprint() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.blocks.iter().rev().flat_map(|block| block.bytes.clone()).collect()
    }
}

impl RowSource for &mut Given {
    fn columns(&self) -> &[WireColumn] {
        &self.columns
    }

    fn set_chunk_rows(&mut self, _: u64) {}

    async fn next(&mut self, _: Vec<u8>) -> Result<Option<Block>> {
        Ok(self.blocks.pop())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    async fn cancel(self) -> Result<()> {
        Ok(())
    }
}
