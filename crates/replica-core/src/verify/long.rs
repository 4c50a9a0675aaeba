//! Rows that are too long for memory: read piece by piece, those of both sides side by side.
use std::cmp::Ordering;
use std::collections::BTreeMap;

use twox_hash::XxHash3_128;

use super::finding::{DifferingColumn, DifferingRows};
use crate::compare::merge::Merge;
use crate::compare::stream::Stream;
use crate::decode::{PieceData, PieceReader, ValueComparison};
use crate::error::{Error, Result};

/// Bytes that are kept of a value: all of it, or enough to show how it begins. Even, for UTF-16.
const KEPT: usize = 16 << 10;

/// What is shown of a long row.
pub(super) struct ShownRow {
    pub key: String,
    pub values: Vec<DifferingColumn>,
}

impl DifferingRows {
    /// Reads the current rows of a merge to their ends.
    ///
    /// # Errors
    /// The servers'; lost connections.
    pub(super) async fn read_long(&self, merge: &mut Merge<'_>, ordering: Ordering) -> Result<ShownRow> {
        let row = match ordering {
            Ordering::Equal => self.read_both(merge).await?,
            Ordering::Less => {
                ShownRow { key: self.key_of_long(&mut merge.source, 0).await?, values: Vec::new() }
            }
            Ordering::Greater => {
                ShownRow { key: self.key_of_long(&mut merge.target, 1).await?, values: Vec::new() }
            }
        };
        merge.pass_rest(ordering).await?;
        Ok(row)
    }

    /// Reads the current row of a side as far as it takes to show its key.
    ///
    /// # Errors
    /// The server's; a lost connection.
    pub(super) async fn key_of_long(&self, stream: &mut Stream<'_>, side: usize) -> Result<String> {
        let mut row = RowPieces::new(stream);
        row.pass(self.lead(side)).await?;
        let mut shown = BTreeMap::new();
        for at in 0..self.columns() {
            let value = row.value().await?;
            if self.is_of_key(at) {
                shown.insert(at, self.named(side, at, value.kept()));
            }
        }
        Ok(self.key_from(|at| shown.remove(&at).unwrap_or_default()))
    }

    async fn read_both(&self, merge: &mut Merge<'_>) -> Result<ShownRow> {
        let mut rows = [RowPieces::new(&mut merge.source), RowPieces::new(&mut merge.target)];
        for (side, row) in rows.iter_mut().enumerate() {
            row.pass(self.lead(side)).await?;
        }
        let mut shown = BTreeMap::new();
        let mut differing = Vec::new();
        for at in 0..self.columns() {
            let mut comparison = ValueComparison::new(self.kind(0, at)?, self.kind(1, at)?);
            let mut values = [ValueOutline::default(), ValueOutline::default()];
            while let Some(side) = comparison.wants() {
                let value = &mut values[side as usize];
                let bytes = rows[side as usize].piece(value).await?;
                comparison.push(side, bytes, value.ended);
            }
            let [source, target] = &values;
            if self.is_of_key(at) {
                shown.insert(at, self.named(0, at, source.kept()));
            }
            if !source.is_same(target) {
                differing.push(self.long_difference(at, source, target, &comparison));
            }
        }
        let key = self.key_from(|at| shown.remove(&at).unwrap_or_default());
        Ok(ShownRow { key, values: differing })
    }

    fn long_difference(
        &self,
        at: usize,
        source: &ValueOutline,
        target: &ValueOutline,
        comparison: &ValueComparison,
    ) -> DifferingColumn {
        // By how they begin, where that is all of them, or one is NULL.
        let mut shown = self.difference(at, source.kept(), target.kept());
        if source.is_all_kept() && target.is_all_kept() {
            return shown;
        }
        match comparison.difference().filter(|_| !source.is_null && !target.is_null) {
            Some(parted) => {
                (shown.source, shown.target, shown.note) = (parted.left, parted.right, parted.note);
            }
            None if source.is_null => shown.note = format!("NULL, and a value of {} bytes", target.length),
            None if target.is_null => shown.note = format!("a value of {} bytes, and NULL", source.length),
            None => "the same characters in other bytes".clone_into(&mut shown.note),
        }
        shown
    }
}

/// What is known of a value.
#[derive(Default)]
struct ValueOutline {
    is_null: bool,
    ended: bool,
    length: u64,
    hash: XxHash3_128,
    /// How it begins.
    first: Vec<u8>,
}

impl ValueOutline {
    fn kept(&self) -> Option<&[u8]> {
        (!self.is_null).then_some(&self.first)
    }

    fn is_all_kept(&self) -> bool {
        self.length == self.first.len() as u64
    }

    fn is_same(&self, other: &Self) -> bool {
        let of = |value: &Self| (value.is_null, value.length, value.hash.finish_128());
        of(self) == of(other)
    }
}

/// The current row of a side.
struct RowPieces<'s, 'a> {
    stream: &'s mut Stream<'a>,
    pieces: PieceReader,
    /// Where the next piece begins: in the row's first block, or in what came after it.
    at: usize,
    in_first: bool,
}

impl<'s, 'a> RowPieces<'s, 'a> {
    fn new(stream: &'s mut Stream<'a>) -> Self {
        let pieces = PieceReader::new(stream.columns().0);
        Self { stream, pieces, at: 0, in_first: true }
    }

    /// Passes over some values.
    async fn pass(&mut self, values: usize) -> Result<()> {
        for _ in 0..values {
            self.value().await?;
        }
        Ok(())
    }

    /// The next value, as far as it is kept.
    async fn value(&mut self) -> Result<ValueOutline> {
        let mut value = ValueOutline::default();
        while !value.ended {
            self.piece(&mut value).await?;
        }
        Ok(value)
    }

    /// The next bytes of a value, which has not ended.
    async fn piece(&mut self, value: &mut ValueOutline) -> Result<&[u8]> {
        let from = loop {
            let Self { stream, pieces, at, in_first } = &mut *self;
            let block = if *in_first { &stream.row } else { &stream.piece };
            let mut rest = block.get(*at..).unwrap_or_default();
            match pieces.next(&mut rest)? {
                Some(piece) => {
                    *at = block.len() - rest.len();
                    match piece.data {
                        PieceData::Null => {
                            (value.is_null, value.ended) = (true, true);
                            break *at;
                        }
                        PieceData::Bytes { bytes, last } => {
                            value.ended = last;
                            value.length += bytes.len() as u64;
                            value.hash.write(bytes);
                            let room = KEPT.saturating_sub(value.first.len()).min(bytes.len());
                            value.first.extend_from_slice(&bytes[..room]);
                            break *at - bytes.len();
                        }
                    }
                }
                None => {
                    if !stream.more().await? {
                        return Err(Error::data("a row ends within a value"));
                    }
                    (*in_first, *at) = (false, 0);
                }
            }
        };
        let block = if self.in_first { &self.stream.row } else { &self.stream.piece };
        Ok(&block[from..self.at])
    }
}
